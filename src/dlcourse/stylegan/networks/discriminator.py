"""The discriminator: ProGAN's, with blurs before the strides.

Letters: N images, C channels, H x W pixels, R resolution.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from dlcourse.errors import check_at_least
from dlcourse.stylegan.networks.layers import (
    BlurDownConv2d,
    Conv2d,
    Linear,
    block_name,
    channels_by_stage,
    check_labels,
    downscale,
    fade_in,
    lrelu,
    minibatch_stddev,
    split_lod,
)

Activation = Callable[[Tensor], Tensor]


class Discriminator(nn.Module):
    """Raw scores (logits) of images   (Karras et al. 2018, arXiv:1710.10196, table 2).

    The state dict holds the official variables under their own names in lower case: `FromRGB_lod0/weight` is
    `from_rgb_lod0.weight`, `8x8/Conv1_down/bias` is `8x8.conv1_down.bias`. From TensorFlow's order convolutions are
    permuted (3, 2, 0, 1) and linear layers transposed.
    """

    def __init__(
        self,
        resolution: int,  # R, a power of two from 8 to 1024
        channel_base: int,  # see `channels_by_stage`
        channel_max: int,
        num_classes: int,  # 0 makes it unconditional
        mbstd_group_size: int | None = 4,  # images per group of `minibatch_stddev`; None takes the whole batch
        channels: list[int] | None = None,  # of the stages 0 (the last hidden layer), 1 (4x4), ...; None takes the rule
        parts: "DiscriminatorParts | None" = None,  # the graph, see `variants`
    ):
        super().__init__()
        if num_classes < 0:
            raise ValueError(f"num_classes must be 0 (no labels) or the number of classes, got {num_classes}")
        group_size = sys.maxsize if mbstd_group_size is None else mbstd_group_size
        check_at_least(1, mbstd_group_size=group_size)
        stages = channels_by_stage(resolution, channel_base, channel_max, channels)
        parts = DiscriminatorParts() if parts is None else parts
        self.activate_rgb = parts.activate_rgb
        self.resolution, self.num_classes = resolution, num_classes
        self.mbstd_group_size = group_size
        self.top = resolution.bit_length() - 1  # log2(R)
        for log2 in range(self.top, 1, -1):
            self.add_module(f"from_rgb_lod{self.top - log2}", Conv2d(3, stages[log2 - 1], parts.rgb_kernel_size))
        for log2 in range(self.top, 2, -1):
            self.add_module(block_name(log2), DownBlock(stages[log2 - 1], stages[log2 - 2], parts.is_early))
        last = ScoreBlock(stages[1], stages[0], max(num_classes, 1), group_size, parts.activate_hidden)
        self.add_module("4x4", last)

    def forward(self, images: Tensor, labels: Tensor | None = None, lod: float = 0.0) -> Tensor:
        """Scores, (N, 3, R, R) -> (N, 1).

        At level of detail k + t the images are scaled down to R / 2^k, and the features after the first block fade by
        t towards those of R / 2^(k + 1). Blocks above R / 2^k are not computed. Images that are scaled down already may
        be given as (N, 3, R / 2^k, R / 2^k). `labels` are one-hot, (N, num_classes), if and only if num_classes > 0.
        """
        skipped, is_fading = split_lod(lod, self.resolution)
        if images.shape[1:] not in {(3, size, size) for size in (self.resolution, self.resolution >> skipped)}:
            wanted = f"(N, 3, {self.resolution}, {self.resolution})"
            raise ValueError(f"images must be {wanted}, got {tuple(images.shape)}")
        check_labels(labels, images.shape[0], self.num_classes)
        images = downscale(images, images.shape[2] // (self.resolution >> skipped))  # (N, 3, R / 2^k, R / 2^k)
        x = self.activate_rgb(self.get_submodule(f"from_rgb_lod{skipped}")(images))  # (N, C, R / 2^k, R / 2^k)
        for log2 in range(self.top - skipped, 2, -1):
            x = self.get_submodule(block_name(log2))(x)  # (N, C', H / 2, W / 2)
            if is_fading and log2 == self.top - skipped:
                from_rgb = self.get_submodule(f"from_rgb_lod{skipped + 1}")
                x = fade_in(x, self.activate_rgb(from_rgb(downscale(images, 2))), lod)
        scores = self.get_submodule("4x4")(x)  # (N, max(num_classes, 1))
        return scores if labels is None else (scores * labels).sum(dim=1, keepdim=True)  # (N, 1)


class DownBlock(nn.Module):
    """Convolution, then blur and convolution to half the size: (N, C, H, W) -> (N, C', H / 2, W / 2).

    One of them changes the channels: the second, or the first if `is_early`.
    """

    def __init__(self, inputs: int, outputs: int, is_early: bool):
        super().__init__()
        width = outputs if is_early else inputs
        self.conv0 = Conv2d(inputs, width, 3)
        self.conv1_down = BlurDownConv2d(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return lrelu(self.conv1_down(lrelu(self.conv0(x))))


class ScoreBlock(nn.Module):
    """Minibatch standard deviation, convolution and two linear layers: (N, C, 4, 4) -> (N, outputs)."""

    def __init__(self, inputs: int, hidden: int, outputs: int, mbstd_group_size: int, activate: Activation):
        super().__init__()
        self.mbstd_group_size, self.activate = mbstd_group_size, activate
        self.conv = Conv2d(inputs + 1, inputs, 3)
        self.dense0 = Linear(16 * inputs, hidden)
        self.dense1 = Linear(hidden, outputs, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        x = minibatch_stddev(x, self.mbstd_group_size)  # (N, C + 1, 4, 4)
        x = lrelu(self.conv(x)).flatten(1)  # (N, 16 C)
        return self.dense1(self.activate(self.dense0(x)))  # (N, outputs)


@dataclass(frozen=True)
class DiscriminatorParts:
    """Where implementations differ. The defaults are the official graph; variants.py has others."""

    rgb_kernel_size: int = 1
    activate_rgb: Activation = lrelu
    is_early: bool = False  # whether a block's first convolution changes the channels
    activate_hidden: Activation = lrelu  # between the last two layers
