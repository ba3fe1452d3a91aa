"""`adain` made fast: few passes over memory, and images in pieces that stay in the processor's cache.

Nothing here changes what is computed: tests hold it equal to the equation. Letters: N images, C channels, H x W pixels.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from dlcourse.nn.adain import EPSILON, at_least_float32

NUMBERS_IN_CACHE = 2**21  # that a piece of an image may have to stay in the cache
SMALL_IMAGE = 2**15  # numbers; below it, one formula for the batch is faster than a kernel for each image
ROUNDING = 32  # units in the last place that the mean of a large image may be off
NUMBERS_IN_LANES = 2**10  # of neighbouring pixels that are added up side by side


def fast_adain(
    x: Tensor, scale: Tensor, bias: Tensor, epsilon: float = EPSILON, pieces: Iterable[Tensor] = ()
) -> Tensor:
    """`adain` in fewer passes over memory, with a gradient that keeps only x.

    Overwrites x where `is_eager_on_cpu`: only for the fresh output of a layer.

    Args:
        x: (N, C, H, W).
        scale, bias: (N, C, 1, 1) each, in float32 or better.
        epsilon: is added to the variance.
        pieces: all of x, in the order of `row_pieces`. Each is finished in place when the iterator yields it, so that
            its statistics are taken while it is in the cache. Only where `is_eager_on_cpu`; empty if x is finished.
    """
    if torch.is_grad_enabled():
        return InstanceNorm.apply(x, scale, bias, epsilon)
    mean, variance = mean_and_variance(x, pieces)
    if is_small(x) or not is_eager_on_cpu(x):
        return normalized(x, scale, bias, mean, variance, epsilon, out=x if is_eager_on_cpu(x) else None)
    return scale_and_shift_(x, *slope_and_intercept(scale, bias, mean, variance, epsilon))


class InstanceNorm(torch.autograd.Function):
    """The same with a gradient, for which nothing but x is kept in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bias: Tensor, epsilon: float) -> Tensor:
        """(N, C, H, W), (N, C, 1, 1) twice -> (N, C, H, W)."""
        mean, variance = mean_and_variance(x)
        ctx.save_for_backward(x, scale, mean, (variance + epsilon).rsqrt())
        ctx.epsilon = epsilon
        return normalized(x, scale, bias, mean, variance, epsilon)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """dy/dx g = scale rstd (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean))), as a g + b x + c."""
        (grad,), (x, scale, mean, rstd) = grads, ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives run through the statistics as well
            mean, variance = mean_and_variance(x)
            rstd = (variance + ctx.epsilon).rsqrt()
        pixels = x.shape[2] * x.shape[3]
        of_bias = sum_over_pixels(grad)
        parts = [sum_over_pixels(grad[:, :, rows] * (x[:, :, rows] - mean)) for rows in rows_in_cache(x)]
        aligned = torch.stack(parts).sum(0)
        a = scale * rstd
        b = -a * rstd.square() * aligned / pixels
        c = -a * of_bias / pixels - b * mean
        of_x = torch.addcmul(torch.addcmul(c, x, b), grad, a).to(x.dtype)
        return of_x, aligned * rstd, of_bias, None


def normalized(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float, out: Tensor | None = None
) -> Tensor:
    """The equation, given the statistics; half precision is rounded last."""
    if is_small(x):
        return torch.addcmul(bias, x - mean, scale * (variance + epsilon).rsqrt(), out=out).to(x.dtype)
    slope, intercept = slope_and_intercept(scale, bias, mean, variance, epsilon)
    return torch.addcmul(intercept, x, slope).to(x.dtype)


def slope_and_intercept(
    scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """The equation as slope x + intercept, one pass over large images: (N, C, 1, 1) each.

    A channel that varies by less than its mean is inexact gets slope 0. Its slope would be up to scale / sqrt(epsilon),
    10 000 scale, and slope x and slope mean, each rounded, would not cancel.
    """
    is_constant = variance <= (ROUNDING * torch.finfo(mean.dtype).eps * mean).square()
    slope = (scale * (variance + epsilon).rsqrt()).masked_fill(is_constant, 0)
    return slope, bias - slope * mean


def scale_and_shift_(x: Tensor, slope: Tensor, intercept: Tensor) -> Tensor:
    """slope x + intercept in place of x, (N, C, H, W) and (N, C, 1, 1) twice."""
    lanes, wide, slope, intercept = lanes_of(x), x, slope.to(x.dtype), intercept.to(x.dtype)
    if lanes > 1:
        wide, slope, intercept = in_lanes(x, lanes), slope.repeat(1, lanes, 1, 1), intercept.repeat(1, lanes, 1, 1)
    torch.addcmul(intercept, wide, slope, out=wide)
    return x


def mean_and_variance(x: Tensor, pieces: Iterable[Tensor] = ()) -> tuple[Tensor, Tensor]:
    """Over the pixels of each image and channel, in float32 or better: (N, C, H, W) -> (N, C, 1, 1) twice.

    `pieces` as for `fast_adain`. Large images on the CPU go through batch norm's kernel, which writes no pixels.
    """
    if not x.is_cpu:
        variance, mean = torch.var_mean(at_least_float32(x), (2, 3), correction=0, keepdim=True)
        return mean, variance
    if not is_eager_on_cpu(x) or is_small(x):
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
    """How many neighbouring pixels of x (N, C, H, W) to treat as channels of their own.

    With channels last, torch's kernels go pixel by pixel: slow with few channels, and inexact, because a million
    numbers added one by one lose three digits.
    """
    if is_small(x) or not x.is_contiguous(memory_format=torch.channels_last):
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
    """Views of a few rows of (N or 1, C, H, W), small enough for the cache, image after image, to change in place.

    Where a whole image is small enough, the batch comes in one piece.
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


def is_small(x: Tensor) -> bool:
    """Whether calls, not passes over memory, take the time of an image of (N, C, H, W)."""
    return x.shape[1:].numel() < SMALL_IMAGE


def is_eager_on_cpu(x: Tensor) -> bool:
    """Whether x is on the CPU, without gradients and outside of torch.compile."""
    return x.is_cpu and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
