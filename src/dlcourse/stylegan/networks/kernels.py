"""Faster forms of the networks' operations; tests hold them equal to the plain ones.

Letters: N images, C channels, H x W pixels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.nn.adain import at_least_float32


class SymmetricFilter(torch.autograd.Function):
    """A depthwise convolution with one symmetric kernel, zeros outside. Its gradient is the same convolution.

    Autograd's second derivative of a depthwise convolution loops over the channels, which is ten times slower.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        """(N, C, H, W) with (1, 1, 3, 3), + (C) -> (N, C, H, W)."""
        ctx.save_for_backward(kernel)
        channels = x.shape[1]
        kernels = kernel.to(x.dtype).expand(channels, -1, -1, -1)
        return F.conv2d(x, kernels, None if bias is None else bias.to(x.dtype), padding=1, groups=channels)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The same filter for x; the sum over images and pixels for the bias."""
        (kernel,), (grad,) = ctx.saved_tensors, grads
        of_bias = at_least_float32(grad).sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return SymmetricFilter.apply(grad, kernel, None), None, of_bias


def sums_of_shifts(kernel: Tensor) -> Tensor:
    """The matrix (9, 16) that turns a 3x3 kernel into the 4x4 kernel of "that convolution, then a sum over 2x2 pixels".

    Row i is the 4x4 kernel of the i-th unit kernel. A product with this matrix takes one pass over memory; adding up
    four shifted kernels would take as long as the convolution itself at low resolutions.
    """
    units = torch.eye(9, dtype=kernel.dtype, device=kernel.device).view(9, 3, 3)
    units = F.pad(units, (1, 1, 1, 1))  # (9, 5, 5)
    units = units[:, 1:] + units[:, :-1]  # (9, 4, 5)
    return (units[..., 1:] + units[..., :-1]).flatten(1)


def up_kernel(kernel: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    """The kernel of "nearest x2, then a 3x3 convolution" as one transposed convolution.

    That takes 4 products per pixel instead of 9. `kernel` is the flipped one, since a transposed convolution flips it:
    conv_transpose2d(x, up_kernel(k), stride=2, padding=1) == conv2d(upscale(x, 2), k.flip(2, 3), padding=1).

    Shape: (C', C, 3, 3) -> (C, C', 4, 4).
    """
    outputs, inputs = kernel.shape[:2]
    taps = kernel.flatten(1).T.reshape(inputs, 9, outputs)  # faster than (C, C', ...)
    wide = (sums_of_shifts(taps).T @ taps).mT.unflatten(2, (4, 4))  # (C, C', 4, 4)
    return wide.contiguous(memory_format=memory_format)


def conv_down(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """A 3x3 convolution, then the mean of 2x2 pixels, as one strided convolution.

    Shape: x (N, C, H, W), kernel (C', C, 3, 3), bias (C') -> (N, C', H / 2, W / 2).
    """
    wide = (kernel.flatten(2) @ (sums_of_shifts(kernel) / 4)).unflatten(2, (4, 4))  # (C', C, 4, 4)
    return F.conv2d(x, wide, bias, stride=2, padding=1)


def add_noise_in_half_precision(x: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
    """`add_noise` on the CPU, where two broadcast factors are slow in half precision and an outer product is not."""
    pixels = noise.expand(len(x), -1, -1, -1).flatten(2).mT
    x.flatten(2).mT.baddbmm_(pixels, strength.expand(len(x), 1, -1))  # (N, HW, C) += (N, HW, 1) (N, 1, C)
    return x
