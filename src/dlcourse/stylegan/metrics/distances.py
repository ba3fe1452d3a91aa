"""Distances and overlap of two sets of images by their features. Letters: N, M images, F features."""

from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1024  # rows of an (N, M) matrix that exist at a time


class Moments(NamedTuple):
    """Mean (F,) and unbiased covariance (F, F), in double precision."""

    mean: Tensor
    covariance: Tensor


def feature_moments(features: Tensor) -> Moments:
    """The moments of features (N, F), on the CPU; ValueError for fewer than 2 images."""
    if len(features) < 2:
        raise ValueError(f"moments need the features of at least 2 images, got {len(features)}")
    x = features.double().cpu()
    centred = x - x.mean(0)
    return Moments(x.mean(0), centred.mT @ centred / (len(x) - 1))


def frechet_distance(first: Moments, second: Moments) -> float:
    """d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))   (Heusel et al. 2017, eq. 6; Dowson and Landau 1982).

    Computed as tr (S1 S2)^(1/2) = tr (R S2 R)^(1/2) with R = S1^(1/2), since R S2 R is symmetric. The estimate is too
    large, more so for fewer images, so compare only values from equal numbers of images. It is the FID only for
    Inception's features.
    """
    variances, axes = torch.linalg.eigh(symmetric(first.covariance))
    root = axes * variances.clamp(min=0).sqrt() @ axes.mT  # rounding makes some eigenvalues negative
    inner = torch.linalg.eigvalsh(symmetric(root @ second.covariance @ root)).clamp(min=0)
    trace = first.covariance.trace() + second.covariance.trace() - 2 * inner.sqrt().sum()
    return float((first.mean - second.mean).square().sum() + trace.clamp(min=0))


def symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.mT) / 2


def kid(first: Tensor, second: Tensor) -> float:
    """MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), k(x, y) = (x . y / F + 1)^3   (Binkowski et al. 2018, section 3).

    The unbiased estimate from all pairs: about zero, of either sign, for two sets of the same distribution. (The usual
    KID averages it over random subsets of 1000; all pairs vary less and need no seed.) Shape: (N, F), (M, F).
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
    """k = (x . y / F + 1)^3 from the scalar products; F is the number of features of `x`."""
    return (products / x.shape[1] + 1) ** 3


def precision_recall(reals: Tensor, fakes: Tensor, k: int = 3) -> tuple[float, float]:
    """Shares of the fakes in the reals' manifold, of the reals in the fakes'   (Kynkaanniemi et al. 2019, eq. 1-2).

    The manifold is the union of balls around the set's members, whose radius is the distance to the k-th nearest
    neighbour in the set. Shape: (N, F), (M, F), more than k images each.
    """
    if min(len(reals), len(fakes)) <= k:
        raise ValueError(f"precision and recall need more than k={k} images, got {len(reals)} and {len(fakes)}")
    reals, fakes = reals.double(), fakes.double()
    return share_inside(fakes, reals, radii(reals, k)), share_inside(reals, fakes, radii(fakes, k))


def coverage(reals: Tensor, fakes: Tensor, k: int = 3) -> tuple[float, float]:
    """Share of the reals with a fake within the distance of their k-th nearest real, and the ratio of these distances.

    The share is the coverage of Naeem et al. 2020, section 3: 1 - 2^-k, here .875, for two large sets of equal size and
    one distribution (their lemma 2). The ratio is the median distance of a fake to its k-th nearest fake by that of the
    reals: below 1, fakes are more like each other than reals are. Shape: (N, F), (M, F), more than k images each.
    """
    if min(len(reals), len(fakes)) <= k:
        raise ValueError(f"coverage needs more than k={k} images, got {len(reals)} and {len(fakes)}")
    reals, fakes = reals.double(), fakes.double()
    radius = radii(reals, k)
    if not radius.median() > 0:
        raise ValueError("coverage needs real images that differ from each other; of these, most are alike")
    nearest = torch.cat([distances(chunk, fakes).amin(1) for chunk in reals.split(CHUNK)])
    return float((nearest <= radius).double().mean()), float(radii(fakes, k).median() / radius.median())


def radii(members: Tensor, k: int) -> Tensor:
    """Distance of each member to its k-th nearest neighbour, itself not counted, (N, F) -> (N)."""
    return torch.cat([distances(chunk, members).kthvalue(k + 1, dim=1).values for chunk in members.split(CHUNK)])


def share_inside(queries: Tensor, members: Tensor, radius: Tensor) -> float:
    """Share of `queries` (M, F) within the radius (N) of some member (N, F)."""
    inside = [(distances(chunk, members) <= radius).any(1) for chunk in queries.split(CHUNK)]
    return float(torch.cat(inside).double().mean())


def distances(x: Tensor, y: Tensor) -> Tensor:
    """|x - y| without a matrix product, so that x has distance 0 from itself: (N, F), (M, F) -> (N, M)."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
