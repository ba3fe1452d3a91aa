"""Hyper-parameter search as a task: one step is one trial."""

import contextlib
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from dlcourse.classifier.task import Classification
from dlcourse.engine.optimization import DivergenceError, MakeOptimizer, Metrics
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.images.figures import new_figure, to_image
from dlcourse.search.strategies import Scale, Strategy, Trial, importance


class Trials:
    """What has been tried so far."""

    def __init__(self) -> None:
        self.past: list[Trial] = []

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"positions": [list(trial.position) for trial in self.past], "losses": [t.loss for t in self.past]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember again."""
        pairs = zip(state_dict["positions"], state_dict["losses"], strict=True)
        self.past = [Trial(tuple(position), loss) for position, loss in pairs]


class Search(Task):
    """Train a classifier anew with each choice of hyper-parameters, and compare the dev losses.

    A trial that ends with a loss that is no number counts as infinitely bad.

    Args:
        trial: factory of the task that is trained; takes `optimizer` and what is in `task_space`.
        updates: of each trial, >= 1.
        strategy: chooses the next trial.
        optimizer: factory that takes what is in `optimizer_space`.
        optimizer_space, task_space: hyper-parameter -> scale; at least one in all.
        seed: the same for all trials: they see the data in the same order.

    Raises:
        ValueError: no hyper-parameter to search for, or no update.
    """

    def __init__(
        self,
        trial: Callable[..., Classification],
        updates: int,
        strategy: Strategy,
        optimizer: MakeOptimizer,
        optimizer_space: dict[str, Scale],
        task_space: dict[str, Scale],
        seed: int,
    ):
        if updates < 1:
            raise ValueError(f"updates must be at least 1, got {updates}")
        if not optimizer_space and not task_space:
            raise ValueError("optimizer_space and task_space are both empty: there is nothing to search for")
        self.make_trial, self.updates, self.strategy = trial, updates, strategy
        self.make_optimizer, self.seed = optimizer, seed
        self.optimizer_space, self.task_space = optimizer_space, task_space
        self.space = optimizer_space | task_space
        self.trials = Trials()

    def setup(self, device: torch.device) -> None:
        """Remember where to train."""
        self.device = device

    def networks(self) -> list[nn.Module]:
        """None for long."""
        return []

    def step(self) -> Metrics:
        """One trial."""
        position = tuple(self.strategy(self.trials.past, len(self.space)).tolist())
        values = self.values_at(position)
        task = self.make_trial(
            optimizer=partial(self.make_optimizer, **{name: values[name] for name in self.optimizer_space}),
            **{name: values[name] for name in self.task_space},
        )
        task.setup(self.device)
        with contextlib.suppress(DivergenceError):  # and is measured where it stopped
            for _ in range(self.updates):
                task.step()
        dev = task.measure(*task.dev_set)
        loss = math.inf if task.descent.skipped_in_a_row else float(dev["loss"])
        self.trials.past.append(Trial(position, loss if math.isfinite(loss) else math.inf))
        return {"trial/loss": dev["loss"], "trial/accuracy": dev["accuracy"]} | {
            f"trial/{name}": value for name, value in values.items()
        }

    def values_at(self, position: tuple[float, ...]) -> dict[str, float]:
        """The hyper-parameters at a point of the unit cube."""
        return {name: scale(u) for (name, scale), u in zip(self.space.items(), position, strict=True)}

    def evaluate(self) -> Metrics:
        """The best trial so far, and how much each hyper-parameter matters."""
        best = min(self.trials.past, key=lambda trial: trial.loss)
        shares = importance(self.trials.past)
        return (
            {"best/loss": best.loss}
            | {f"best/{name}": value for name, value in self.values_at(best.position).items()}
            | {f"importance/{name}": share for name, share in zip(self.space, shares, strict=True)}
        )

    def visualize(self) -> Images:
        """The dev loss of every trial over each hyper-parameter."""
        figure = new_figure(4.5 * len(self.space), 4)
        for index, name in enumerate(self.space):
            axes = figure.add_subplot(1, len(self.space), index + 1)
            finite = [trial for trial in self.trials.past if math.isfinite(trial.loss)]
            values = [self.values_at(trial.position)[name] for trial in finite]
            axes.scatter(values, [trial.loss for trial in finite], c=range(len(finite)), cmap="viridis")
            axes.set(xlabel=name, ylabel="dev loss", yscale="log", xscale=scale_of_axis(self.space[name]))
        figure.suptitle("trials, dark ones first")
        figure.tight_layout()
        return {"trials": to_image(figure)}

    def state(self) -> dict[str, Stateful]:
        """The trials."""
        return {"trials": self.trials}


def scale_of_axis(scale: Scale) -> str:
    """Whether a hyper-parameter is drawn on a linear or a logarithmic axis: as its own middle lies."""
    low, middle, high = scale(0.0), scale(0.5), scale(1.0)
    return "log" if low > 0 and abs(middle**2 - low * high) < 0.1 * middle**2 else "linear"
