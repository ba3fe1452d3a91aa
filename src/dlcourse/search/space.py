"""The search space of a study: parameter -> Optuna's distribution.

A parameter is a key of the config, or "1 - KEY" if the key is searched on the scale of 1 - beta.
"""

import math
from collections.abc import Collection, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dlcourse.errors import UserError

Value = float | int | str
Space = dict[str, BaseDistribution]
ONE_MINUS = "1 - "


def numbers(
    low: float, high: float, step: float | None = None, tags: Collection[str] = ()
) -> FloatDistribution | IntDistribution:
    """The real numbers in [low, high], or low, low + step, ..., high, which are whole if low and step are.

    Args:
        low: the lowest number.
        high: the highest number, above `low` unless there is a step.
        step: None for an interval.
        tags: "log" for a logarithmic scale; "one_minus_log" for 1 - x on a logarithmic scale, as for momentum, which
            averages over about 1 / (1 - beta) steps.

    Raises:
        ValueError: an empty range, a number that the scale lacks, or a logarithmic scale with another step than 1.
    """
    is_whole, is_log = isinstance(low, int) and isinstance(step, int), bool({"log", "one_minus_log"} & set(tags))
    if low > high or (low == high and step is None):
        raise ValueError(f"low must be below high, got {low:g} and {high:g}")
    if is_log and step is not None and not (is_whole and step == 1):
        raise ValueError(f"on a logarithmic scale a range goes by whole numbers, step 1; got step {step:g}")
    if "one_minus_log" in tags:
        if high >= 1:
            raise ValueError(f"high must be below 1 on the scale of 1 - beta, got {high:g}")
        return FloatDistribution(1 - high, 1 - low, log=True)
    if is_log and low <= 0:
        raise ValueError(f"low must be above 0 on a logarithmic scale, got {low:g}")
    kind = IntDistribution if is_whole else FloatDistribution
    return kind(low, high, log=is_log, step=step)  # type: ignore[arg-type]


def suggest(trial: optuna.Trial, name: str, part: BaseDistribution) -> Value:
    """Let the trial choose the value of a parameter."""
    if isinstance(part, IntDistribution):
        return trial.suggest_int(name, part.low, part.high, step=part.step, log=part.log)
    if isinstance(part, FloatDistribution):
        return trial.suggest_float(name, part.low, part.high, step=part.step, log=part.log)
    assert isinstance(part, CategoricalDistribution)
    return trial.suggest_categorical(name, part.choices)  # type: ignore[return-value]  # strings, by the command


def config_values(params: dict[str, Value]) -> dict[str, Value]:
    """Parameters as config keys and values: {"1 - KEY": x} becomes {"KEY": 1 - x}."""
    return {
        name.removeprefix(ONE_MINUS): 1 - float(value) if name.startswith(ONE_MINUS) else value
        for name, value in params.items()
    }


def grid_values(space: Space) -> dict[str, list[Value]]:
    """All values of each parameter; UserError for an interval, which has infinitely many."""
    grid: dict[str, list[Value]] = {}
    for name, part in space.items():
        if isinstance(part, CategoricalDistribution):
            grid[name] = list(part.choices)  # type: ignore[arg-type]
        elif isinstance(part, FloatDistribution | IntDistribution) and part.step is not None:
            count = round((part.high - part.low) / part.step) + 1
            grid[name] = [part.low + index * part.step for index in range(count)]
        else:
            key = name.removeprefix(ONE_MINUS)
            raise UserError(f"search.sampler=grid needs values to go through: give {key} a list, a,b,c, or a range")
    return grid


def narrow(space: Space, best: Sequence[dict[str, Value]], zoom: float) -> Space:
    """The space around the best trials' values, for each parameter separately; options stay as they are."""
    return {
        name: narrowed(part, [float(params[name]) for params in best], zoom)
        if isinstance(part, FloatDistribution | IntDistribution)
        else part
        for name, part in space.items()
    }


def narrowed(part: FloatDistribution | IntDistribution, values: Sequence[float], zoom: float) -> BaseDistribution:
    """The range that the values span, at least a share `zoom` of the scale; shifted, not cut, at the scale's ends."""
    if part.single():
        return part
    ratio = part.high / part.low if part.log else 1.0
    positions = [
        math.log(value / part.low, ratio) if part.log else (value - part.low) / (part.high - part.low)
        for value in values
    ]
    length = max(max(positions) - min(positions), zoom)
    start = min(max((max(positions) + min(positions) - length) / 2, 0.0), 1.0 - length)
    low, high = (
        part.low * ratio**end if part.log else part.low + (part.high - part.low) * end
        for end in (start, start + length)
    )
    if part.step is not None:  # rounded outwards
        first, last = math.floor((low - part.low) / part.step + 1e-9), math.ceil((high - part.low) / part.step - 1e-9)
        low, high = part.low + first * part.step, part.low + last * part.step
    return type(part)(max(low, part.low), min(high, part.high), log=part.log, step=part.step)  # type: ignore[arg-type]
