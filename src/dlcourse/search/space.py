"""The space of a hyper-parameter study: what each key may be, as plain data.

A dimension offers values to a trial, places them in [0, 1] on its own scale, and narrows around good ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Value = float | int | str


class Suggests(Protocol):
    """What a dimension asks of a trial of Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number in [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number in [low, high]."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


class Dimension(Protocol):
    """The values that one key may have."""

    @property
    def log(self) -> bool:
        """Whether its scale is logarithmic."""

    def suggest(self, trial: Suggests, name: str) -> Value:
        """The trial's value of the key `name`."""

    def first(self) -> Value:
        """The lowest value, or the first option."""

    def position(self, value: Value) -> float:
        """Where a value lies on the scale, from 0 to 1."""

    def ticks(self) -> Sequence[Value]:
        """Values to mark on a drawn scale, rising."""

    def narrowed(self, values: Sequence[Value], zoom: float) -> "Dimension":
        """The part of the scale that the values span, but at least a share `zoom` of it, moved inside the whole."""


@dataclass(frozen=True)
class Interval:
    """The real numbers of [low, high].

    Raises:
        ValueError: low >= high, or a logarithmic scale that does not begin above 0.
    """

    low: float
    high: float
    log: bool

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        require_positive(self.low, self.log)

    def suggest(self, trial: Suggests, name: str) -> float:
        """Any of them."""
        return trial.suggest_float(name, self.low, self.high, step=None, log=self.log)

    def first(self) -> float:
        """The lowest."""
        return self.low

    def position(self, value: Value) -> float:
        """Linear, or linear in the logarithm."""
        return position_between(self.low, self.high, self.log, float(value))

    def value(self, position: float) -> float:
        """The inverse of `position`."""
        return value_between(self.low, self.high, self.log, position)

    def ticks(self) -> list[Value]:
        """Both ends, and round numbers between that are not too close to them."""
        between = [tick for tick in round_values(self.low, self.high, self.log) if 0.07 < self.position(tick) < 0.93]
        return [self.low, *between, self.high] if self.low < self.high else [self.low]

    def narrowed(self, values: Sequence[Value], zoom: float) -> "Interval":
        """A shorter interval of the same scale."""
        low, high = window([self.position(value) for value in values], zoom)
        return Interval(self.value(low), self.value(high), self.log)


@dataclass(frozen=True)
class Range:
    """low, low + step, ..., high; whole numbers if low and step are.

    Raises:
        ValueError: low > high, or a logarithmic scale that does not begin above 0 or whose step is not 1.
    """

    low: float
    high: float
    step: float
    log: bool

    def __post_init__(self) -> None:
        if self.low > self.high or self.step <= 0:
            raise ValueError(f"an empty range, from {self.low:g} to {self.high:g} by {self.step:g}")
        require_positive(self.low, self.log)
        if self.log and (self.step != 1 or not self.is_whole()):
            raise ValueError(f"on a logarithmic scale a range goes by whole numbers, step 1; got step {self.step:g}")

    def is_whole(self) -> bool:
        """Whether all values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.step, int)

    def suggest(self, trial: Suggests, name: str) -> float:
        """Any of them, as an int if they are whole."""
        if self.is_whole():
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=False)

    def first(self) -> float:
        """The lowest."""
        return self.low

    def position(self, value: Value) -> float:
        """Linear, or linear in the logarithm."""
        return position_between(self.low, self.high, self.log, float(value))

    def ticks(self) -> list[Value]:
        """Both ends, and round numbers between that are not too close to them."""
        between = [tick for tick in round_values(self.low, self.high, self.log) if 0.07 < self.position(tick) < 0.93]
        return [self.low, *between, self.high] if self.low < self.high else [self.low]

    def narrowed(self, values: Sequence[Value], zoom: float) -> "Range":
        """A shorter range of the same steps, rounded outwards."""
        positions = window([self.position(value) for value in values], zoom)
        ends = [(value_between(self.low, self.high, self.log, end) - self.low) / self.step for end in positions]
        first, last = math.floor(ends[0] + 1e-9), math.ceil(ends[1] - 1e-9)
        return Range(self.low + first * self.step, min(self.low + last * self.step, self.high), self.step, self.log)


@dataclass(frozen=True)
class Choice:
    """One of several options without an order, each as it is typed on a command line.

    Raises:
        ValueError: no option.
    """

    options: tuple[str, ...]
    log: bool = False

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("no options to choose from")

    def suggest(self, trial: Suggests, name: str) -> str:
        """Any of them."""
        return trial.suggest_categorical(name, self.options)

    def first(self) -> str:
        """The first."""
        return self.options[0]

    def position(self, value: Value) -> float:
        """In equal distances, in the order of their being given."""
        return self.options.index(str(value)) / max(len(self.options) - 1, 1)

    def ticks(self) -> tuple[str, ...]:
        """All options."""
        return self.options

    def narrowed(self, values: Sequence[Value], zoom: float) -> "Choice":
        """Itself: there is nothing between options to narrow."""
        return self


Space = dict[str, Dimension]  # key -> what it may be


def narrow(space: Space, best: Sequence[dict[str, Value]], zoom: float) -> Space:
    """The space around the values of the best trials, each dimension by itself."""
    return {name: dimension.narrowed([values[name] for values in best], zoom) for name, dimension in space.items()}


def require_positive(low: float, log: bool) -> None:
    """Raise ValueError for a logarithmic scale that does not begin above 0."""
    if log and low <= 0:
        raise ValueError(f"low must be above 0 on a logarithmic scale, got {low:g}")


def position_between(low: float, high: float, log: bool, value: float) -> float:
    """Where `value` lies between `low` (0) and `high` (1)."""
    if low == high:
        return 0.0
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def value_between(low: float, high: float, log: bool, position: float) -> float:
    """The value at `position`, never outside of [low, high] by rounding."""
    value = low * (high / low) ** position if log else low + (high - low) * position
    return min(max(value, low), high)


def round_values(low: float, high: float, log: bool) -> list[float]:
    """A few round numbers of [low, high]: powers of ten, or multiples of 1, 2 or 5 times one."""
    if log:
        exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        return [10.0**exponent for exponent in exponents[:: len(exponents) // 6 + 1]]
    if low == high:
        return []
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= 5)
    return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def window(positions: Sequence[float], zoom: float) -> tuple[float, float]:
    """The part of [0, 1] that the positions span, at least `zoom` long around their middle; moved inside, not cut."""
    length = max(max(positions) - min(positions), zoom)
    start = min(max((max(positions) + min(positions) - length) / 2, 0.0), 1.0 - length)
    return start, start + length
