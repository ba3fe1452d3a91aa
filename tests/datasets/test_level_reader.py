"""A cache of decoded images that somebody damages ends a run in a line, never by a signal, and is made anew."""

import numpy as np
import pytest
import torch
from PIL import Image
from test_image_folder import image_folder

from dlcourse.errors import UserError


@pytest.fixture
def folders(tmp_path):
    """The same images from memory and from a cache."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / "images" / f"{number}.png")
    from_cache = image_folder(tmp_path / "images", cache=str(tmp_path / "cache"))
    return image_folder(tmp_path / "images"), from_cache


@pytest.mark.parametrize("index", [slice(None), slice(1, 4), torch.tensor([5, 0, 5]), torch.tensor([[1], [2]]), 3])
def test_a_level_is_indexed_like_a_tensor(folders, index):
    in_memory, from_cache = folders
    for expected, level in zip(in_memory.levels, from_cache.levels, strict=True):
        assert torch.equal(level[index], expected[index])
        assert len(level) == len(expected) and level.shape == expected.shape


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_changed_image_is_noticed_when_it_is_first_used(folders, level):
    _, from_cache = folders
    path = from_cache.cache_path.with_suffix(".levels")
    expected = from_cache.levels[level][4]
    with path.open("r+b") as file:
        file.seek(from_cache.levels[level].start + 4 * expected.numel())
        file.write(bytes([255 - int(expected.flatten()[0])]))
    again = image_folder(from_cache.root, cache=str(from_cache.cache))
    assert len(again.levels[level][:4]) == 4
    with pytest.raises(UserError, match=r"levels: this cache of decoded images is damaged; the next start makes it"):
        again.levels[level][torch.tensor([0, 4])]
    assert torch.equal(image_folder(from_cache.root, cache=str(from_cache.cache)).levels[level][4], expected)


def test_a_file_cut_short_while_it_is_used_raises(folders):
    _, from_cache = folders
    level = from_cache.levels[0]
    with from_cache.cache_path.with_suffix(".levels").open("r+b") as file:
        file.truncate(2000)
    assert len(level[:2]) == 2
    with pytest.raises(UserError, match="damaged"):
        level[2]
