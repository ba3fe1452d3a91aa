"""Learning-rate schedules as pure functions: updates done so far -> factor on the base learning rate.

A schedule keeps no state, so a resumed run cannot go on with the wrong rate, and a key that is changed on resume
means what it says. Unless noted, `period` is the number of updates that count as one unit of time (1: the rate
changes with every update; the number of batches of an epoch: once per epoch).
"""

import math
from dataclasses import dataclass


def require_positive(**values: float) -> None:
    """Raise ValueError naming the first value that is not positive."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Constant:
    """lr(t) = lr_0."""

    def __call__(self, updates: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Hyperbolic:
    """lr(t) = lr_0 / (1 + decay_rate * t), t = updates // period."""

    decay_rate: float
    period: int

    def __post_init__(self) -> None:
        require_positive(decay_rate=self.decay_rate, period=self.period)

    def __call__(self, updates: int) -> float:
        return 1.0 / (1.0 + self.decay_rate * (updates // self.period))


@dataclass(frozen=True)
class Exponential:
    """lr(t) = lr_0 * gamma^t, t = updates // period. With a long period this is the staircase."""

    gamma: float
    period: int

    def __post_init__(self) -> None:
        require_positive(gamma=self.gamma, period=self.period)

    def __call__(self, updates: int) -> float:
        return self.gamma ** (updates // self.period)


@dataclass(frozen=True)
class InverseSqrt:
    """lr(t) = k * lr_0 / sqrt(t), t = 1 + updates // period."""

    k: float
    period: int

    def __post_init__(self) -> None:
        require_positive(k=self.k, period=self.period)

    def __call__(self, updates: int) -> float:
        return self.k / math.sqrt(1 + updates // self.period)


@dataclass(frozen=True)
class Cosine:
    """lr(t) = lr_0 * (floor + (1 - floor) * (1 + cos(pi * t / T)) / 2)   (Loshchilov & Hutter 2017, eq. 5).

    T is `total_updates`; from there on the rate stays at `floor * lr_0`.
    """

    total_updates: int
    floor: float

    def __post_init__(self) -> None:
        require_positive(total_updates=self.total_updates)
        if not 0 <= self.floor < 1:
            raise ValueError(f"floor must be in [0, 1), got {self.floor}")

    def __call__(self, updates: int) -> float:
        progress = min(updates / self.total_updates, 1.0)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2
