"""One process's share in a study: trials are asked for, trained and told.

What a trial draws follows from the study's seed, the trial's number and the finished trials alone, so processes that
share a study do not repeat each other, and a study in one process repeats itself.
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

OnLog = Callable[[int, dict[str, Any]], None]  # updates done, and the metrics logged then
Train = Callable[[int, dict[str, Value], OnLog], None]  # number of the trial, key -> value; raises if it fails
POLL = 0.5  # seconds between two looks at what other processes do


class TrialError(Exception):
    """A trial that came to nothing; the study goes on."""


class UnknownMetricError(UserError):
    """The runs do not log what is searched for: no trial can be told."""


@dataclass
class Observer:
    """Listens to a run: reports the metric, prunes, and notices what can only end badly."""

    trial: optuna.Trial
    metric: str
    lengths: Lengths
    tags: set[str] = field(default_factory=set)
    value: float | None = None

    def __call__(self, step: int, record: dict[str, Any]) -> None:
        """One logged record."""
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
        """The last value of the metric."""
        if self.value is None:
            tags = ", ".join(sorted(self.tags))
            raise UnknownMetricError(
                f"search.metric={self.metric}: the run logs no such metric while it trains, but {tags}"
            )
        return self.value


class Worker:
    """One process's share in a study.

    Args:
        study: which.
        search: how.
        space: where.
        train: trains one trial.
        lengths: of the runs.
    """

    def __init__(self, study: optuna.Study, search: Search, space: Space, train: Train, lengths: Lengths):
        self.study, self.search, self.space, self.train, self.lengths = study, search, space, train, lengths
        self.failures = 0
        self.counted: tuple[str, ...] = FINISHED
        self.wanted = search.trials
        if search.sampler == "grid":  # goes once through its points, and counts those that failed
            self.counted = (*FINISHED, "FAIL")
            self.wanted = min(search.trials, math.prod(map(len, grid_values(space).values())))

    def run(self) -> None:
        """Train trials until the study has its number of finished ones, whoever finishes them.

        Raises:
            UserError: an unknown metric, or too many failures in a row.
        """
        while len(self.trials(*self.counted)) < self.wanted:
            if len(self.trials(*self.counted, "RUNNING")) >= self.wanted:
                optuna.storages.fail_stale_trials(self.study)  # the others may be dead
                time.sleep(POLL)
                continue
            self.one_trial()
            if self.failures >= self.search.max_failures:
                raise UserError(f"{self.failures} trials failed in a row, the last one: {self.last_error}")

    def trials(self, *states: str) -> list[optuna.trial.FrozenTrial]:
        """The study's trials in these states."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name in states]

    def one_trial(self) -> None:
        """Ask, train and tell, with signs of life in between; stale trials of others are marked as failed first."""
        try:
            self.study.optimize(self.objective, n_trials=1, catch=(TrialError,))
        except (ValueError, AssertionError, optuna.exceptions.UpdateFinishedTrialError) as error:
            # only of Optuna, which cannot tell: `objective` turns what a training raises into TrialError
            say(f"a trial was lost, for it was silent for too long ({error})", file=sys.stderr)

    def objective(self, trial: optuna.Trial) -> float:
        """The metric of a trial."""
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
        """Whether the trials before this one suffice: two processes asked for the last one at the same time.

        Numbers rise in the order in which the storage made the trials, so of several that see this, the first goes on.
        """
        before = [other for other in self.trials(*self.counted, "RUNNING") if other.number < trial.number]
        return len(before) >= self.wanted

    def space_now(self) -> Space:
        """The whole space, or after `refine_after` finished trials the one around the best of those."""
        finished = sorted(self.trials(*FINISHED), key=lambda trial: trial.datetime_complete or trial.number)
        coarse = finished[: self.search.refine_after]
        if self.search.refine_after is None or len(coarse) < self.search.refine_after:
            return self.space
        sign = 1 if self.search.direction == "minimize" else -1
        complete = [trial for trial in coarse if trial.state.name == "COMPLETE"] or coarse
        ranked = sorted(complete, key=lambda trial: sign * trial.values[0])
        best = [trial.params for trial in ranked[: self.search.refine_best]]
        return narrow(self.space, best, self.search.refine_zoom)
