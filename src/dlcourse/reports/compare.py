"""Several runs side by side: curves with mean and band over seeds, a table of final values."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from dlcourse.figures import COLORS, new_figure, to_image
from dlcourse.reports.runs import Run


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed."""

    name: str
    runs: list[Run]


def differing_keys(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The keys that not all runs share, other than the seed: key -> its values in the order of their appearance."""
    keys = dict.fromkeys(key for run in runs for key in run.keys)
    values = {key: list(dict.fromkeys(str(run.keys.get(key, "-")) for run in runs)) for key in keys}
    return {key: found for key, found in values.items() if len(found) > 1 and not is_seed(key)}


def is_seed(key: str) -> bool:
    """Whether a key is a seed: what tells repetitions apart."""
    return key.rpartition(".")[2] == "seed"


def group_by_settings(runs: Sequence[Run]) -> list[Group]:
    """Runs with the same settings together, named by what differs, in the order of their appearance.

    Where several keys change together (another optimizer has other keys), the fewest that tell the groups apart
    give the name.
    """
    differing = differing_keys(runs)
    names = naming_keys(runs, list(differing))
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(str(run.keys.get(key, "-")) for key in differing), []).append(run)
    return [Group(name_of(members[0], names), members) for members in groups.values()]


def naming_keys(runs: Sequence[Run], keys: list[str]) -> list[str]:
    """A few of `keys` whose values tell apart all that `keys` together do, chosen greedily."""

    def num_told_apart(chosen: list[str]) -> int:
        return len({tuple(str(run.keys.get(key, "-")) for key in chosen) for run in runs})

    chosen: list[str] = []
    while num_told_apart(chosen) < num_told_apart(keys):
        chosen.append(max(keys, key=lambda key: num_told_apart([*chosen, key])))
    return chosen


def name_of(run: Run, keys: Sequence[str]) -> str:
    """A group's name: key=value of what tells it apart, the key without its path, the class without its package."""
    parts = []
    for key in keys:
        owner, _, name = key.rpartition(".")
        value = str(run.keys.get(key, "-")).rpartition("dlcourse.")[2] if name == "_target_" else run.keys.get(key, "-")
        parts.append(f"{owner if name == '_target_' else name}={value}")
    return " ".join(parts) or "all"


def final_values(group: Group, tag: str) -> list[float]:
    """The last value of one metric in each of a group's runs that has it."""
    return [final[tag] for final in (run.final() for run in group.runs) if final.get(tag) is not None]


def common_tags(runs: Sequence[Run]) -> list[str]:
    """The metrics that every run has logged, in the order of their appearance."""
    tags = dict.fromkeys(tag for run in runs for tag in run.final())
    return [tag for tag in tags if all(tag in run.final() for run in runs)]


def table(groups: Sequence[Group], tags: Sequence[str]) -> list[list[str]]:
    """Rows of cells: a heading, then each group's name, number of runs, and mean ± standard deviation of each tag."""
    rows = [["settings", "runs", *tags]]
    for group in groups:
        cells = [group.name, str(len(group.runs))]
        for tag in tags:
            values = final_values(group, tag)
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            cells.append(f"{statistics.fmean(values):.4g}{spread}" if values else "no number")
        rows.append(cells)
    return rows


def mean_and_band(runs: Sequence[Run], tag: str) -> tuple[list[int], list[float], list[float], list[float]]:
    """Steps at which all runs have a value, the mean there, and mean ± standard deviation (the mean, for one run)."""
    by_run = [dict(zip(*run.series(tag), strict=True)) for run in runs]
    steps = sorted(set.intersection(*(set(series) for series in by_run)))
    means = [statistics.fmean(series[step] for series in by_run) for step in steps]
    spreads = [statistics.stdev(series[step] for series in by_run) if len(runs) > 1 else 0.0 for step in steps]
    low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
    high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
    return steps, means, low, high


def curves(groups: Sequence[Group], tags: Sequence[str]) -> Tensor:
    """One panel per metric, one line and band per group, over the steps: a picture (1, 3, H, W) in [0, 1]."""
    columns = min(len(tags), 2)
    num_rows = (len(tags) + columns - 1) // columns
    figure = new_figure(6 * columns, 4 * num_rows + 0.3 * len(groups))
    for index, tag in enumerate(tags):
        axes = figure.add_subplot(num_rows, columns, index + 1)
        for number, group in enumerate(groups):
            steps, means, low, high = mean_and_band(group.runs, tag)
            color, dashes = COLORS[number % len(COLORS)], ("-", "--", ":")[number // len(COLORS) % 3]
            axes.plot(steps, means, label=group.name, color=color, linestyle=dashes)
            axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        axes.set(xlabel="step", ylabel=tag, yscale="log" if is_loss(groups, tag) else "linear")
        axes.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", frameon=False)
    figure.tight_layout(rect=(0, 0.3 * len(groups) / (4 * num_rows + 0.3 * len(groups)), 1, 1))
    return to_image(figure)


def is_loss(groups: Sequence[Group], tag: str) -> bool:
    """Whether a metric is a loss whose values are all positive: drawn on a logarithmic axis."""
    return "loss" in tag and all(value > 0 for group in groups for run in group.runs for value in run.series(tag)[1])
