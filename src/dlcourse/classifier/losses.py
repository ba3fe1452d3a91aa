"""The loss functions of a classifier: cross-entropy and the penalties on its weights.

Letters: m samples, C classes, W the weight matrices and kernels (not biases, nor the parameters of norms).
"""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """J = -1/m sum_i log softmax(z_i)_{y_i}, the negative log-likelihood   (Bishop 2006, eq. 4.108).

    Shape: logits z (m, C), labels y int64 (m,) -> scalar.
    """
    return F.cross_entropy(logits, labels)


def l2_penalty(weights: Sequence[Tensor]) -> Tensor:
    """1/2 sum W^2, whose gradient is W: weight decay   (Krogh & Hertz 1992)."""
    return sum((weight.square().sum() for weight in weights), start=weights[0].new_zeros(())) / 2


def l1_penalty(weights: Sequence[Tensor]) -> Tensor:
    """sum |W|, whose gradient is sign W: many weights become 0   (Tibshirani 1996, the lasso)."""
    return sum((weight.abs().sum() for weight in weights), start=weights[0].new_zeros(()))
