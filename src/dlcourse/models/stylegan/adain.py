"""Adaptive instance normalization, exact and in few passes over memory.

Letters: N images, C channels, H x W pixels.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.models.stylegan.layers import EPSILON, at_least_float32

BYTES_IN_CACHE = 2**21


def adain(x: Tensor, style: Tensor, epsilon: float = EPSILON, pieces: Iterable[Tensor] = ()) -> Tensor:
    """AdaIN(x, y) = y_scale (x - mean(x)) / std(x) + y_bias   (Karras et al. 2019, eq. 1).

    Mean and (biased) standard deviation are per image and channel, in float32 or better, with `epsilon` on the
    variance. Overwrites x where gradients are off: only for the fresh output of a layer.

    Args:
        x: (N, C, H, W).
        style: (N, 2 C), y_scale - 1 before y_bias.
        epsilon: see above.
        pieces: all rows of x, of `row_pieces`, where each is finished in place as it is asked for: statistics are
            taken while it is in the cache. None are needed for an x that is finished.
    """
    scale, bias = at_least_float32(style)[:, :, None, None].chunk(2, dim=1)  # (N, C, 1, 1) each
    if x.element_size() < 4:
        deque(pieces, maxlen=0)
        return half_precision_adain(x, scale + 1, bias, epsilon)
    if torch.is_grad_enabled():
        deque(pieces, maxlen=0)
        return InstanceNorm.apply(x, scale + 1, bias, epsilon)
    moments = map(moments_of, pieces or (piece for (piece,) in row_pieces(x)))
    slope, intercept = instance_norm_line(scale + 1, bias, *mean_and_rstd(moments, epsilon))
    return torch.addcmul(intercept, x, slope, out=x)


def half_precision_adain(x: Tensor, factor: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """The same by torch's own kernels, which take float32 sums of half precision, and are the fastest there."""
    if x.is_cpu and not torch.is_grad_enabled():  # those of batch norm, an image at a time: they write no picture
        single = x.new_zeros(x.shape[1], dtype=torch.float32)  # its type is that of the statistics
        for image, own_factor, own_shift in zip(x.split(1), factor, shift, strict=True):
            mean, variance = (y[:, None, None] for y in torch.batch_norm_update_stats(image, single, single, 0.0))
            slope, intercept = instance_norm_line(own_factor, own_shift, mean, (variance + epsilon).rsqrt())
            torch.addcmul(intercept.to(x.dtype), image, slope.to(x.dtype), out=image)
        return x
    normal = F.group_norm(x, x.shape[1], eps=epsilon)
    return torch.addcmul(shift.to(x.dtype), normal, factor.to(x.dtype))


class InstanceNorm(torch.autograd.Function):
    """y = factor (x - mean(x)) / std(x) + shift, which keeps nothing but x for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, shift: Tensor, epsilon: float) -> Tensor:
        """(N, C, H, W), (N, C, 1, 1) twice -> (N, C, H, W)."""
        mean, rstd = mean_and_rstd((moments_of(piece) for (piece,) in row_pieces(x)), epsilon)
        ctx.save_for_backward(x, factor, mean, rstd)
        ctx.epsilon = epsilon
        slope, intercept = instance_norm_line(factor, shift, mean, rstd)
        return torch.addcmul(intercept, x, slope)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """dy/dx g = factor rstd (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean))), as a g + b x + c."""
        (grad,), (x, factor, mean, rstd) = grads, ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives run through the statistics as well
            mean, rstd = mean_and_rstd([moments_of(x)], ctx.epsilon)
        pixels = x.shape[2] * x.shape[3]
        of_shift = grad.sum((2, 3), keepdim=True)
        aligned = torch.stack([sum_over_pixels(g * (rows - mean)) for g, rows in row_pieces(grad, x)]).sum(0)
        a = factor * rstd
        b = -a * rstd.square() * aligned / pixels
        c = -a * of_shift / pixels - b * mean
        return torch.addcmul(torch.addcmul(c, x, b), grad, a), aligned * rstd, of_shift, None


def instance_norm_line(factor: Tensor, shift: Tensor, mean: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of x -> factor (x - mean) rstd + shift, (N, C, 1, 1) each."""
    slope = factor * rstd
    return slope, shift - slope * mean


class Moments(NamedTuple):
    """Of some pixels: how many, their mean, and the sum of squares about it, (N, C, 1, 1) each."""

    pixels: int
    mean: Tensor
    squares: Tensor


def moments_of(x: Tensor) -> Moments:
    """In two passes, (N, C, H, W)."""
    pixels = x.shape[2] * x.shape[3]
    mean = sum_over_pixels(x) / pixels
    return Moments(pixels, mean, sum_over_pixels((x - mean).square_()))


def mean_and_rstd(moments: Iterable[Moments], epsilon: float) -> tuple[Tensor, Tensor]:
    """Mean over all pixels and 1 / sqrt(variance + epsilon), (N, C, 1, 1) each, out of the moments of parts.

    S = sum_i (S_i + n_i (mean_i - mean)^2)   (Chan, Golub, LeVeque 1979). Short sums are exact ones: torch's own
    kernels add up the million pixels of a large image one by one where channels are last, and lose three digits.
    """
    counts, means, squares = zip(*moments, strict=True)
    pixels = sum(counts)
    if len(counts) == 1:
        return means[0], (squares[0] / pixels + epsilon).rsqrt()
    shares = means[0].new_tensor(counts).view(-1, 1, 1, 1, 1) / pixels
    all_means = torch.stack(means)  # (parts, N, C, 1, 1)
    mean = (shares * all_means).sum(0)
    variance = torch.stack(squares).sum(0) / pixels + (shares * (all_means - mean).square()).sum(0)
    return mean, (variance + epsilon).rsqrt()


def sum_over_pixels(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 1, 1)."""
    return x.sum((2, 3), keepdim=True)


def row_pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """A few rows at a time of tensors (N, C, H, W), which stay in the cache: views, to be changed in place.

    In one piece where autograd or a compiler looks on: they have other ways.
    """
    images, channels, height, width = tensors[0].shape
    rows = max(1, BYTES_IN_CACHE // (images * channels * width * tensors[0].element_size()))
    if rows >= height or torch.is_grad_enabled() or torch.compiler.is_compiling():
        yield tensors
    else:
        yield from zip(*(tensor.split(rows, dim=2) for tensor in tensors), strict=True)
