"""Adaptive instance normalization, exact and in few passes over memory.

Letters: N images, C channels, H x W pixels.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.models.stylegan.layers import EPSILON, at_least_float32

ELEMENTS_IN_CACHE = 2**19  # 2 MiB in float32


def adain(x: Tensor, style: Tensor, epsilon: float = EPSILON) -> Tensor:
    """AdaIN(x, y) = y_scale (x - mean(x)) / std(x) + y_bias   (Karras et al. 2019, eq. 1).

    Mean and (biased) standard deviation are per image and channel, in float32 or better, with `epsilon` on the
    variance. Overwrites x where gradients are off: only for the fresh output of a layer.

    Args:
        x: (N, C, H, W).
        style: (N, 2 C), y_scale - 1 before y_bias.
    """
    scale, bias = at_least_float32(style)[:, :, None, None].chunk(2, dim=1)  # (N, C, 1, 1) each
    if x.element_size() < 4:  # torch's own kernel takes float32 sums of half precision, and is faster there
        normal = F.group_norm(x, x.shape[1], eps=epsilon)
        factor, shift = (scale + 1).to(x.dtype), bias.to(x.dtype)
        return torch.addcmul(shift, normal, factor, out=None if torch.is_grad_enabled() else normal)
    if torch.is_grad_enabled():
        return InstanceNorm.apply(x, scale + 1, bias, epsilon)
    factor, shift = instance_norm_line(scale + 1, bias, *mean_and_rstd(x, epsilon))
    return torch.addcmul(shift, x, factor, out=x)


class InstanceNorm(torch.autograd.Function):
    """y = factor (x - mean(x)) / std(x) + shift, which keeps nothing but x for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, shift: Tensor, epsilon: float) -> Tensor:
        """(N, C, H, W), (N, C, 1, 1) twice -> (N, C, H, W)."""
        mean, rstd = mean_and_rstd(x, epsilon)
        ctx.save_for_backward(x, factor, mean, rstd)
        ctx.epsilon = epsilon
        slope, intercept = instance_norm_line(factor, shift, mean, rstd)
        return torch.addcmul(intercept, x, slope)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """dy/dx g = factor rstd (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean))), as a g + b x + c."""
        (grad,), (x, factor, mean, rstd) = grads, ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives run through the statistics as well
            mean, rstd = mean_and_rstd(x, ctx.epsilon)
        pixels = x.shape[2] * x.shape[3]
        of_shift = grad.sum((2, 3), keepdim=True)
        aligned = sum_over_pixels(lambda g, rows: g * (rows - mean), grad, x)
        a = factor * rstd
        b = -a * rstd.square() * aligned / pixels
        c = -a * of_shift / pixels - b * mean
        return torch.addcmul(torch.addcmul(c, x, b), grad, a), aligned * rstd, of_shift, None


def instance_norm_line(factor: Tensor, shift: Tensor, mean: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of x -> factor (x - mean) rstd + shift, (N, C, 1, 1) each."""
    slope = factor * rstd
    return slope, shift - slope * mean


def mean_and_rstd(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Mean over pixels and 1 / sqrt(variance + epsilon), (N, C, H, W) -> (N, C, 1, 1) each.

    In two passes and with short sums: torch's own kernels add up the million pixels of a large image one by one where
    channels are last in memory, and are a thousand times less exact there.
    """
    mean = x.mean((2, 3), keepdim=True)
    squares = sum_over_pixels(lambda rows: (rows - mean).square_(), x)
    return mean, (squares / (x.shape[2] * x.shape[3]) + epsilon).rsqrt()


def sum_over_pixels(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Sum of an elementwise function of tensors (N, C, H, W), a few rows at a time, which stay in the cache."""
    if torch.compiler.is_compiling():  # compiled, or exported: a fused loop needs no pieces
        return function(*tensors).sum((2, 3), keepdim=True)
    images, channels, _, width = tensors[0].shape
    rows = max(1, ELEMENTS_IN_CACHE // (images * channels * width))
    pieces = zip(*(tensor.split(rows, dim=2) for tensor in tensors), strict=True)
    return torch.stack([function(*piece).sum((2, 3), keepdim=True) for piece in pieces]).sum(0)
