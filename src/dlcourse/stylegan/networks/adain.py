"""Adaptive instance normalization, exact and in few passes over memory.

Letters: N images, C channels, H x W pixels.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from dlcourse.stylegan.networks.layers import EPSILON, at_least_float32

NUMBERS_IN_CACHE = 2**21  # of an image, finished and summed up before the next
NUMBERS_WORTH_A_CALL = 2**15  # in smaller images one formula for the batch is faster than a kernel for each of them
NUMBERS_IN_LANES = 2**10  # of neighbouring pixels, added up side by side


def adain(x: Tensor, style: Tensor, epsilon: float = EPSILON, pieces: Iterable[Tensor] = ()) -> Tensor:
    """AdaIN(x, y) = y_scale (x - mean(x)) / std(x) + y_bias   (Karras et al. 2019, eq. 1).

    Mean and (biased) standard deviation are per image and channel, in float32 or better, with `epsilon` on the
    variance. Overwrites x where `is_eager_on_cpu`: only for the fresh output of a layer.

    Args:
        x: (N, C, H, W).
        style: (N, 2 C), y_scale - 1 before y_bias.
        epsilon: see above.
        pieces: all of x, in the order of `row_pieces`, each finished in place as it is asked for: statistics are
            taken while it is in the cache. Only where `is_eager_on_cpu`, and none for an x that is finished.
    """
    scale, bias = at_least_float32(style)[:, :, None, None].chunk(2, dim=1)  # (N, C, 1, 1) each
    if torch.is_grad_enabled():
        return InstanceNorm.apply(x, scale + 1, bias, epsilon)
    mean, variance = mean_and_variance(x, pieces)
    line = instance_norm_line(scale + 1, bias, mean, (variance + epsilon).rsqrt())
    return scale_and_shift_(x, *line) if is_eager_on_cpu(x) else scale_and_shift(x, *line)


class InstanceNorm(torch.autograd.Function):
    """y = factor (x - mean(x)) / std(x) + shift, which keeps nothing but x for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, shift: Tensor, epsilon: float) -> Tensor:
        """(N, C, H, W), (N, C, 1, 1) twice -> (N, C, H, W)."""
        mean, variance = mean_and_variance(x)
        rstd = (variance + epsilon).rsqrt()
        ctx.save_for_backward(x, factor, mean, rstd)
        ctx.epsilon = epsilon
        return scale_and_shift(x, *instance_norm_line(factor, shift, mean, rstd))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """dy/dx g = factor rstd (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean))), as a g + b x + c."""
        (grad,), (x, factor, mean, rstd) = grads, ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives run through the statistics as well
            mean, variance = mean_and_variance(x)
            rstd = (variance + ctx.epsilon).rsqrt()
        pixels = x.shape[2] * x.shape[3]
        of_shift = sum_over_pixels(grad)
        parts = [sum_over_pixels(grad[:, :, rows] * (x[:, :, rows] - mean)) for rows in rows_in_cache(x)]
        aligned = torch.stack(parts).sum(0)
        a = factor * rstd
        b = -a * rstd.square() * aligned / pixels
        c = -a * of_shift / pixels - b * mean
        of_x = torch.addcmul(torch.addcmul(c, x, b), grad, a).to(x.dtype)
        return of_x, aligned * rstd, of_shift, None


def instance_norm_line(factor: Tensor, shift: Tensor, mean: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of x -> factor (x - mean) rstd + shift, (N, C, 1, 1) each."""
    slope = factor * rstd
    return slope, shift - slope * mean


def scale_and_shift(x: Tensor, slope: Tensor, intercept: Tensor) -> Tensor:
    """slope x + intercept, (N, C, H, W) and (N, C, 1, 1) twice -> (N, C, H, W); half precision is rounded last."""
    return torch.addcmul(intercept, x, slope).to(x.dtype)


def scale_and_shift_(x: Tensor, slope: Tensor, intercept: Tensor) -> Tensor:
    """slope x + intercept in place of x, (N, C, H, W) and (N, C, 1, 1) twice."""
    lanes, wide, slope, intercept = lanes_of(x), x, slope.to(x.dtype), intercept.to(x.dtype)
    if lanes > 1:
        wide, slope, intercept = in_lanes(x, lanes), slope.repeat(1, lanes, 1, 1), intercept.repeat(1, lanes, 1, 1)
    torch.addcmul(intercept, wide, slope, out=wide)
    return x


def mean_and_variance(x: Tensor, pieces: Iterable[Tensor] = ()) -> tuple[Tensor, Tensor]:
    """Over the pixels of each image and channel, in float32 or better: (N, C, H, W) -> (N, C, 1, 1) twice.

    `pieces` as for `adain`. Where `is_eager_on_cpu` by batch norm's kernel, which writes no pixels.
    """
    if not x.is_cpu:
        variance, mean = torch.var_mean(at_least_float32(x), (2, 3), correction=0, keepdim=True)
        return mean, variance
    if not is_eager_on_cpu(x) or x.shape[1:].numel() < NUMBERS_WORTH_A_CALL:
        deque(pieces, maxlen=0)
        x = at_least_float32(x)
        mean = x.mean((2, 3), keepdim=True)
        return mean, (x - mean).square_().mean((2, 3), keepdim=True)
    lanes = lanes_of(x)
    unused = at_least_float32(x.new_zeros(lanes * x.shape[1]))  # its type is that of the statistics
    pixels, means, variances = [], [], []
    for piece in pieces or (piece for (piece,) in row_pieces(x)):
        for image in piece.split(1):
            mean, variance = torch.batch_norm_update_stats(in_lanes(image, lanes), unused, unused, 0.0)
            pixels.append(image.shape[2] * image.shape[3])
            means.append(mean)
            variances.append(variance)
    parts = len(pixels) // len(x)
    shares = means[0].new_tensor(pixels[:parts]).view(-1, 1, 1) / (lanes * sum(pixels[:parts]))
    size = len(x), parts, lanes, x.shape[1]
    return combined(shares, torch.stack(means).view(size), torch.stack(variances).view(size))


def lanes_of(x: Tensor) -> int:
    """How many neighbouring pixels of x (N, C, H, W) are best taken as channels of their own.

    The fewer channels there are, the slower and the less exact are torch's kernels where channels are last: they go
    pixel by pixel, and the sum of a million numbers one by one loses three digits.
    """
    if x.shape[1:].numel() < NUMBERS_WORTH_A_CALL or not x.is_contiguous(memory_format=torch.channels_last):
        return 1
    most = max(1, NUMBERS_IN_LANES // x.shape[1])
    return math.gcd(x.shape[3], 2 ** (most.bit_length() - 1))  # of a power of two, as widths are, or none might divide


def in_lanes(x: Tensor, lanes: int) -> Tensor:
    """A view (N, lanes C, H, W / lanes) of (N, C, H, W)."""
    return x if lanes == 1 else x.permute(0, 2, 3, 1).unflatten(2, (-1, lanes)).flatten(3).permute(0, 3, 1, 2)


def combined(shares: Tensor, means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Moments of N images from those of P pieces of L lanes each: (P, 1, 1), (N, P, L, C) twice -> (N, C, 1, 1) twice.

    variance = sum_i p_i (variance_i + (mean_i - mean)^2) with shares p_i   (Chan, Golub, LeVeque 1979).
    """
    mean = (shares * means).sum((1, 2), keepdim=True)
    variance = (shares * (variances + (means - mean).square())).sum((1, 2))
    return mean[:, 0, 0, :, None, None], variance[:, :, None, None]


def sum_over_pixels(x: Tensor) -> Tensor:
    """In float32 or better, (N, C, H, W) -> (N, C, 1, 1)."""
    return x.sum((2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))


def row_pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Rows that stay in the cache, image after image: views of (N or 1, C, H, W), to be changed in place.

    A batch of images of one piece each comes whole.
    """
    images, rows = len(tensors[0]), rows_in_cache(tensors[0][:1])
    if len(rows) == 1:
        yield tensors
        return
    for image in range(images):
        own = [tensor[image : image + 1] if len(tensor) > 1 else tensor for tensor in tensors]
        for part in rows:
            yield tuple(tensor[:, :, part] for tensor in own)


def rows_in_cache(x: Tensor) -> list[slice]:
    """All rows of (N, C, H, W), as many at a time as stay in the cache; all at once outside of `is_eager_on_cpu`."""
    images, channels, height, width = x.shape
    rows = max(1, NUMBERS_IN_CACHE // (images * channels * width)) if is_eager_on_cpu(x) else height
    return [slice(start, start + rows) for start in range(0, height, rows)]


def is_eager_on_cpu(x: Tensor) -> bool:
    """Where passes over memory take the time, and neither autograd nor a compiler has a way of its own."""
    return x.is_cpu and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
