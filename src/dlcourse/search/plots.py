"""What a study found, as an image: the importance of parameters and parallel coordinates of the trials."""

from typing import TYPE_CHECKING, Literal

from torch import Tensor

from dlcourse.images.figures import COLORS, new_figure, to_image, verbatim
from dlcourse.search.results import EvaluationResult, Result, importances, short
from dlcourse.search.space import Dimension, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

BEST = COLORS[0]


def draw(findings: EvaluationResult) -> Tensor:
    """Importance and parallel coordinates side by side, an image (1, 3, H, W) in [0, 1]."""
    longest = max(map(len, [*findings.space, findings.metric]))
    bars, coordinates = 3 + 0.08 * longest, 2 + max(1.8, 0.09 * longest) * (len(findings.space) + 1)
    figure = new_figure(bars + coordinates, 5)
    left, right = figure.subplots(1, 2, width_ratios=(bars, coordinates))
    draw_importance(left, findings)
    draw_coordinates(right, findings)
    states = [result.state for result in findings.results]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
    title = f"{findings.name}: {findings.direction} {findings.metric} over {len(states)} trials ({counts})"
    figure.suptitle(verbatim(title))
    figure.tight_layout()
    return to_image(figure)


def draw_importance(axes: "Axes", findings: EvaluationResult) -> None:
    """One bar per parameter, the most important one on top."""
    shares, source = importances(findings)
    names = sorted(shares, key=lambda name: shares[name])
    bars = axes.barh([verbatim(name) for name in names], [shares[name] for name in names], color=COLORS[2])
    axes.bar_label(bars, [f"{shares[name]:.2f}" for name in names], padding=3)
    axes.set(xlim=(0, 1.15), xlabel=f"share of the variance of {verbatim(findings.metric)}")
    axes.set_title(f"parameter importance\n({source})", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def draw_coordinates(axes: "Axes", findings: EvaluationResult) -> None:
    """One vertical scale per parameter and one for the metric; one line per trial, coloured by the metric."""
    complete = [result for result in findings.ranked() if result.state == "complete"]
    if not complete:
        axes.set(xticks=[], yticks=[], title="no trial was trained to its end")
        return
    scale = metric_scale([result.metric or 0.0 for result in complete])
    colors = color_scale(scale, findings)
    for result in findings.ranked():
        heights = [part.position(result.values[name]) for name, part in findings.space.items()]
        heights.append(scale.position(min(max(result.metric or 0.0, scale.low), scale.high)))
        axes.plot(heights, **style_of(result, complete[0], colors))
    for column, part in enumerate(findings.space.values()):
        draw_scale(axes, column, part, "left")
    draw_scale(axes, len(findings.space), scale, "right")  # no lines there
    axes.set(xlim=(-0.3, len(findings.space) + 0.4), ylim=(-0.04, 1.04), yticks=[])
    axes.set_xticks(range(len(findings.space) + 1), [verbatim(name) for name in [*findings.space, findings.metric]])
    axes.tick_params(axis="x", length=0, pad=8)
    axes.spines[:].set_visible(False)
    pruned = "; dashed: pruned" if len(complete) < len(findings.ranked()) else ""
    axes.set_title(f"one line per trial, the best one, {complete[0].number}, thick{pruned}", fontsize="medium")
    axes.get_figure().colorbar(colors, ax=axes, label=verbatim(findings.metric), pad=0.02)  # type: ignore[union-attr]


def metric_scale(metrics: list[float]) -> Interval:
    """From the lowest to the highest; logarithmic where one bad trial would make all others look alike."""
    low, high = min(metrics), max(metrics)
    return Interval(low, high if low < high else low + max(abs(low), 1.0) * 1e-6, log=0 < 10 * low < high)


def color_scale(scale: Interval, findings: EvaluationResult) -> "ScalarMappable":
    """The colours of the metric: good trials are dark."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    norm = (LogNorm if scale.log else Normalize)(scale.low, scale.high)
    return ScalarMappable(norm, "viridis" if findings.direction == "minimize" else "viridis_r")


def style_of(result: Result, best: Result, colors: "ScalarMappable") -> dict:
    """How the line of a trial looks; better ones lie on top."""
    if result.state == "pruned":
        return {"color": "silver", "linewidth": 0.8, "linestyle": "--", "zorder": 1}
    if result is best:
        return {"color": BEST, "linewidth": 3, "marker": "o", "zorder": 4}
    return {"color": colors.to_rgba(result.metric or 0.0), "linewidth": 1.2, "zorder": 2}  # type: ignore[arg-type]


def draw_scale(axes: "Axes", column: int, part: Dimension, side: Literal["left", "right"]) -> None:
    """A vertical line with ticks on one side."""
    sign = -1 if side == "left" else 1
    align: Literal["left", "right"] = "right" if side == "left" else "left"
    axes.plot([column, column], [0, 1], color="black", linewidth=0.8, zorder=3)
    for tick in part.ticks():
        height, label = part.position(tick), verbatim(short(tick))
        axes.plot([column, column + 0.03 * sign], [height, height], color="black", linewidth=0.8, zorder=3)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.text(column + 0.05 * sign, height, label, ha=align, va="center", fontsize="small", bbox=box, zorder=5)
