"""One process's part in a study: get trials from Optuna, train them, and report their metrics.

A trial's parameters depend only on the study's seed, the trial's number and the finished trials, so processes that
share a study do not repeat each other's trials, and a study in one process is reproducible.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import optuna

from dlcourse.errors import UserError
from dlcourse.files.terminal import say
from dlcourse.search.space import Space, Value, config_values, grid_values, narrow, suggest
from dlcourse.search.study import FINISHED, Lengths, Search, make_sampler

OnLog = Callable[[int, dict[str, Any]], None]  # (number of updates, metrics logged then)
Train = Callable[[int, dict[str, Value], OnLog], None]  # (number of the trial, key -> value, ...); raises if it fails
POLL = 0.5  # seconds between two checks whether other processes have finished


class TrialError(Exception):
    """A trial failed; the study goes on."""


class UnknownMetricError(UserError):
    """The runs do not log the metric of the search."""


@dataclass
class Observer:
    """Receives the metrics that a run logs: reports the search's one to Optuna, and ends bad runs early."""

    trial: optuna.Trial
    metric: str
    lengths: Lengths
    tags: set[str] = field(default_factory=set)
    value: float | None = None

    def __call__(self, step: int, record: dict[str, Any]) -> None:
        """Take one logged record; TrialPruned or UserError end the run."""
        self.tags |= record.keys()
        if self.metric in record:
            self.value = float(record[self.metric])
            if not math.isfinite(self.value):
                raise UserError(f"{self.metric} is no number after {step} steps")
            self.trial.report(self.value, step)
            if step < self.lengths.max_steps and self.trial.should_prune():
                raise optuna.TrialPruned()
        elif step >= self.lengths.first_record:
            self.result()

    def result(self) -> float:
        """The last value of the metric; UnknownMetricError if there is none."""
        if self.value is None:
            tags = ", ".join(sorted(self.tags))
            raise UnknownMetricError(
                f"search.metric={self.metric}: the run logs no such metric while it trains, but {tags}"
            )
        return self.value


class Worker:
    """Trains trials of a study, one after the other; several processes may work on one study."""

    def __init__(self, study: optuna.Study, search: Search, space: Space, train: Train, lengths: Lengths):
        self.study, self.search, self.space, self.train, self.lengths = study, search, space, train, lengths
        self.failures = 0
        self.counted: tuple[str, ...] = FINISHED
        self.wanted = search.trials
        if search.sampler == "grid":  # every point once, failed or not
            self.counted = (*FINISHED, "FAIL")
            self.wanted = min(search.trials, math.prod(map(len, grid_values(space).values())))

    def run(self) -> None:
        """Train trials until the study has its number of finished ones, in whatever process.

        Raises:
            UserError: an unknown metric, or too many failures in a row.
        """
        while len(self.trials(*self.counted)) < self.wanted:
            if len(self.trials(*self.counted, "RUNNING")) >= self.wanted:
                optuna.storages.fail_stale_trials(self.study)  # other processes may have been killed
                time.sleep(POLL)
                continue
            self.one_trial()
            if self.failures >= self.search.max_failures:
                raise UserError(f"{self.failures} trials failed in a row, the last one: {self.last_error}")

    def trials(self, *states: str) -> list[optuna.trial.FrozenTrial]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name in states]

    def one_trial(self) -> None:
        """Train one trial with a heartbeat; Optuna first marks trials of dead processes as failed."""
        try:
            self.study.optimize(self.objective, n_trials=1, catch=(TrialError,))
        except (ValueError, AssertionError, optuna.exceptions.UpdateFinishedTrialError) as error:
            # from Optuna, if the trial was marked as failed meanwhile; errors of a run are TrialErrors
            say(f"a trial was lost, for it was silent for too long ({error})", file=sys.stderr)

    def objective(self, trial: optuna.Trial) -> float:
        """Train one trial, and return its metric."""
        if self.is_surplus(trial):
            trial.set_user_attr("withdrawn", True)
            raise TrialError
        space = self.space_now()
        trial.set_user_attr("stage", "whole" if space is self.space else "narrowed")
        self.study.sampler = make_sampler(self.search, self.space, trial.number)
        values = config_values({name: suggest(trial, name, part) for name, part in space.items()})
        observer = Observer(trial, self.search.metric, self.lengths)
        try:
            self.train(trial.number, values, observer)
            value = observer.result()
        except optuna.TrialPruned:
            self.failures = 0
            raise
        except UnknownMetricError as error:
            trial.set_user_attr("error", str(error))
            raise
        except optuna.exceptions.UpdateFinishedTrialError:
            raise
        except Exception as error:
            self.fail(trial, error)
        self.failures = 0
        return value

    def fail(self, trial: optuna.Trial, error: Exception) -> NoReturn:
        """Record why a trial failed, and raise TrialError."""
        line = str(error).strip().partition("\n")[0]
        self.last_error = line if isinstance(error, UserError) else f"{type(error).__name__}: {line}"
        self.failures += 1
        say(f"trial {trial.number} failed: {self.last_error}", file=sys.stderr)
        trial.set_user_attr("error", self.last_error)
        raise TrialError from error

    def is_surplus(self, trial: optuna.Trial) -> bool:
        """Whether there are enough trials before this one: two processes may ask for the last one at the same time.

        Trials are numbered in the order of creation, so exactly one of such processes goes on.
        """
        before = [other for other in self.trials(*self.counted, "RUNNING") if other.number < trial.number]
        return len(before) >= self.wanted

    def space_now(self) -> Space:
        """The whole space, or after `refine_after` finished trials the space around the best of them."""
        finished = sorted(self.trials(*FINISHED), key=lambda trial: trial.datetime_complete or trial.number)
        coarse = finished[: self.search.refine_after]
        if self.search.refine_after is None or len(coarse) < self.search.refine_after:
            return self.space
        sign = 1 if self.search.direction == "minimize" else -1
        complete = [trial for trial in coarse if trial.state.name == "COMPLETE"] or coarse
        ranked = sorted(complete, key=lambda trial: sign * trial.values[0])
        best = [trial.params for trial in ranked[: self.search.refine_best]]
        return narrow(self.space, best, self.search.refine_zoom)
