"""Losses, R1 and gradients of the discriminator are those of an independent float64 implementation."""

import numpy as np
import pytest
import torch

from conftest import ROOT
from dlcourse.stylegan.losses import logistic_discriminator_loss, logistic_generator_loss, r1_penalty
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.layers import upscale

EXPECTED = {
    name: torch.from_numpy(values) for name, values in np.load(ROOT / "tests/data/stylegan_losses_tiny.npz").items()
}
GAMMA = 10.0


@pytest.fixture(scope="module")
def discriminator_and_reals():
    with np.load(ROOT / "tests/data/stylegan_official_tiny.npz") as arrays:
        official = {name: torch.from_numpy(arrays[name]) for name in arrays}
    discriminator = Discriminator(32, 256, 32, 0)
    discriminator.load_state_dict({name[2:]: value for name, value in official.items() if name.startswith("D.")})
    return discriminator, official["d_images"]


def to_official(gradient):
    """Convolutions (O, I, H, W) -> (H, W, I, O), linear layers transposed."""
    return gradient.permute(2, 3, 1, 0) if gradient.ndim == 4 else gradient.mT if gradient.ndim == 2 else gradient


def test_losses_r1_and_four_gradients(discriminator_and_reals):
    discriminator, images = discriminator_and_reals
    reals = images.clone().requires_grad_(True)
    real_scores, fake_scores = discriminator(reals), discriminator(EXPECTED["fakes"])
    penalty = r1_penalty(reals, real_scores)
    loss = logistic_discriminator_loss(real_scores, fake_scores) + GAMMA * penalty
    assert loss.item() == pytest.approx(EXPECTED["d_loss"].item(), rel=1e-4)
    assert 2 * penalty.item() == pytest.approx(EXPECTED["r1_per_sample"].mean().item(), rel=1e-4)
    assert logistic_generator_loss(fake_scores).item() == pytest.approx(EXPECTED["g_loss"].item(), rel=1e-4)
    names = [name.removeprefix("grad:") for name in EXPECTED if name.startswith("grad:")]
    assert len(names) == 4
    ours = [
        discriminator.get_parameter(name.lower().replace("fromrgb", "from_rgb").replace("/", ".")) for name in names
    ]
    for name, gradient in zip(names, torch.autograd.grad(loss, ours), strict=True):
        expected = EXPECTED[f"grad:{name}"]
        assert (to_official(gradient) - expected).abs().max() <= 1e-4 * expected.abs().max(), name


def test_r1_of_small_images_in_larger_coordinates_is_that_of_upscaled_ones(discriminator_and_reals):
    """What the task relies on: with x = u / 2^k, the gradient by u is as long as that by the image of full size."""
    discriminator, _ = discriminator_and_reals
    small = torch.randn(4, 3, 8, 8)
    whole = upscale(small, 4).requires_grad_(True)
    expected = r1_penalty(whole, discriminator(whole, lod=2.0))
    larger = (4 * small).requires_grad_(True)
    assert torch.allclose(r1_penalty(larger, discriminator(larger / 4, lod=2.0)), expected)
