"""`adain` made fast: few passes over memory, and images in pieces that stay in the processor's cache.

Tests hold the results equal to the equation's. Letters: N images, C channels, H x W pixels.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from dlcourse.nn.adain import EPSILON, at_least_float32

NUMBERS_IN_CACHE = 2**21  # the most in a piece of an image that should stay in the cache
SMALL_IMAGE = 2**15  # numbers; below it, one formula for the batch is faster than a kernel for each image
ROUNDING = 32  # error of a large image's mean, at most, in units in the last place
NUMBERS_IN_LANES = 2**10  # the most that are added up side by side, of neighbouring pixels


def fast_adain(
    x: Tensor, scale: Tensor, bias: Tensor, epsilon: float = EPSILON, pieces: Iterable[Tensor] = ()
) -> Tensor:
    """`adain` in fewer passes over memory, with a gradient that keeps only x.

    Overwrites x where `is_eager_on_cpu`: only for the fresh output of a layer.

    Args:
        x: (N, C, H, W).
        scale, bias: (N, C, 1, 1) each, in float32 or better.
        epsilon: is added to the variance.
        pieces: all of x, in the order of `row_pieces`. The iterator computes each one in place before it yields it,
            so that its statistics are taken while it is in the cache. Only where `is_eager_on_cpu`; empty if x is
            complete already.
    """
    if torch.is_grad_enabled():
        return InstanceNorm.apply(x, scale, bias, epsilon)
    mean, variance = mean_and_variance(x, pieces)
    if is_small(x) or not is_eager_on_cpu(x):
        return normalized(x, scale, bias, mean, variance, epsilon, out=x if is_eager_on_cpu(x) else None)
    lanes = lanes_of(x)
    wide = in_lanes(x, lanes)
    slope, intercept = (
        one.to(x.dtype).repeat(1, lanes, 1, 1) for one in slope_and_intercept(scale, bias, mean, variance, epsilon)
    )
    torch.addcmul(intercept, wide, slope, out=wide)
    return x


class InstanceNorm(torch.autograd.Function):
    """`adain` with a gradient; of the large tensors only x is kept in memory for it."""

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

    A channel whose deviation is below the rounding error of its mean counts as constant and gets slope 0. Otherwise its
    slope would be up to scale / sqrt(epsilon), 10 000 scale, and the errors of slope x and slope mean would not cancel.
    """
    is_constant = variance <= (ROUNDING * torch.finfo(mean.dtype).eps * mean).square()
    slope = (scale * (variance + epsilon).rsqrt()).masked_fill(is_constant, 0)
    return slope, bias - slope * mean


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
    measured: list[tuple[Any, ...]] = [
        (image.shape[2:].numel(), *torch.batch_norm_update_stats(in_lanes(image, lanes), unused, unused, 0.0))
        for piece in pieces or (piece for (piece,) in row_pieces(x))
        for image in piece.split(1)
    ]
    pixels, means, variances = zip(*measured, strict=True)
    parts = len(pixels) // len(x)
    shares = means[0].new_tensor(pixels[:parts]).view(-1, 1, 1) / (lanes * sum(pixels[:parts]))
    size = len(x), parts, lanes, x.shape[1]
    return combined(shares, torch.stack(means).view(size), torch.stack(variances).view(size))


def lanes_of(x: Tensor) -> int:
    """How many neighbouring pixels of x (N, C, H, W) to treat as channels of their own; 1 is none.

    With channels last, torch's kernels go pixel by pixel. That is slow with few channels, and it adds a million numbers
    one by one, which loses three digits.
    """
    if is_small(x) or not x.is_contiguous(memory_format=torch.channels_last):
        return 1
    most = max(1, NUMBERS_IN_LANES // x.shape[1])
    return math.gcd(x.shape[3], 2 ** (most.bit_length() - 1))  # a power of two, since widths are such


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
    """Views of a few rows of tensors (N or 1, C, H, W), image after image, each small enough for the cache.

    If whole images are small enough, the batch comes in one piece.
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
    """The rows of (N, C, H, W) in slices that fit the cache; in one slice unless `is_eager_on_cpu`."""
    images, channels, height, width = x.shape
    rows = max(1, NUMBERS_IN_CACHE // (images * channels * width)) if is_eager_on_cpu(x) else height
    return [slice(start, start + rows) for start in range(0, height, rows)]


def is_small(x: Tensor) -> bool:
    """Whether images (N, C, H, W) are so small that the number of calls costs more than passes over memory."""
    return x.shape[1:].numel() < SMALL_IMAGE


def is_eager_on_cpu(x: Tensor) -> bool:
    """Whether x is on the CPU, without gradients and outside of torch.compile."""
    return x.is_cpu and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
