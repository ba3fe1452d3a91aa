"""The penalties on a classifier's weights W: the matrices and kernels (not biases, nor the parameters of norms)."""

from collections.abc import Sequence

from torch import Tensor


def l2_penalty(weights: Sequence[Tensor]) -> Tensor:
    """1/2 sum W^2, whose gradient is W: weight decay   (Krogh & Hertz 1992)."""
    return sum((weight.square().sum() for weight in weights), start=weights[0].new_zeros(())) / 2


def l1_penalty(weights: Sequence[Tensor]) -> Tensor:
    """sum |W|, whose gradient is sign W: many weights become 0   (Tibshirani 1996, the lasso)."""
    return sum((weight.abs().sum() for weight in weights), start=weights[0].new_zeros(()))
