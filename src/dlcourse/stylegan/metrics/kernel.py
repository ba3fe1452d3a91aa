"""The kernel distance of two sets of features. Letters: N, M images, F features."""

import torch
from torch import Tensor

CHUNK = 2048  # rows of the kernel matrix that exist at a time


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), k(x, y) = (x . y / F + 1)^3   (Binkowski et al. 2018, section 3).

    The unbiased estimate from all pairs: about zero, of either sign, for two sets of one kind, whatever their size.
    (The usual KID averages the same estimate over random subsets of 1000; all pairs vary less and need no seed.)

    Shape: (N, F), (M, F).

    Raises:
        ValueError: fewer than two images in a set.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"the kernel distance needs at least 2 images each, got {len(first)} and {len(second)}")
    x, y = first.double(), second.double()
    within = [(kernel_sum(z, z) - kernel(z, z.mul(z).sum(1)).sum()) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(within[0] + within[1] - 2 * kernel_sum(x, y) / (len(x) * len(y)))


def kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Sum of k over all pairs, (N, F), (M, F)."""
    return torch.stack([kernel(x, chunk @ y.mT).sum() for chunk in x.split(CHUNK)]).sum()


def kernel(x: Tensor, products: Tensor) -> Tensor:
    """(x . y / F + 1)^3 of scalar products of features like those of `x` (N, F)."""
    return (products / x.shape[1] + 1) ** 3
