"""Precision and recall of a set of features. Letters: N, M images, F features."""

from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1024  # images whose distances to all others exist at a time


class PrecisionRecall(NamedTuple):
    """Share of the fakes that look real, share of the reals that the fakes reach."""

    precision: float
    recall: float


def precision_recall(reals: Tensor, fakes: Tensor, k: int = 3) -> PrecisionRecall:
    """Whether features lie in the other set's manifold   (Kynkaanniemi et al. 2019, eq. 1-2).

    The manifold is the union of balls around the set's members, each as large as the distance to its k-th
    nearest neighbour in the set. Precision: fakes in the reals' manifold; recall: reals in the fakes'.

    Shape: (N, F), (M, F).

    Raises:
        ValueError: no more than k images in a set.
    """
    if min(len(reals), len(fakes)) <= k:
        raise ValueError(f"precision and recall need more than k={k} images, got {len(reals)} and {len(fakes)}")
    reals, fakes = reals.double(), fakes.double()
    return PrecisionRecall(share_inside(fakes, reals, radii(reals, k)), share_inside(reals, fakes, radii(fakes, k)))


def radii(members: Tensor, k: int) -> Tensor:
    """Distance of each member to its k-th nearest neighbour, itself not counted, (N, F) -> (N)."""
    return torch.cat([distances(chunk, members).kthvalue(k + 1, dim=1).values for chunk in members.split(CHUNK)])


def share_inside(queries: Tensor, members: Tensor, radius: Tensor) -> float:
    """Share of `queries` (M, F) within the radius (N) of some member (N, F)."""
    inside = [(distances(chunk, members) <= radius).any(1) for chunk in queries.split(CHUNK)]
    return float(torch.cat(inside).double().mean())


def distances(x: Tensor, y: Tensor) -> Tensor:
    """|x - y| without the rounding of a matrix product: 0 to oneself, (N, F), (M, F) -> (N, M)."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
