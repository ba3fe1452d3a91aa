"""A small convolutional network for images."""

from itertools import pairwise

from torch import Tensor, nn


class CNN(nn.Module):
    """Blocks of 3x3 convolution, batch norm, ReLU and 2x2 max pooling; the mean over positions; a linear layer.

    Args:
        input_shape: (C, H, W) of one image.
        num_classes: number of logits.
        channels: of each block; every block halves H and W, which must be large enough.

    Shape: (N, C, H, W) -> logits (N, num_classes).
    """

    def __init__(self, input_shape: tuple[int, ...], num_classes: int, channels: list[int]):
        super().__init__()
        if not channels or min(channels) < 1:
            raise ValueError(f"channels must hold at least one width, all >= 1, got {channels}")
        if len(input_shape) != 3 or min(input_shape[1:]) < 2 ** len(channels):
            raise ValueError(
                f"channels={channels} halves {len(channels)} times: it needs images (C, H, W) of at least "
                f"{2 ** len(channels)} pixels, got samples of shape {tuple(input_shape)}"
            )
        blocks: list[nn.Module] = []
        for fan_in, fan_out in pairwise([input_shape[0], *channels]):
            convolution = nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight)  # He et al. 2015, eq. 10
            blocks += [convolution, nn.BatchNorm2d(fan_out), nn.ReLU(), nn.MaxPool2d(2)]
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels[-1], num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.classifier(self.features(inputs))

    def features(self, inputs: Tensor) -> Tensor:
        """The inputs of the linear layer, (N, C, H, W) -> (N, channels[-1])."""
        return self.blocks(inputs).mean((2, 3))
