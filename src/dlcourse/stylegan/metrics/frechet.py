"""The Frechet distance of two sets of features. Letters: N images, F features."""

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Mean (F,) and unbiased covariance (F, F), in double precision."""

    mean: Tensor
    covariance: Tensor


def moments(features: Tensor) -> Moments:
    """The moments of features (N, F), on the CPU.

    Raises:
        ValueError: fewer than two images.
    """
    if len(features) < 2:
        raise ValueError(f"moments need the features of at least 2 images, got {len(features)}")
    x = features.double().cpu()
    centred = x - x.mean(0)
    return Moments(x.mean(0), centred.mT @ centred / (len(x) - 1))


def frechet_distance(first: Moments, second: Moments) -> float:
    """d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))   (Heusel et al. 2017, eq. 6; Dowson and Landau 1982).

    With R = S1^(1/2) the trace of (S1 S2)^(1/2) is that of (R S2 R)^(1/2), whose matrix is symmetric: two `eigh` and no
    square root of a matrix that is nearly singular. The estimate is biased upwards, the more the fewer images
    there are: only values from equal numbers of images compare. It is the FID for Inception's features alone.
    """
    root = matrix_root(first.covariance)
    inner = torch.linalg.eigvalsh(symmetric(root @ second.covariance @ root)).clamp(min=0)
    trace = first.covariance.trace() + second.covariance.trace() - 2 * inner.sqrt().sum()
    return float((first.mean - second.mean).square().sum() + trace.clamp(min=0))


def matrix_root(covariance: Tensor) -> Tensor:
    """S^(1/2) of a symmetric S >= 0; eigenvalues that rounding made negative count as 0."""
    variances, axes = torch.linalg.eigh(symmetric(covariance))
    return axes * variances.clamp(min=0).sqrt() @ axes.mT


def symmetric(matrix: Tensor) -> Tensor:
    """(A + A^T) / 2."""
    return (matrix + matrix.mT) / 2
