"""Finished runs, read from their folders."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcourse.checkpoint import flatten, is_repeated
from dlcourse.errors import UserError

IGNORED = {"run_dir", "resume", "device", "runner.num_threads", "runner.profile"}  # keys that change no number

Row = dict[str, Any]
# What the curves can be drawn over, from one logged row; seconds are those of the training since it began or resumed
AXES: dict[str, Callable[[Row], float | None]] = {
    "step": lambda row: row["step"],
    "epoch": lambda row: row.get("progress/epoch"),
    "seconds": lambda row: row["step"] / row["perf/steps_per_second"],
}


@dataclass(frozen=True)
class Run:
    """One run: its keys, resolved and flat, and its logged rows in the order of their steps."""

    path: Path
    keys: dict[str, Any]
    rows: list[Row]

    def series(self, tag: str) -> tuple[list[int], list[float]]:
        """Steps and values of one metric; values that were no numbers are left out."""
        found = [(row["step"], row[tag]) for row in self.rows if row.get(tag) is not None]
        return [step for step, _ in found], [value for _, value in found]

    def axis(self, name: str) -> dict[int, float]:
        """Step -> position on one of AXES, where it was logged."""
        positions = {row["step"]: AXES[name](row) for row in self.rows}
        return {step: position for step, position in positions.items() if position is not None}

    def final(self) -> dict[str, float]:
        """The last value of each metric."""
        latest: dict[str, float] = {}
        for row in self.rows:
            latest |= row
        return {tag: value for tag, value in latest.items() if tag != "step"}


def read_config(path: Path) -> dict[str, Any]:
    """The resolved config of the run in a folder."""
    import yaml

    return yaml.safe_load((path / "config.yaml").read_text())


def read_run(path: Path) -> Run:
    """The run in a folder.

    Raises:
        UserError: no run there, or one without a logged row.
    """
    config_file, metrics_file = path / "config.yaml", path / "metrics.jsonl"
    if not config_file.is_file() or not metrics_file.is_file():
        raise UserError(f"{path}: not a run (no config.yaml and metrics.jsonl in it)")
    config = read_config(path)
    keys = {key: value for key, value in flatten(config).items() if key not in IGNORED and not is_repeated(key, config)}
    rows = [json.loads(line) for line in metrics_file.read_text().splitlines() if line.endswith("}")]
    if not rows:
        raise UserError(f"{path}: has logged nothing yet")
    return Run(path, keys, rows)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts 2_adam before 10_adam."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def find_runs(paths: list[Path]) -> list[Run]:
    """The runs in these folders and below them, in the order of their paths.

    Raises:
        UserError: a folder without a run.
    """
    found: list[Path] = []
    for path in paths:
        here = sorted((config.parent for config in path.rglob("config.yaml")), key=natural_order)
        if not here:
            raise UserError(f"{path}: no run there or below")
        found += here
    return [read_run(path) for path in dict.fromkeys(found)]
