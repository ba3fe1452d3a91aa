"""StyleGAN v1's networks say in one line what does not fit."""

import pytest
import torch

from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator, mix_styles

Z_DIM, W_DIM = 8, 6
WIDTHS = {"channel_base": 64, "channel_max": 12}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 48}, "resolution must be one of .*, got 48"),
        ({"resolution": 4}, "resolution must be one of .*, got 4"),
        ({"channel_base": 2}, "channel_base must be >= resolution / 2 = 8, got 2"),
        ({"channel_max": 0}, "channel_max must be at least 1, got 0"),
        ({"num_classes": -1}, "num_classes must be 0 .*, got -1"),
        ({"z_dim": 0}, "z_dim must be at least 1, got 0"),
        ({"w_dim": 0}, "w_dim must be at least 1, got 0"),
        ({"mapping_layers": 0}, "mapping_layers must be at least 1, got 0"),
        ({"mapping_lr_multiplier": 0}, "mapping_lr_multiplier must be positive, got 0"),
    ],
)
def test_senseless_sizes(change, message):
    sizes = {"resolution": 16, "z_dim": Z_DIM, "w_dim": W_DIM, "num_classes": 0, **WIDTHS}
    with pytest.raises(ValueError, match=message):
        Generator(**(sizes | change))
    common = {"resolution", "channel_base", "channel_max", "num_classes"}
    if set(change) <= common:
        with pytest.raises(ValueError, match=message):
            Discriminator(**{name: value for name, value in (sizes | change).items() if name in common})


def test_channels_in_place_of_the_rule():
    discriminator = Discriminator(16, **WIDTHS, num_classes=0, channels=[5, 7, 6, 2])
    assert tuple(discriminator.get_submodule("8x8").conv1_down.weight.shape) == (7, 6, 3, 3)
    generator = Generator(16, Z_DIM, W_DIM, **WIDTHS, num_classes=0, channels=[1, 7, 6, 2])
    assert generator(torch.zeros(1, Z_DIM)).shape == (1, 3, 16, 16)
    for channels in ([7, 6, 2], [1, 7, 0, 2]):
        with pytest.raises(ValueError, match="channels must be 4 positive numbers, one per stage, got"):
            Generator(16, Z_DIM, W_DIM, **WIDTHS, num_classes=0, channels=channels)


def test_senseless_group_size():
    with pytest.raises(ValueError, match="mbstd_group_size must be at least 1, got 0"):
        Discriminator(16, **WIDTHS, num_classes=0, mbstd_group_size=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": "fixed"}, "noise must be const, random, none, a generator or a list of tensors, got 'fixed'"),
        ({"noise": [torch.zeros(1, 1, 4, 4)]}, "noise must hold 6 tensors, one per layer, got 1"),
        ({"noise": [torch.zeros(1, 1, 4, 4)] * 6}, r"noise\[2\] must be \(2 or 1, 1, 8, 8\), got \(1, 1, 4, 4\)"),
        ({"lod": 2.5}, r"lod must be in \[0, 2\] at resolution 16, got 2.5"),
        ({"lod": -0.1}, "lod must be in"),
        ({"truncation_cutoff": -1}, "truncation_cutoff must be .* >= 0, .*, got -1"),
        ({"labels": torch.eye(2)}, "labels of shape .* leave them out"),
        ({"z": torch.zeros(2, 3)}, r"z must be \(N, 8\), got \(2, 3\)"),
    ],
)
def test_senseless_generator_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Generator(16, Z_DIM, W_DIM, **WIDTHS, num_classes=0)(**({"z": torch.zeros(2, Z_DIM)} | arguments))


def test_other_senseless_arguments():
    generator = Generator(16, Z_DIM, W_DIM, **WIDTHS, num_classes=3)
    discriminator = Discriminator(16, **WIDTHS, num_classes=3)
    with pytest.raises(ValueError, match=r"labels are missing: give one-hot rows \(2, 3\)"):
        generator(torch.zeros(2, Z_DIM))
    with pytest.raises(ValueError, match=r"labels of shape \(2, 2\) do not fit, give \(2, 3\)"):
        discriminator(torch.zeros(2, 3, 16, 16), torch.eye(2))
    with pytest.raises(ValueError, match=r"images must be \(N, 3, 16, 16\), got \(2, 3, 8, 8\)"):
        discriminator(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"styles must be \(N, 6, 6\), got \(2, 6\)"):
        generator.synthesis(torch.zeros(2, W_DIM))
    styles = torch.zeros(2, 6, W_DIM)
    with pytest.raises(ValueError, match="0 <= first <= last <= 6"):
        mix_styles(styles, styles, 4, 3)
    with pytest.raises(ValueError, match="must have one shape"):
        mix_styles(styles, styles[:1], 0, 3)
