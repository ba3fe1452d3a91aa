"""Comparison of runs: curves with mean and standard deviation over seeds, and a table of final values."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.files.terminal import printable
from dlcourse.images.figures import COLORS, new_figure, to_image, verbatim
from dlcourse.reports.runs import CHOICE, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_METRICS = 50  # in one image


@dataclass(frozen=True)
class Group:
    """Runs that differ only in their seed."""

    name: str
    runs: list[Run]


def differing_keys(runs: Sequence[Run]) -> dict[str, list[str]]:
    return {key: values for key, values in varying_keys(runs).items() if not is_seed(key)}


def varying_keys(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Keys whose value differs between runs: key -> its values in order of appearance."""
    keys = dict.fromkeys(key for run in runs for key in run.keys)
    values = {key: list(dict.fromkeys(value_as_yaml(run, key) for run in runs)) for key in keys}
    return {key: found for key, found in values.items() if len(found) > 1}


def value_as_yaml(run: Run, key: str) -> str:
    """A run's value of a key as YAML, "-" if it has no such key."""
    return as_yaml(run.keys[key]) if key in run.keys else "-"


def is_seed(key: str) -> bool:
    return key.rpartition(".")[2] == "seed"


def group_by_settings(runs: Sequence[Run]) -> list[Group]:
    """Groups of runs with the same settings, in order of appearance, named by the keys that differ.

    Where several keys change together (another optimizer has other keys), the name has only as many as are needed to
    tell the groups apart, first the name of a choice. Choices are not settings: two may lead to the same values.
    """
    differing = list(differing_keys(runs))
    settings = [key for key in differing if not key.startswith(CHOICE)]
    count = num_told_apart(runs, settings)
    choices = [key for key in differing if key not in settings and num_told_apart(runs, [*settings, key]) == count]
    names = naming_keys(runs, [*choices, *settings])
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(value_as_yaml(run, key) for key in settings), []).append(run)
    return [Group(name_of(members[0], names), members) for members in groups.values()]


def naming_keys(runs: Sequence[Run], keys: Sequence[str], given: Sequence[str] = ()) -> list[str]:
    """The keys `given` and, chosen greedily, as few of `keys` as are needed to tell the runs apart as well as all."""
    chosen = list(given)
    while num_told_apart(runs, chosen) < num_told_apart(runs, [*given, *keys]):
        chosen.append(max(keys, key=lambda key: num_told_apart(runs, [*chosen, key])))
    return chosen


def num_told_apart(runs: Sequence[Run], keys: Sequence[str]) -> int:
    return len({tuple(value_as_yaml(run, key) for key in keys) for run in runs})


def name_of(run: Run, keys: Sequence[str]) -> str:
    """A group's name: key=value for each of `keys`, keys without their path and classes without their package."""
    parts, names = [], short_names(keys)
    for key, value in ((key, run.keys[key]) for key in keys if key in run.keys):
        text = str(value).rpartition(".")[2] if is_class(key) else as_yaml(value)
        parts.append(f"{names[key]}={text}")
    return printable(" ".join(parts or [f"{name}=-" for name in names.values()])) or "all"


def is_class(key: str) -> bool:
    return key.rpartition(".")[2] == "_target_"


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Key -> name: lr for optimizer.lr, optimizer for optimizer._target_, the whole key where names would be equal."""
    names = [key.rpartition(".")[0 if is_class(key) else 2] for key in keys]
    return {key: key if names.count(name) > 1 else name for key, name in zip(keys, names, strict=True)}


def as_yaml(value: Any) -> str:
    """A config value as YAML; 10.0 becomes 10, so that both count as the same value."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {as_yaml(part)}" for name, part in value.items()) + "}"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def final_values(group: Group, tag: str) -> list[float]:
    return [final[tag] for final in (run.final() for run in group.runs) if final.get(tag) is not None]


def last_steps(group: Group) -> str:
    """The last step that the runs of a group have logged: 200, or 50-200 if some are behind."""
    steps = [max((row["step"] for row in run.rows), default=0) for run in group.runs]
    return "-".join(map(str, sorted({min(steps), max(steps)})))


def chosen_tags(runs: Sequence[Run], wanted: Sequence[str] | None) -> list[str]:
    """The `wanted` metrics, by default all losses and accuracies in order of appearance.

    Raises:
        UserError: a metric that no run has logged, no metric at all, or more than fit into an image.
    """
    known = list(dict.fromkeys(tag for run in runs for tag in run.final()))
    tags = [tag for tag in known if "loss" in tag or "accuracy" in tag] if wanted is None else list(wanted)
    listed = ", ".join(known[:MAX_METRICS])
    if missing := [tag for tag in tags if tag not in known]:
        raise UserError(f"--metrics {' '.join(missing)}: logged by no run; there are {listed}")
    if not tags:
        raise UserError(f"no run has logged a loss or an accuracy; choose by --metrics from {listed}")
    if len(tags) > MAX_METRICS:
        raise UserError(f"{len(tags)} metrics are too many for one image; choose at most {MAX_METRICS} by --metrics")
    return tags


def without_tag(runs: Sequence[Run], tags: Sequence[str]) -> list[str]:
    """A line for each metric that some of the runs have not logged (yet)."""
    found = {tag: [run.path for run in runs if tag not in run.final()] for tag in tags}
    return [
        f"{tag}: not logged by {len(paths)} of {len(runs)} runs, such as {paths[0]}"
        for tag, paths in found.items()
        if paths
    ]


def groups_spreadsheet(groups: Sequence[Group], tags: Sequence[str]) -> list[list[str | int | float]]:
    """The table in full precision, with a column each for the mean and the standard deviation of a tag.

    A mean is "" where no run has the metric; a deviation is "" where fewer than two have it.
    """
    heading: list[str | int | float] = ["settings", "runs", "step"]
    rows = [heading + [f"{tag} {what}" for tag in tags for what in ("mean", "std")]]
    for group in groups:
        values = [final_values(group, tag) for tag in tags]
        moments = [(fmean(found) if found else "", stdev(found) if len(found) > 1 else "") for found in values]
        rows.append([group.name, len(group.runs), last_steps(group), *itertools.chain(*moments)])
    return rows


def groups_table(groups: Sequence[Group], tags: Sequence[str]) -> list[list[str]]:
    """Rows of cells: a heading, then each group's name, runs, last step, mean ± standard deviation of each tag."""
    rows = [["settings", "runs", "step", *tags]]
    for group in groups:
        rows.append([group.name, str(len(group.runs)), last_steps(group), *(cell(group, tag) for tag in tags)])
    return rows


def cell(group: Group, tag: str) -> str:
    """Mean ± standard deviation of the last values; "-" if no run logged the metric, "no number" if it is NaN."""
    values = final_values(group, tag)
    if not values:
        return "no number" if any(tag in run.final() for run in group.runs) else "-"
    return f"{fmean(values):.4g}" + (f" ± {stdev(values):.2g}" if len(values) > 1 else "")


@dataclass(frozen=True)
class Band:
    """The mean and the standard deviation (0 for a single run) of several runs' curves."""

    positions: list[float]
    means: list[float]
    deviations: list[float]
    lower: list[float]  # mean - deviation, but not below all runs, so that it stays positive for a loss
    upper: list[float]  # mean + deviation


def smoothed(values: list[float], beta: float) -> list[float]:
    """The exponentially weighted average of a curve, with bias correction; beta 0 does not change it.

    v_i = beta v_{i-1} + (1 - beta) t_i with v_0 = 0, divided by 1 - beta^i (Kingma & Ba 2015, section 3).
    """
    averages = itertools.accumulate(values, lambda v, t: beta * v + (1 - beta) * t, initial=0.0)
    return [average / (1 - beta**i) for i, average in enumerate(averages) if i > 0]


def band(runs: Sequence[Run], tag: str, axis: str, beta: float) -> Band:
    """One metric at the steps that all runs with this metric have in common, at the mean of the runs' positions."""
    runs = [run for run in runs if run.series(tag)[0] and run.axis(axis)]
    series, axes = [run.series(tag) for run in runs], [run.axis(axis) for run in runs]
    curves = [dict(zip(steps, smoothed(values, beta), strict=True)) for steps, values in series]
    steps = sorted(set.intersection(*map(set, [*curves, *axes]))) if runs else []
    found = Band([], [], [], [], [])
    for step in steps:
        values = [curve[step] for curve in curves]
        mean, deviation = fmean(values), stdev(values) if len(values) > 1 else 0.0
        found.positions.append(fmean(positions[step] for positions in axes))
        found.means.append(mean)
        found.deviations.append(deviation)
        found.lower.append(max(mean - deviation, min(values)))
        found.upper.append(mean + deviation)
    return found


def draw_curves(groups: Sequence[Group], tags: Sequence[str], axis: str, beta: float) -> Tensor:
    """An image (1, 3, H, W) in [0, 1]: a panel per metric, a line and band per group, or points for a single step.

    `axis` is one of AXES; `beta`, in [0, 1), is that of `smoothed` for training losses, which are noisy.

    Raises:
        UserError: no run has logged the axis.
    """
    if not any(run.axis(axis) for group in groups for run in group.runs):
        raise UserError(f"--over {axis}: no run has logged it; --over step is of all")
    columns = min(len(tags), 2)
    num_rows = -(-len(tags) // columns)
    per_line = max(1, 6 * columns * 10 // (8 + max(len(group.name) for group in groups)))
    legend = 0.25 * -(-len(groups) // per_line) + 0.2  # hundreds of pixels
    height = 3.6 * num_rows + legend
    figure = new_figure(6 * columns, height)
    for index, tag in enumerate(tags):
        axes = figure.add_subplot(num_rows, columns, index + 1)
        is_noisy = tag.startswith(("train/", "gan/")) and "loss" in tag
        bands = [(verbatim(group.name), band(group.runs, tag, axis, beta if is_noisy else 0.0)) for group in groups]
        draw = draw_points if all(len(curve.positions) <= 1 for _, curve in bands) else draw_lines
        draw(axes, bands)
        axes.set(
            xlabel="" if draw is draw_points else axis,
            ylabel=verbatim(tag),
            yscale="log" if is_loss(groups, tag) else "linear",
        )
        axes.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", frameon=False, ncols=per_line)
    figure.tight_layout(rect=(0, legend / height, 1, 1))
    return to_image(figure)


def draw_lines(axes: "Axes", bands: Sequence[tuple[str, Band]]) -> None:
    """Draw the groups' lines and bands."""
    for number, (name, curve) in enumerate(bands):
        color, dashes = COLORS[number % len(COLORS)], ("-", "--", ":")[number // len(COLORS) % 3]
        marker = "o" if len(curve.positions) == 1 else None
        axes.plot(curve.positions, curve.means, label=name, color=color, linestyle=dashes, marker=marker)
        axes.fill_between(curve.positions, curve.lower, curve.upper, color=color, alpha=0.15, linewidth=0)


def draw_points(axes: "Axes", bands: Sequence[tuple[str, Band]]) -> None:
    """Draw the groups' single values and deviations, side by side."""
    for number, (name, curve) in enumerate(bands):
        color = COLORS[number % len(COLORS)]
        at = [number] * len(curve.means)
        axes.errorbar(at, curve.means, curve.deviations, color=color, marker="o", capsize=4, label=name)
    axes.set_xticks([])


def is_loss(groups: Sequence[Group], tag: str) -> bool:
    return "loss" in tag and all(value > 0 for group in groups for run in group.runs for value in run.series(tag)[1])
