"""The job of the playground: train a classifier as dlcourse train does, with its progress, but without a run folder."""

import time
from collections.abc import Callable
from typing import Any

import torch

from dlcourse.classifier.task import Classification
from dlcourse.engine.build import build
from dlcourse.engine.runner import Runner, is_due
from dlcourse.page.playground.view import Plane, View, finite
from dlcourse.page.worker import Event, Orders

EVERY = 0.1  # seconds from one view to the next, at least
SHARE = 5  # a view may take so much of the time: one part of SHARE


class Training:
    """What dlcourse train does with a config, step by step: the weights are equal to the last bit.

    Like `Runner.train` it evaluates every `evaluate_every` steps, because a schedule or early stopping may depend on
    the evaluations.
    """

    def __init__(self, config: dict[str, Any]):
        self.runner: Runner = build(config["runner"], "runner")
        torch.manual_seed(config["seed"])  # for the initial weights, which `build` draws
        self.task: Classification = build(config["task"], "task")
        self.runner.prepare(self.task)
        self.step, self.total = 0, self.runner.total_steps(self.task, 0)

    def advance(self) -> None:
        """Do one step."""
        self.runner.step(self.task, self.step)
        self.step += 1
        if self.is_over() or is_due(self.step, self.runner.evaluate_every):
            self.task.evaluate()

    def is_over(self) -> bool:
        return self.runner.is_complete(self.task, self.step)


class Pace:
    """When the next step is due, at most `speed` a second (0: no limit), and how many there were."""

    def __init__(self, speed: float):
        self.speed, self.next = speed, 0.0
        self.began, self.first = time.monotonic(), 0

    def is_early(self, orders: Orders) -> bool:
        """Wait until the next step is due; whether an order came before."""
        if not self.speed:
            return False
        now = time.monotonic()
        if now < self.next and orders.connection.poll(self.next - now):
            return True
        self.next = max(self.next, time.monotonic() - EVERY) + 1 / self.speed
        return False

    def rate(self, step: int) -> float:
        """Steps a second since the last call."""
        now = time.monotonic()
        rate = (step - self.first) / max(now - self.began, 1e-6)
        self.began, self.first = now, step
        return rate


def train(
    report: Callable[[Event], None],
    orders: Orders,
    config: dict[str, Any],
    plane: Plane | None,
    colors: list[int] | None,
    is_paused: bool,
    speed: float,
) -> None:
    """Train to the last step; report what the page draws.

    `plane` and `colors` are those of `View`. At most `speed` steps a second, 0 is without limit.
    """
    training, pace = Training(config), Pace(speed)
    view = View(training.task, plane, colors)
    orders.steps = 0 if is_paused else None
    report(view.first() | progress(training, pace) | view.now())
    due, shown = 0.0, 0

    def show() -> None:
        nonlocal shown
        if shown != training.step:
            shown = training.step
            report(progress(training, pace) | view.now())

    while not training.is_over():
        goes_on, settings = orders.obey(show)
        if not goes_on:
            return
        pace.speed = settings.get("speed", pace.speed)
        if orders.steps is None and pace.is_early(orders):
            continue
        training.advance()
        now = time.monotonic()
        if now >= due:
            show()
            due = max(now + EVERY, now + SHARE * (time.monotonic() - now))
    results = {name: finite(value) for name, value in training.task.finalize().items()}
    report(progress(training, pace) | view.now() | {"results": results, "is_last": True})


def progress(training: Training, pace: Pace) -> Event:
    """How far it is."""
    return {"step": training.step, "total": training.total, "rate": finite(pace.rate(training.step))}
