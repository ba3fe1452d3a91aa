"""Adaptive instance normalization. Layers use `adain_kernels.fast_adain`, which computes the same thing faster."""

import torch
from torch import Tensor

EPSILON = 1e-8  # of StyleGAN's official code; PyTorch's instance norm has 1e-5


def adain(x: Tensor, scale: Tensor, bias: Tensor, epsilon: float = EPSILON) -> Tensor:
    """AdaIN(x, y) = y_scale (x - mean(x)) / std(x) + y_bias   (Karras et al. 2019, arXiv:1812.04948, eq. 1).

    Shape: x (N, C, H, W), scale and bias (N, C, 1, 1) -> (N, C, H, W).
    """
    std, mean = std_mean(x, epsilon)
    return (scale * (at_least_float32(x) - mean) / std + bias).to(x.dtype)


def std_mean(x: Tensor, epsilon: float = EPSILON) -> tuple[Tensor, Tensor]:
    """(Biased) standard deviation and mean per image and channel, (N, C, 1, 1), in at least float32.

    `epsilon` is added to the variance.
    """
    wide = at_least_float32(x)
    mean = wide.mean((2, 3), keepdim=True)
    variance = (wide - mean).square().mean((2, 3), keepdim=True)
    return (variance + epsilon).sqrt(), mean


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or float64 if it is: half precision is too coarse for statistics."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
