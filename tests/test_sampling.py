import numpy as np
import pytest
import torch

from dlcourse.models import Generator
from dlcourse.sampling import Grid, latents, parse_seeds, sample_images


@pytest.fixture
def generator():
    network = Generator(resolution=16, z_dim=8, w_dim=8, channel_base=128, channel_max=16, label_size=0)
    for name, parameter in network.named_parameters():
        if "noise" in name:
            torch.nn.init.ones_(parameter)
    network.w_avg.normal_()
    return network.eval()


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-3", [0, 1, 2, 3]),
        (7, [7]),
        ("7", [7]),
        ("1,5-6", [1, 5, 6]),
        ([3, 1], [3, 1]),
        (["0-1", 9], [0, 1, 9]),
    ],
)
def test_seeds_as_people_write_them(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-3", "5-2", [], "1.5"])
def test_seeds_that_make_no_sense_are_named(text):
    with pytest.raises(ValueError, match="seed"):
        parse_seeds(text)


def test_a_latent_depends_on_its_seed_alone():
    assert torch.equal(latents([3, 4, 5], 16)[1], latents([4], 16)[0])
    assert not torch.equal(*latents([1, 2], 16))


def test_a_picture_is_the_same_bits_whatever_else_is_drawn(generator):
    together = sample_images(generator, latents(range(5), 8), truncation_psi=0.7, batch_size=1)
    alone = sample_images(generator, latents([3], 8), truncation_psi=0.7, batch_size=1)
    assert torch.equal(together[3], alone[0])
    batched = sample_images(generator, latents(range(5), 8), truncation_psi=0.7, batch_size=4)
    assert torch.allclose(together, batched, atol=1e-5)


def test_psi_0_is_one_picture_for_all(generator):
    images = sample_images(generator, latents(range(3), 8), truncation_psi=0.0, batch_size=1)
    assert torch.equal(images[0], images[1]) and torch.equal(images[0], images[2])
    assert images.min() >= 0 and images.max() <= 1


def test_the_grid_repeats_itself_and_follows_its_seeds(generator):
    make = lambda seeds: np.asarray(Grid(seeds, 0.7, columns=2, batch_size=1)(generator))
    assert np.array_equal(make("0-3"), make([0, 1, 2, 3]))
    assert not np.array_equal(make("0-3"), make("1-4"))


def test_senseless_values_are_named():
    with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
        Grid("0-3", 0.7, columns=0, batch_size=1)
