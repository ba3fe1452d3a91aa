"""Reading runs from their folders: the resolved config and the logged metrics."""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from dlcourse.engine.nodes import flatten, is_repeated, node_at
from dlcourse.errors import UserError, reason_of
from dlcourse.files.bounded import lines_of, open_file
from dlcourse.files.missing import nothing_at
from dlcourse.images.files import natural_order

MAX_CONFIG_BYTES = 2**17  # the project's own have about 10 000
MAX_METRICS_BYTES = 2**28
MAX_NUMBERS = 2**22  # in all rows of a run together
ROW = 4  # memory of an empty row, in numbers
MAX_DEPTH = 50
MAX_NUMBER = 2.0**1000  # greater numbers would overflow in a standard deviation

IGNORED = {
    "run_dir",
    "resume",
    "overrides",
    "output",
    "strip",
    "device",
    "runner.num_threads",
    "runner.profile",
}  # without effect on results
IMAGES = ("content", "style")
IMAGE = re.compile(r"(.+)_(\d+)\.png")  # images/<name>_<step>.png, as RunLogger writes them
MOST_IMAGES = 10**12  # that a run may say it has seen
CHOICE = "choices."  # prefix of a group's choice: choices.optimizer is momentum

Row = dict[str, Any]
# Horizontal axes of curves: name -> position of a logged row; seconds are those since training began or resumed
AXES: dict[str, Callable[[Row], float | None]] = {
    "step": lambda row: row["step"],
    "epoch": lambda row: row.get("progress/epoch"),
    "seconds": lambda row: row["step"] / rate if (rate := row.get("perf/steps_per_second")) else None,
}


@dataclass(frozen=True)
class Run:
    """The config and the metrics of one run."""

    path: Path
    keys: dict[str, Any]  # resolved and flat, such as optimizer.lr
    rows: list[Row]  # in the order of steps

    def series(self, tag: str) -> tuple[list[int], list[float]]:
        """Steps and values of one metric, without those that are NaN or infinite."""
        found = [(row["step"], row[tag]) for row in self.rows if row.get(tag) is not None]
        return [step for step, _ in found], [value for _, value in found]

    def axis(self, name: str) -> dict[int, float]:
        """Step -> position on one of AXES, for the rows that have it."""
        positions = {row["step"]: AXES[name](row) for row in self.rows}
        return {step: position for step, position in positions.items() if position is not None and isfinite(position)}

    def final(self) -> dict[str, float]:
        """The last value of each metric."""
        latest: dict[str, float] = {}
        for row in self.rows:
            latest |= row
        return {tag: value for tag, value in latest.items() if tag != "step"}


def read_config(path: Path) -> dict[str, Any]:
    """The resolved config of the run in a folder; UserError for a config.yaml that is not the config of a run."""
    import yaml

    text = read_yaml(path / "config.yaml")
    try:
        try:
            config = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:  # the fast loader does not know escapes of raw bytes, which file names may have
            config = yaml.safe_load(text)
        config = config if isinstance(config, dict) else {}
        flatten(config)
    except (ValueError, yaml.YAMLError, TypeError, AttributeError) as error:
        raise UserError(f"{path / 'config.yaml'}: not the config of a run ({reason_of(error)})") from error
    return config


def read_yaml(path: Path) -> str:
    """The text of a YAML file that is safe to load: it takes little time and memory.

    Raises:
        UserError: a file that cannot be read, is too large or too deeply nested, has references, or is not YAML.
    """
    import yaml

    try:
        with open_file(path) as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
        if len(content) > MAX_CONFIG_BYTES:
            raise ValueError(f"more than {MAX_CONFIG_BYTES} bytes")
        text = content.decode()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}") from error
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
                raise UserError(f"{path}: refused: references, or more than {MAX_DEPTH} nodes within each other")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: no YAML ({reason_of(error)})") from error
    return text


def check_links(run_dir: Path) -> None:
    """Raise UserError for a run's folder that is not safe to write to.

    Links out of the folder would redirect a write, and pipes and devices may block.
    """
    home = os.path.realpath(run_dir)
    for folder, folders, files in os.walk(run_dir):
        for path in (Path(folder, name) for name in folders + files):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
                raise UserError(f"{path}: a link that leaves the run's folder; remove it")
            if not path.is_symlink() and not path.is_file() and not path.is_dir():
                raise UserError(f"{path}: a pipe or a device, not a file; remove it")


def read_logged_rows(path: Path) -> list[Row]:
    """The logged rows in a metrics.jsonl, without incomplete lines.

    Raises:
        UserError: a file that cannot be read, is too large, or holds something else.
    """
    rows, left = [], MAX_NUMBERS
    try:
        with open_file(path) as file:
            for line in lines_of(file):
                if line.endswith(b"}"):
                    rows.append(read_row(line.decode()))
                    left -= ROW + len(rows[-1])
                if left < 0 or file.tell() > MAX_METRICS_BYTES:
                    raise ValueError(f"more than {MAX_NUMBERS} numbers or {MAX_METRICS_BYTES} bytes")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not the metrics of a run ({error})") from error
    return rows


def results_folder(path: Path, name: str) -> Path:
    """The folder for a command's results from a checkpoint: RUN/name if it belongs to a run, else ./name.

    Nothing is written beside a checkpoint outside of a run, because that folder may be somebody else's.

    Raises:
        UserError: a link in the run leads out of it.
    """
    run_dir = path.parent.parent
    if path.parent.name != "checkpoints" or not (run_dir / "config.yaml").is_file():
        return Path(name)
    check_links(run_dir)
    return run_dir / name


def read_row(line: str) -> Row:
    """One logged row: its step, and its numbers by tag; ValueError for anything else."""
    try:
        row = json.loads(line)
    except RecursionError as error:
        raise ValueError("too deep") from error
    numbers = {tag: value for tag, value in row.items() if value is not None} if isinstance(row, dict) else {}
    if type(numbers.get("step")) is not int or any(type(value) not in (int, float, bool) for value in numbers.values()):
        raise ValueError('a row is {"step": ..., tag: number, ...}')
    if any(abs(value) > MAX_NUMBER for value in numbers.values()):
        raise ValueError("a number that is too large")
    return {sys.intern(tag): value for tag, value in row.items()}  # all rows share their names


def read_run(path: Path) -> Run:
    """The run in a folder; UserError if there is none, or it has no logged row."""
    config_file, metrics_file = path / "config.yaml", path / "metrics.jsonl"
    if not config_file.is_file() or not metrics_file.is_file():
        raise UserError(f"{path}: not a run (no config.yaml and metrics.jsonl in it)")
    config = read_config(path)
    rows = read_logged_rows(metrics_file)
    if not rows:
        raise UserError(f"{path}: has logged nothing yet")
    return Run(path, own_keys(config), rows)


def own_keys(config: dict[str, Any]) -> dict[str, Any]:
    """The flat keys of a config that determine a run's results.

    Without IGNORED, keys that repeat others, and, in other tasks, the images of style transfer.
    """
    dataset = config["dataset"] if isinstance(config.get("dataset"), dict) else {}
    idle = {key for key in IMAGES if key not in dataset}
    repeated = {f"dataset.{key}" for key in IMAGES if key in dataset and dataset[key] == config.get(key)}
    return {
        key: value
        for key, value in flatten(config).items()
        if key not in IGNORED | idle | repeated and not is_repeated(key, config)
    }


def rows_if_readable(run_dir: Path) -> list[Row]:
    """`read_logged_rows` of a run; none if the file is missing or holds something else."""
    try:
        return read_logged_rows(run_dir / "metrics.jsonl")
    except UserError:
        return []


def twice_as_long(config: dict[str, Any], step: int, rows: list[Row]) -> str:
    """The override with which a complete run of `step` steps, which has logged these rows, trains twice as long."""
    images = node_at(config, "task.total_images")
    if type(images) is not int or node_at(config, "runner.max_steps") is not None:
        return f"runner.max_steps={2 * step}"
    return f"task.total_images={2 * max(images, images_seen(rows))}"


def images_seen(rows: list[Row]) -> int:
    """The images that a StyleGAN has seen at the last of these rows; 0 if that is not said."""
    seen = rows[-1].get("progress/images") if rows else None
    return int(seen) if isinstance(seen, int | float) and 0 < seen < MOST_IMAGES else 0


def find_runs(paths: list[Path]) -> list[Run]:
    """The runs in these folders and below them, sorted by path; UserError for a folder without a run."""
    found: list[Path] = []
    for path in paths:
        here = sorted((config.parent for config in path.rglob("config.yaml")), key=natural_order)
        if not here:
            raise UserError(f"{path}: {nothing_at(path, 'no run there or below')}")
        found += here
    runs = [read_run(path) for path in dict.fromkeys(found)]
    if all(any(key.startswith(CHOICE) for key in run.keys) for run in runs):
        return runs
    # runs of earlier versions do not record choices, so equal runs would seem to differ in them
    return [replace(run, keys={key: run.keys[key] for key in run.keys if not key.startswith(CHOICE)}) for run in runs]


def images_of(run_dir: Path, name: str | None, option: str = "") -> tuple[str, dict[int, Path]]:
    """The images of the kind `name` (None: of the only kind): the name, and step -> file in the order of the steps.

    `option` stands before a name on the command line.

    Raises:
        UserError: no run, no images, none of this kind, several kinds and no name, or links out of the folder, which
            would show other images.
    """
    if not run_dir.is_dir():
        raise UserError(f"{run_dir}: {nothing_at(run_dir, 'no such run folder')}")
    check_links(run_dir)
    kinds = kinds_of(run_dir)
    if not kinds:
        raise UserError(f"{run_dir}: no images (no images/<name>_<step>.png in it)")
    if name is None and len(kinds) > 1:
        choices = ", ".join(option + kind for kind in sorted(kinds))
        raise UserError(f"{run_dir}: several kinds of images; say which: {choices}")
    chosen = name or next(iter(kinds))
    if chosen not in kinds:
        raise UserError(f"{run_dir}: no images called {chosen}; there are {', '.join(sorted(kinds))}")
    return chosen, kinds[chosen]


def kinds_of(run_dir: Path) -> dict[str, dict[int, Path]]:
    """The images of a run: name -> step -> file, in the order of names and steps."""
    kinds: dict[str, dict[int, Path]] = {}
    for path in (run_dir / "images").glob("*.png"):
        if match := IMAGE.fullmatch(path.name):
            kinds.setdefault(match[1], {})[int(match[2])] = path
    return {name: dict(sorted(files.items())) for name, files in sorted(kinds.items())}
