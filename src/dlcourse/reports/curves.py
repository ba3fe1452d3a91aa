"""Curves as SVG, to stand in a page: colours and text follow the page's light or dark style."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from dlcourse.engine.logger import readable
from dlcourse.reports.page import safe

Curve = Sequence[tuple[int, float | None]]  # step and value, in the order of steps; None is a gap
WIDTH, HEIGHT = 480, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 452, 12, 232  # of the area with the curves
DECADES = 2  # values that span more are drawn on a logarithmic axis
LARGEST = 1e200  # no greater values are drawn, so that nothing overflows
MOST = 400  # points of a curve that are drawn
COLORS = 6  # the page defines the classes c0 to c5


def chart(title: str, curves: Mapping[str, Curve]) -> str:
    """A figure with the curves of one quantity over the steps, by name; "" without a number to draw.

    The vertical axis is logarithmic if the values are positive and span more than two decades.
    """
    curves = {name: [(step, bounded(value)) for step, value in thinned(curve)] for name, curve in curves.items()}
    points = [point for curve in curves.values() for point in curve if point[1] is not None]
    if not points:
        return ""
    steps, values = zip(*points, strict=True)
    is_log = min(values) > 1 / LARGEST and max(values) > 10**DECADES * min(values)
    start, end = min(0, *steps), max(steps)
    x_ticks = [tick for tick in linear_ticks(start, end) if start <= tick <= end]
    y_ticks = log_ticks(min(values), max(values)) if is_log else linear_ticks(min(values), max(values))
    shown = math.log10 if is_log else float
    low, high = shown(min(y_ticks[0], *values)), shown(max(y_ticks[-1], *values))
    place_x = lambda step: scaled(step, start, end, LEFT, RIGHT)
    place_y = lambda value: scaled(shown(value), low, high, BOTTOM, TOP)
    parts = [grid_line(LEFT, place_y(tick), RIGHT, place_y(tick), readable(tick), "end") for tick in y_ticks]
    parts += [grid_line(place_x(tick), BOTTOM, place_x(tick), BOTTOM + 5, readable(tick), "middle") for tick in x_ticks]
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 4}">step</text>')
    for number, curve in enumerate(curves.values()):
        placed = [(place_x(step), None if value is None else place_y(value)) for step, value in curve]
        parts.append(f'<g class="c{number % COLORS}">{"".join(drawn(placed))}</g>')
    names = "".join(f'<span class="c{number % COLORS}">{safe(name)}</span>' for number, name in enumerate(curves))
    note = ", logarithmic" if is_log else ""
    drawing = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(title)}">{"".join(parts)}</svg>'
    return f"<figure><figcaption><b>{safe(title)}</b>{note} {names}</figcaption>{drawing}</figure>"


def bounded(value: float | None) -> float | None:
    return value if value is not None and abs(value) <= LARGEST else None


def scaled(value: float, low: float, high: float, first: float, last: float) -> float:
    """Map [low, high] to [first, last]; the middle if low is high."""
    share = (value - low) / (high - low) if high > low else 0.5
    return first + share * (last - first)


def grid_line(x1: float, y1: float, x2: float, y2: float, label: str, anchor: str) -> str:
    """A line from (x1, y1) to (x2, y2), and its label: at the left end, or below if it stands."""
    x, y = (x1 - 7, y1 + 4) if anchor == "end" else (x1, y2 + 14)
    line = f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
    return f'{line}<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{label}</text>'


def drawn(points: Sequence[tuple[float, float | None]]) -> list[str]:
    """A line through each stretch of points without a gap; a dot where a stretch is a single point."""
    found = []
    for is_gap, stretch in groupby(points, key=lambda point: point[1] is None):
        places = [f"{x:.1f},{y:.1f}" for x, y in stretch if y is not None]
        if len(places) == 1:
            x, y = places[0].split(",")
            found.append(f'<circle cx="{x}" cy="{y}" r="4"/>')
        elif not is_gap:
            found.append(f'<polyline points="{" ".join(places)}"/>')
    return found


def thinned(curve: Curve) -> Curve:
    """At most about MOST points: of each run of neighbours the lowest, the highest and a gap, in their order."""
    if len(curve) <= MOST:
        return curve
    size, kept = math.ceil(3 * len(curve) / MOST), []
    for start in range(0, len(curve), size):
        part = curve[start : start + size]
        numbers = [(value, step) for step, value in part if value is not None]
        gaps: list[tuple[int, float | None]] = [(step, None) for step, value in part if value is None]
        ends = [(step, value) for value, step in {min(numbers), max(numbers)}] if numbers else []
        kept += sorted([*gaps[:1], *ends], key=lambda point: point[0])
    return kept


def linear_ticks(low: float, high: float) -> list[float]:
    """About five round numbers from below `low` to above `high`."""
    span = max((high - low) / 4 or abs(high) / 4 or 0.25, 1 / LARGEST)
    power = 10.0 ** math.floor(math.log10(span))
    width = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= 0.999 * span)
    first, last = math.floor(low / width + 1e-9), math.ceil(high / width - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    return [number * width for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from below `low` to above `high`, at most about six."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    return [10.0**power for power in range(first, last + math.ceil((last - first) / 6), math.ceil((last - first) / 6))]
