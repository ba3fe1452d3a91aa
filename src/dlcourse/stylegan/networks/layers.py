"""The operations of both networks. AdaIN is in dlcourse/nn/adain.py; kernels.py has faster forms of some.

Letters: N images, C channels, H x W pixels, R resolution, L layers, G images per group, M groups.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.errors import check_at_least
from dlcourse.nn.adain import at_least_float32
from dlcourse.stylegan.networks.kernels import SymmetricFilter, conv_down

GAIN = 2**0.5  # of He's initialization, for a layer followed by a rectifier
EPSILON = 1e-8
RESOLUTIONS = (8, 16, 32, 64, 128, 256, 512, 1024)


def block_name(log2: int) -> str:
    """The name of the block of a resolution, such as "8x8" for 3."""
    return f"{2**log2}x{2**log2}"


def channels_by_stage(
    resolution: int, channel_base: int, channel_max: int, channels: Sequence[int] | None = None
) -> Sequence[int]:
    """nf(stage) = min(channel_base / 2^stage, channel_max)   (Karras et al. 2018, arXiv:1710.10196, table 2).

    For stages 0 ... log2(resolution) - 1; resolution r has stage log2(r) - 1. `channels` replace them, if given.
    ValueError for a resolution that is not a power of two from 8 to 1024, or widths that leave no channel.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution must be one of {', '.join(map(str, RESOLUTIONS))}, got {resolution}")
    if channel_base < resolution // 2:
        raise ValueError(f"channel_base must be >= resolution / 2 = {resolution // 2}, got {channel_base}")
    check_at_least(1, channel_max=channel_max)
    stages = resolution.bit_length() - 1
    if channels is None:
        return [min(channel_base // 2**stage, channel_max) for stage in range(stages)]
    if len(channels) != stages or min(channels) < 1:
        raise ValueError(f"channels must be {stages} positive numbers, one per stage, got {list(channels)}")
    return channels


def check_labels(labels: Tensor | None, batch: int, num_classes: int) -> None:
    """Raise ValueError unless labels are (batch, num_classes), or None for a network without classes."""
    if labels is None and num_classes:
        raise ValueError(f"labels are missing: give one-hot rows ({batch}, {num_classes})")
    if labels is not None and labels.shape != (batch, num_classes):
        cure = f"give ({batch}, {num_classes})" if num_classes else "leave them out: num_classes is 0"
        raise ValueError(f"labels of shape {tuple(labels.shape)} do not fit, {cure}")


def split_lod(lod: float, resolution: int) -> tuple[int, bool]:
    """How many resolutions a level of detail skips, and whether the next coarser one is faded in.

    0 is full resolution, log2(resolution) - 2 is 4x4.
    """
    lowest = resolution.bit_length() - 3
    if not 0 <= lod <= lowest:
        raise ValueError(f"lod must be in [0, {lowest}] at resolution {resolution}, got {lod}")
    return int(lod), lod > int(lod)


def lrelu(x: Tensor) -> Tensor:
    """max(x, 0.2 x). Overwrites x: only for the fresh output of a layer."""
    return F.leaky_relu(x, 0.2, inplace=True)


def pixel_norm(x: Tensor) -> Tensor:
    """x / sqrt(mean_c(x^2) + 1e-8)   (Karras et al. 2018, section 4.2); (N, C, ...) -> same."""
    return x * (x.square().mean(1, keepdim=True) + EPSILON).rsqrt()


def add_noise(x: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
    """x + strength * noise   (Karras et al. 2019, section 2: B in figure 1b). Overwrites x.

    Shape: x (N, C, H, W), noise (N or 1, 1, H, W), strength (C).
    """
    return x.addcmul_(noise, strength[:, None, None])


def fade_in(fine: Tensor, coarse: Tensor, lod: float) -> Tensor:
    """(1 - t) fine + t coarse, t the fraction of the level of detail   (Karras et al. 2018, figure 2)."""
    return torch.lerp(fine, coarse, lod - int(lod))


def minibatch_stddev(x: Tensor, group_size: int) -> Tensor:
    """Append one channel: the standard deviation over a group of images, averaged over channels and pixels.

    s = mean_chw sqrt(mean_g (x - mean_g(x))^2 + 1e-8)   (Karras et al. 2018, section 3). The group of image i
    holds i, i + M, i + 2M, ... G is the largest number <= group_size that divides N, so that any batch is
    accepted; the official min(group_size, N) is the same wherever it divides N, and fails elsewhere.

    Shape: (N, C, H, W) -> (N, C + 1, H, W).
    """
    batch = x.shape[0]
    group_size = fitting_group_size(batch, group_size)
    groups = at_least_float32(x).view(group_size, -1, *x.shape[1:])  # (G, M, C, H, W)
    variance = (groups - groups.mean(0)).square().mean(0)  # (M, C, H, W)
    statistic = (variance + EPSILON).sqrt().mean((1, 2, 3)).to(x.dtype)  # (M,)
    channel = statistic.repeat(group_size).view(batch, 1, 1, 1).expand(-1, 1, *x.shape[2:])  # (N, 1, H, W)
    return torch.cat([x, channel], dim=1)  # (N, C + 1, H, W)


def fitting_group_size(images: int, most: int) -> int:
    """The largest number <= `most` that divides the number of images."""
    return next(size for size in range(min(most, images), 0, -1) if images % size == 0)


def upscale(x: Tensor, factor: int) -> Tensor:
    """Nearest neighbour, (N, C, H, W) -> (N, C, factor H, factor W)."""
    return x if factor == 1 else F.interpolate(x, scale_factor=float(factor), mode="nearest")


def downscale(x: Tensor, factor: int) -> Tensor:
    """Mean of factor x factor pixels, (N, C, H, W) -> (N, C, H / factor, W / factor)."""
    return x if factor == 1 else F.avg_pool2d(x, factor)


class Blur(nn.Module):
    """[1, 2, 1] x [1, 2, 1] / 16 on each channel, zeros outside   (Karras et al. 2019, section 2)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", row.outer(row)[None, None], persistent=False)  # (1, 1, 3, 3)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and a bias (C) to add afterwards -> (N, C, H, W)."""
        return SymmetricFilter.apply(x, self.kernel, bias)


class Linear(nn.Module):
    """y = x (c W)^T + b, c = gain / sqrt(inputs), W ~ N(0, 1): equalized learning rate.

    Karras et al. 2018, section 4.1. With lr_multiplier m, W is drawn from N(0, 1 / m^2), and c W and b are
    multiplied by m: the same function at first, which learns m times as fast.
    Shape: (..., inputs) -> (..., outputs); weight (outputs, inputs).
    """

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN, lr_multiplier: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale, self.lr_multiplier = gain / inputs**0.5 * lr_multiplier, lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        # c x, not c W: on a CPU, scaling 2 MiB of weights takes ten times as long as the layer itself for one image
        return F.linear(x * self.scale, self.weight, self.bias * self.lr_multiplier)


class Conv2d(nn.Module):
    """A convolution with equalized learning rate: c = gain / sqrt(inputs kernel_size^2); zeros outside.

    Shape: (N, inputs, H, W) -> (N, outputs, H, W); weight (outputs, inputs, kernel_size, kernel_size).
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, gain: float = GAIN):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / (inputs * kernel_size**2) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding="same")


class BlurDownConv2d(Conv2d):
    """Blur, 3x3 convolution, mean of 2x2 pixels: (N, inputs, H, W) -> (N, outputs, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, kernel_size=3)
        self.blur = Blur()

    def forward(self, x: Tensor) -> Tensor:
        return conv_down(self.blur(x), self.weight * self.scale, self.bias)
