"""Learning-rate schedules: functions from the number of updates done to a factor on the base learning rate.

All but Plateau have no state, so that keys changed on resume apply at once. `period` is the number of updates in one
unit of time t (1: the rate changes with every update; the number of batches of an epoch: once per epoch).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

from dlcourse.errors import UserError, check_at_least, check_below_1, check_positive

FRACTIONS = {"floor", "warmup", "start", "end"}  # arguments in [0, 1); the others are > 0


class Schedule(ABC):
    """A factor on the learning rate, as a function of the number of updates."""

    def __post_init__(self) -> None:
        """Raise ValueError that names the first argument outside its range."""
        for name, value in vars(self).items():
            if value is None:
                continue
            check = check_below_1 if name in FRACTIONS else check_positive
            check(**{name: value})

    @abstractmethod
    def __call__(self, updates: int) -> float:
        """The factor for the update that follows `updates` others."""

    def for_run(self, left: int | None, updates_per_step: int, step: int = 0, updates: int = 0) -> "Schedule":
        """The schedule of a run that has made `updates` updates in `step` steps and has `left` steps left.

        That is itself, unless it depends on the length of the run.
        """
        return self

    def observe(self, loss: float) -> None:  # noqa: B027
        """Take into account a loss on the dev set; only Plateau does."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:  # noqa: B027
        """Restore it; most schedules have no state."""


@dataclass(frozen=True)
class Constant(Schedule):
    """lr(t) = lr_0."""

    def __call__(self, updates: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Hyperbolic(Schedule):
    """lr(t) = lr_0 / (1 + decay_rate * t), t = updates // period."""

    decay_rate: float
    period: int

    def __call__(self, updates: int) -> float:
        return 1.0 / (1.0 + self.decay_rate * (updates // self.period))


@dataclass(frozen=True)
class Exponential(Schedule):
    """lr(t) = lr_0 * gamma^t, t = updates // period. With a long period this is the staircase."""

    gamma: float
    period: int

    def __call__(self, updates: int) -> float:
        return self.gamma ** (updates // self.period)


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """lr(t) = k * lr_0 / sqrt(t), t = 1 + updates // period."""

    k: float
    period: int

    def __call__(self, updates: int) -> float:
        return self.k / math.sqrt(1 + updates // self.period)


@dataclass(frozen=True)
class WholeRun(Schedule):
    """A schedule that ends with the run, after `total_updates`; None: the task knows how many, see `for_run`."""

    total_updates: int | None

    def for_run(self, left: int | None, updates_per_step: int, step: int = 0, updates: int = 0) -> Schedule:
        """The schedule that ends after `total_updates` steps of the run, or if that is None after those left."""
        if self.total_updates is not None:
            left = max(0, self.total_updates - step)
        return replace(self, total_updates=None if left is None else updates + left * updates_per_step)

    def progress(self, updates: int) -> float:
        """The part of the run that is done, in [0, 1]; UserError without a length."""
        if self.total_updates is None:
            raise UserError("scheduler.total_updates: null is for a StyleGAN with task.total_images; give a number")
        return min(updates / self.total_updates, 1.0)


@dataclass(frozen=True)
class Cosine(WholeRun):
    """lr(t) = lr_0 * (floor + (1 - floor) * (1 + cos(pi * t / T)) / 2)   (Loshchilov & Hutter 2017, eq. 5).

    T is `total_updates`; afterwards the rate stays at `floor * lr_0`.
    """

    floor: float

    def __call__(self, updates: int) -> float:
        return half_cosine(1.0, self.floor, self.progress(updates))


@dataclass(frozen=True)
class OneCycle(WholeRun):
    """Up from `start * lr_0` to lr_0 in the fraction `warmup` of the run, then down to `end * lr_0`, as half cosines.

    (Smith & Topin 2018, with the cosine form of the fastai library.)
    """

    warmup: float
    start: float
    end: float

    def __call__(self, updates: int) -> float:
        progress = self.progress(updates)
        if progress < self.warmup:
            return half_cosine(self.start, 1.0, progress / self.warmup)
        return half_cosine(1.0, self.end, (progress - self.warmup) / (1 - self.warmup))


def half_cosine(first: float, last: float, progress: float) -> float:
    """From `first` to `last`, with slope 0 at both ends, as `progress` goes from 0 to 1."""
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


class Plateau(Schedule):
    """Multiplies the rate by `factor` when the dev loss has not fallen for more than `patience` evaluations in a row.

    The only schedule with a state. The classifier measures the dev loss every `runner.evaluate_every` updates; in
    tasks that do not, the rate stays constant.

    Args:
        factor: in (0, 1).
        patience: evaluations without improvement before the rate is reduced, >= 0.
        threshold: smallest relative improvement that counts, in [0, 1).
    """

    def __init__(self, factor: float, patience: int, threshold: float):
        if not 0 < factor < 1:
            raise ValueError(f"factor must be in (0, 1), got {factor}")
        check_at_least(0, patience=patience)
        check_below_1(threshold=threshold)
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.best, self.misses, self.reductions = math.inf, 0, 0

    def __call__(self, updates: int) -> float:
        return self.factor**self.reductions

    def observe(self, loss: float) -> None:
        """Count the evaluation as an improvement or a miss; after too many misses, reduce the rate."""
        if loss < self.best * (1 - self.threshold):
            self.best, self.misses = loss, 0
            return
        self.misses += 1
        if self.misses > self.patience:
            self.reductions, self.misses = self.reductions + 1, 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "misses": self.misses, "reductions": self.reductions}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.misses, self.reductions = (state_dict[name] for name in ("best", "misses", "reductions"))
