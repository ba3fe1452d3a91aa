"""Perceptual path length: how much images change on a small step. Letters: N paths."""

from collections.abc import Callable

import torch
from torch import Tensor

EPSILON = 1e-4
TRIMMED = 0.01  # share of the paths that is left out at either end, as in the official code

Images = Callable[[Tensor], Tensor]  # points (N, D) -> images
Features = Callable[[Tensor], Tensor]  # images -> (N, F)
Between = Callable[[Tensor, Tensor, Tensor], Tensor]  # lerp or slerp


def path_lengths(
    first: Tensor, second: Tensor, t: Tensor, between: Between, images: Images, features: Features
) -> Tensor:
    """d(G(a(t)), G(a(t + eps))) / eps^2 of each path, with d = |f - f'|^2   (Karras et al. 2019, eq. 2-3).

    Networks should compute in float64: see `Fakes.in_double_precision`. The paper's d is LPIPS of VGG16.

    Shape: first, second (N, D); t (N, 1) -> (N).
    """
    ends = torch.cat([between(first, second, t), between(first, second, t + EPSILON)])
    found = features(images(ends)).double()
    return (found[: len(t)] - found[len(t) :]).square().sum(1) / EPSILON**2


def trimmed_mean(lengths: Tensor) -> float:
    """The mean without the lowest and the highest hundredth."""
    count = int(len(lengths) * TRIMMED)
    return float(lengths.sort().values[count : len(lengths) - count].double().mean())
