"""Input normalization with the statistics of the training set, as a layer whose buffers go into the checkpoint."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

CHUNK = 512  # samples whose statistics are taken at a time: images lie in memory as bytes, not as floats


def as_float(inputs: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1]; anything else unchanged."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


def over_samples(values: Tensor) -> list[int]:
    """All dimensions except dimension 1, which holds features or channels."""
    return [dim for dim in range(values.ndim) if dim != 1]


def standard(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature or channel, in two passes."""
    count = inputs.numel() / inputs.shape[1]
    mean = square = torch.zeros((), dtype=torch.float64)
    for chunk in inputs.split(CHUNK):
        mean = mean + as_float(chunk).double().sum(over_samples(chunk), keepdim=True) / count
    for chunk in inputs.split(CHUNK):
        square = square + (as_float(chunk) - mean).square().sum(over_samples(chunk), keepdim=True) / count
    return mean, square.sqrt()


def minmax(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Minimum and range of each feature or channel."""
    low = as_float(inputs.amin(over_samples(inputs), keepdim=True))
    high = as_float(inputs.amax(over_samples(inputs), keepdim=True))
    return low, high - low


def none(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Shift 0 and scale 1, which change nothing."""
    return torch.zeros(1, inputs.shape[1]), torch.ones(1, inputs.shape[1])


STATISTICS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "standard": standard,
    "minmax": minmax,
    "none": none,
}


class Normalize(nn.Module):
    """(x - shift) / scale per feature or channel, as factor x + offset; a feature that never varies is only shifted.

    standard: mean and standard deviation (LeCun et al. 1998, section 4.3); minmax: onto [0, 1]; none.

    Args:
        inputs: the training set, (N, features) or (N, C, H, W); bytes count as [0, 1].
        kind: standard, minmax or none.

    Raises:
        ValueError: another kind.
    """

    def __init__(self, inputs: Tensor, kind: str):
        super().__init__()
        if kind not in STATISTICS:
            raise ValueError(f"normalize must be one of {', '.join(STATISTICS)}, got {kind!r}")
        shift, scale = STATISTICS[kind](inputs)
        shape = (1, inputs.shape[1], *[1] * (inputs.ndim - 2))
        factor = 1 / torch.where(scale > 0, scale, 1).double()
        self.offset: Tensor
        self.factor: Tensor
        self.register_buffer("offset", (-shift * factor).float().reshape(shape))
        self.register_buffer("factor", factor.float().reshape(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """The batch, normalized."""
        return torch.addcmul(self.offset, as_float(inputs), self.factor)
