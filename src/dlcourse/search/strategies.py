"""Where a search looks for hyper-parameters: scales map [0, 1] to values, strategies choose points of the unit cube."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Scale(Protocol):
    """A map from [0, 1] onto the values of one hyper-parameter, rising."""

    def __call__(self, position: float) -> float:
        """The value at `position`."""


def require_order(low: float, high: float) -> None:
    """Raise ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")


@dataclass(frozen=True)
class Uniform:
    """low + (high - low) u."""

    low: float
    high: float

    def __post_init__(self) -> None:
        require_order(self.low, self.high)

    def __call__(self, position: float) -> float:
        """The value at `position`."""
        return self.low + (self.high - self.low) * position


@dataclass(frozen=True)
class LogUniform:
    """low (high / low)^u: every decade is as likely as any other."""

    low: float
    high: float

    def __post_init__(self) -> None:
        require_order(self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"low must be positive on a logarithmic scale, got {self.low}")

    def __call__(self, position: float) -> float:
        """The value at `position`."""
        return self.low * (self.high / self.low) ** position


@dataclass(frozen=True)
class OneMinusLogUniform:
    """1 - x on a logarithmic scale: for momentum, where 1 / (1 - beta) is the number of steps averaged over."""

    low: float
    high: float

    def __post_init__(self) -> None:
        require_order(self.low, self.high)
        if self.high >= 1:
            raise ValueError(f"high must be below 1, got {self.high}")

    def __call__(self, position: float) -> float:
        """The value at `position`."""
        return 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** position


@dataclass(frozen=True)
class PowersOfTwo:
    """2^k for the whole k from log2(low) to log2(high), as whole numbers: for batch sizes."""

    low: int
    high: int

    def __post_init__(self) -> None:
        require_order(self.low, self.high)
        if self.low < 1:
            raise ValueError(f"low must be at least 1, got {self.low}")

    def __call__(self, position: float) -> int:
        """The value at `position`."""
        first, last = math.log2(self.low), math.log2(self.high)
        return 2 ** round(first + (last - first) * position)


@dataclass(frozen=True)
class Trial:
    """What was tried, as a point of the unit cube, and the dev loss that came of it."""

    position: tuple[float, ...]
    loss: float


class Strategy(Protocol):
    """Chooses the next trial from those before it; random numbers come from torch's global generator."""

    def __call__(self, past: Sequence[Trial], num_dimensions: int) -> Tensor:
        """A point of the unit cube, (D,)."""


@dataclass(frozen=True)
class Grid:
    """All combinations of `points` equally spaced positions per dimension, ends included; then from the start again."""

    points: int

    def __post_init__(self) -> None:
        if self.points < 2:
            raise ValueError(f"points must be at least 2, got {self.points}")

    def __call__(self, past: Sequence[Trial], num_dimensions: int) -> Tensor:
        """The next point of the grid, the first dimension changing slowest."""
        digits = [len(past) // self.points**place % self.points for place in reversed(range(num_dimensions))]
        return torch.tensor(digits) / (self.points - 1)


@dataclass(frozen=True)
class Random:
    """Uniform in the unit cube: n trials look at n values of every hyper-parameter (Bergstra & Bengio 2012)."""

    def __call__(self, past: Sequence[Trial], num_dimensions: int) -> Tensor:
        """A random point."""
        return torch.rand(num_dimensions)


@dataclass(frozen=True)
class CoarseToFine:
    """Random in the whole cube for `coarse` trials, then random in a box of side `zoom` around the best one so far."""

    coarse: int
    zoom: float

    def __post_init__(self) -> None:
        if self.coarse < 1:
            raise ValueError(f"coarse must be at least 1, got {self.coarse}")
        if not 0 < self.zoom <= 1:
            raise ValueError(f"zoom must be in (0, 1], got {self.zoom}")

    def __call__(self, past: Sequence[Trial], num_dimensions: int) -> Tensor:
        """A random point; late ones near the best. The box is moved, not cut, where it would leave the cube."""
        point = torch.rand(num_dimensions)
        if len(past) < self.coarse:
            return point
        best = torch.tensor(min(past, key=lambda trial: trial.loss).position)
        corner = (best - self.zoom / 2).clamp(0, 1 - self.zoom)
        return corner + self.zoom * point


def importance(trials: Sequence[Trial], num_bins: int = 5) -> Tensor:
    """Share of the variance of the losses' ranks that each hyper-parameter explains by itself, (D,).

    The correlation ratio of rank(loss) over `num_bins` bins of equal counts: the main effects of a functional
    analysis of variance (Hutter et al. 2014), estimated without a model. Few trials overestimate it.
    """
    positions = torch.tensor([trial.position for trial in trials])  # (N, D)
    ranks = torch.tensor([trial.loss for trial in trials]).argsort().argsort().float()
    total = ranks.var(correction=0).clamp(min=1e-12)
    shares = []
    for column in positions.T:
        bins = ranks[column.argsort(stable=True)].tensor_split(min(num_bins, len(trials)))
        between = sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in bins) / len(trials)
        shares.append(between / total)
    return torch.stack([torch.as_tensor(share) for share in shares])
