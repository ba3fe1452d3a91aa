"""Search for hyper-parameters."""

import csv
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import command_line, path_overrides, train
from dlcourse.cli.compose import compose_config
from dlcourse.cli.run_names import TIME
from dlcourse.engine import run_lock
from dlcourse.engine.signals import Interrupted, status_of
from dlcourse.errors import UserError
from dlcourse.files.terminal import aligned, say

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from dlcourse.search.space import Space, Value
    from dlcourse.search.study import Lengths, Search
    from dlcourse.search.worker import OnLog

BEST = 10  # trials in the printed table
OTHER_PROCESS = {"device", "runner.num_threads"}  # keys that may differ between the processes of a study


def split_command_line(words: list[str]) -> tuple[list[Override], list[str]]:
    """Split a command line into the overrides that define the search space, and all other words.

    Words that Hydra cannot parse are among the others: Hydra reports them later.
    """
    sweeps, others = [], []
    for word in (path_overrides.take_path(word, is_sweep=not word.startswith("search.")) for word in words):
        try:
            override = None if word.startswith("-") or "=" not in word else path_overrides.PARSER.parse_override(word)
        except HydraException:
            override = None
        if override is not None and override.is_sweep_override():
            sweeps.append(override)
        elif word not in ("-m", "--multirun"):  # Hydra must not run the sweep itself
            others.append(word)
    return sweeps, others


def space_of(sweeps: list[Override]) -> "Space":
    """The search space: parameter -> distribution; UserError if it is empty."""
    from optuna.distributions import FloatDistribution

    from dlcourse.search.space import ONE_MINUS

    if not sweeps:
        raise UserError(
            "there is nothing to search: give at least one key a space, such as "
            "'optimizer.lr=tag(log,interval(1e-5,1e-1))', 'task.batch_size=range(16,129,16)' or optimizer=adam,sgd"
        )
    space = {}
    for sweep in sweeps:
        name = sweep.get_key_element()
        if name.startswith("search."):
            raise UserError(f"{sweep.input_line}: how to search is not searched for; give one value")
        try:
            part = distribution_of(sweep)
        except ValueError as error:
            raise UserError(f"{sweep.input_line}: {error}") from error
        is_one_minus = isinstance(part, FloatDistribution) and "one_minus_log" in getattr(sweep.value(), "tags", ())
        space[ONE_MINUS + name if is_one_minus else name] = part
    return space


def distribution_of(sweep: Override) -> "BaseDistribution":
    """The distribution for an override in Hydra's sweep grammar; ValueError if it is empty or a glob."""
    from optuna.distributions import CategoricalDistribution

    from dlcourse.search.space import numbers

    value: Any = sweep.value()
    if isinstance(value, ChoiceSweep):
        return CategoricalDistribution(tuple(sweep.sweep_string_iterator()))
    if isinstance(value, IntervalSweep):
        low: Any = value.start
        high: Any = value.end
        step = 1 if isinstance(low, int) else None  # int(interval(1,5))
        return numbers(low, high, step, value.tags)
    if isinstance(value, RangeSweep):
        found = sorted(value.range())  # without the end, as in Hydra's own sweeps
        if not found:
            raise ValueError(f"an empty range, from {value.start} to {value.stop} by {value.step}")
        return numbers(found[0], found[-1], abs(value.step), value.tags)
    raise ValueError("glob is not understood here; list the options, a,b,c")


def search(cfg: DictConfig, sweeps: list[Override]) -> None:
    """Run trials of a study until it is complete, then show the results."""
    from dlcourse.engine.build import build
    from dlcourse.search.space import config_values

    if "RANK" in os.environ:
        raise UserError("torchrun trains one model in several processes; here, start several searches with one storage")
    if cfg.devices != 1:
        raise UserError(f"devices={cfg.devices}: here, start several searches with one storage")
    if cfg.resume is not None or cfg.run_dir is not None:
        raise UserError("resume and run_dir are of one run; a search has search.folder, and goes on by search.storage")
    if cfg.get("output") is not None:
        raise UserError(f"output={cfg.output}: every trial would write this; leave it out")
    settings: Search = build(command_line.plain(cfg.search), "search")
    space: dict[str, Any] = space_of(sweeps)
    fixed = [word for word in command_line.overrides() if not word.startswith("search.")]
    some = {name: part.choices[0] if hasattr(part, "choices") else part.low for name, part in space.items()}
    lengths = lengths_of(composed(fixed, config_values(some)))
    experiment = HydraConfig.get().runtime.choices["experiment"]
    if settings.study is not None:
        folder = Path(settings.folder or Path("runs", "search", settings.study))
        return take_part(settings, settings.study, folder, space, fixed, lengths)
    with run_lock.new_folder(Path("runs", "search", f"{experiment}_{datetime.now():{TIME}}")) as folder:
        return take_part(settings, folder.name, Path(settings.folder or folder), space, fixed, lengths)


def take_part(
    settings: "Search", name: str, folder: Path, space: "Space", fixed: list[str], lengths: "Lengths"
) -> None:
    """Open the study and run trials; show the results also after an exception."""
    from dlcourse.files import outputs
    from dlcourse.search.study import open_study
    from dlcourse.search.worker import Worker

    outputs.check_folder(folder, f"search.folder={folder}")
    is_used = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    shared = [word for word in fixed if word.partition("=")[0] not in OTHER_PROCESS]
    study = open_study(settings, name, space, shared, lengths)
    if is_used and not study.get_trials(deepcopy=False):
        raise UserError(f"{folder} is not empty, but the study is new; choose another search.study or search.folder")

    def train_trial(number: int, values: dict[str, "Value"], on_log: "OnLog") -> None:
        run_dir = path_overrides.quote(str(folder / f"trial_{number:04}"))
        cfg = composed([*fixed, f"run_dir={run_dir}"], values)
        try:
            train.train(cfg, lambda _, step, record: on_log(step, record))
        except SystemExit as error:  # it was interrupted and has printed so
            raise Interrupted(int(error.code or 0) - 128) from error

    try:
        try:
            Worker(study, settings, space, train_trial, lengths).run()
        finally:
            show(study, settings, space, folder)
    except KeyboardInterrupt as end:
        kept = "the same command goes on" if settings.storage else "search.storage would have kept the study"
        say(f"interrupted; {kept}; the runs are in {folder}", file=sys.stderr)
        sys.exit(status_of(end))


def composed(fixed: list[str], values: dict[str, "Value"]) -> DictConfig:
    """The config of a trial, as dlcourse train would compose it; UserError for an unknown key or choice."""
    overrides = [*fixed, *(f"{name}={value}" for name, value in values.items())]
    try:
        cfg = compose_config("train", overrides)
        command_line.check(cfg, "train", overrides, train.READS)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(command_line.explain(error, "train")) from error
    return cfg


def lengths_of(cfg: DictConfig) -> "Lengths":
    """How long a run is, and how often it evaluates and logs."""
    from dlcourse.search.study import Lengths

    runner = cfg.runner
    if runner.max_steps is None:
        raise UserError("runner.max_steps: null is not for a search, which compares runs on their way; give a number")
    evaluate_every = runner.evaluate_every or runner.max_steps
    return Lengths(runner.max_steps, evaluate_every, max(evaluate_every, runner.log_every))


def show(study: Any, settings: "Search", space: "Space", folder: Path) -> None:
    """Print the best trials; write trials.csv and search.png."""
    from dlcourse.files.atomic import atomic_write
    from dlcourse.images.figures import save_figure
    from dlcourse.search.results import draw_study, ranked, trials_spreadsheet, trials_table

    folder.mkdir(parents=True, exist_ok=True)
    with (
        atomic_write(folder / "trials.csv") as path,
        path.open("w", newline="", encoding="utf-8-sig", errors="backslashreplace") as file,
    ):
        csv.writer(file).writerows(trials_spreadsheet(study, settings.metric, space))
    if ranked(study):
        say(*aligned(trials_table(study, settings.metric, space, BEST)))
        save_figure(draw_study(study, settings.metric, space), folder / "search.png")
        say(folder / "search.png")
    say(folder / "trials.csv")


def main() -> None:
    """Take the search space from the command line, then start the command with the rest."""
    try:
        spanning, sys.argv[1:] = split_command_line(sys.argv[1:])
    except UserError as error:
        command_line.fail(str(error))
    command_line.command("search", lambda cfg: search(cfg, spanning), (*train.READS, "search"))
