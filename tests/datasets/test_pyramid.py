import numpy as np
import torch

from conftest import ROOT
from dlcourse.datasets.pyramid import pyramid

REALS = np.load(ROOT / "tests/data/reals.npz")


def test_levels_are_the_official_ones():
    levels = pyramid(torch.from_numpy(REALS["image"])[None])
    assert len(levels) == 4
    for lod, level in enumerate(levels):
        assert torch.equal(level[0], torch.from_numpy(REALS[f"lod{lod}"]))


def test_chunks_make_no_difference(monkeypatch):
    images = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8)
    whole = pyramid(images)
    monkeypatch.setattr("dlcourse.datasets.pyramid.PIXELS_PER_CHUNK", 2 * 16**2)
    for one, other in zip(whole, pyramid(images), strict=True):
        assert torch.equal(one, other)
