"""StyleGAN v1's networks give what the official graph gives.

The fixture: random values in every variable of an official-layout checkpoint at 32x32; images and scores by an
independent float64 implementation of the official graph, which agrees with the official code.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator, mix_styles

OFFICIAL = Path(__file__).parents[1] / "data" / "stylegan_official_tiny.npz"


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    with np.load(OFFICIAL) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def official_generator(official) -> Generator:
    generator = Generator(32, 32, 24, 256, 32, 0, mapping_width=40)
    generator.load_state_dict({name[2:]: value for name, value in official.items() if name.startswith("G.")})
    return generator.requires_grad_(False)


@pytest.fixture(scope="module")
def official_discriminator(official) -> Discriminator:
    discriminator = Discriminator(32, 256, 32, 0)
    discriminator.load_state_dict({name[2:]: value for name, value in official.items() if name.startswith("D.")})
    return discriminator.requires_grad_(False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "img_psi1_const"),
        ({"truncation_psi": 0.5, "truncation_cutoff": 4}, "img_psi05_cut4_const"),
        ({"truncation_psi": -1.0}, "img_psim1_all_const"),
        ({"noise": "none"}, "img_psi1_zero_noise"),
        ({"lod": 0.25}, "img_lod0.25_const"),
        ({"lod": 1.6}, "img_lod1.6_const"),
    ],
)
def test_official_images(official, official_generator, arguments, expected):
    assert_close(official_generator(official["z"], **arguments), official[expected])


def test_official_images_with_given_noise(official, official_generator):
    noise = [official[f"noise{layer}"] for layer in range(8)]
    assert_close(official_generator(official["z"], noise=noise), official["img_psi1_given_noise"])


def test_official_mixing(official, official_generator):
    w, other = (official_generator.mapping(official[z])[:, None].expand(-1, 8, -1) for z in ("z", "z2"))
    assert_close(w[:, 0], official["w"])
    assert_close(official_generator.synthesis(mix_styles(w, other, 2, 4)), official["img_mix_range_const"])


@pytest.mark.parametrize(
    ("batch", "lod", "expected"),
    [
        (8, 0.0, "d_scores8"),
        (3, 0.0, "d_scores3"),
        (1, 0.0, "d_scores1"),
        (8, 0.25, "d_scores8_lod0.25"),
        (8, 1.6, "d_scores8_lod1.6"),
    ],
)
def test_official_scores(official, official_discriminator, batch, lod, expected):
    assert_close(official_discriminator(official["d_images"][:batch], lod=lod), official[expected])
