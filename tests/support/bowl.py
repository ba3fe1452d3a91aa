"""A task of fifteen lines, and a runner for it."""

import json

import torch

from dlcourse.engine.optimization import Descent
from dlcourse.engine.runner import Runner
from dlcourse.engine.schedules import Constant
from dlcourse.engine.task import Task

CONFIG = {"model": {"size": 3}, "optimizer": {"lr": 0.1}, "seed": 0}


class NoisyBowl(Task):
    """min |x - noise|^2, the noise drawn anew in each step."""

    def setup(self, device):
        self.model = torch.nn.Linear(3, 1, bias=False, device=device)
        torch.nn.init.ones_(self.model.weight)
        make = lambda parameters: torch.optim.Adam(parameters, lr=0.1)
        self.descent = Descent(self.model.parameters(), make, Constant())
        self.calls = {"evaluate": [], "visualize": []}

    def networks(self):
        return []

    def step(self):
        noise = torch.randn(1, 3)
        terms = self.descent.step(lambda: {"loss": (self.model.weight - noise).square().sum()})
        return {"train/loss": terms["loss"]}

    def state(self):
        return {"model": self.model, "descent": self.descent}

    def evaluate(self):
        self.calls["evaluate"].append(self.descent.updates)
        torch.randn(100)  # looking must not change what comes after
        return {"dev/norm": self.model.weight.detach().norm()}

    def visualize(self):
        self.calls["visualize"].append(self.descent.updates)
        return {"grey": torch.full((5, 3, 8, 8), 0.5)}


def make_runner(max_steps=7, **changes):
    values = {
        "seed": 0,
        "device": "cpu",
        "precision": "fp32",
        "num_threads": None,
        "compile": False,
        "max_steps": max_steps,
        "log_every": 2,
        "evaluate_every": 3,
        "visualize_every": 4,
        "checkpoint_every": 2,
        "keep_checkpoints": 2,
        "keep_best": None,
        "profile": False,
    }
    return Runner(**(values | changes))


def train(run_dir, max_steps=7, task=None, **changes):
    runner, task = make_runner(max_steps, **changes), task or NoisyBowl()
    runner.prepare(task)
    step = runner.restore(task, run_dir, CONFIG)
    runner.train(task, run_dir, CONFIG, step)
    return task


def rows(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def resume(run_dir, config=CONFIG, max_steps=7):
    """Runner, task and the step that a run would go on from."""
    runner, task = make_runner(max_steps), NoisyBowl()
    runner.prepare(task)
    return runner, task, runner.restore(task, run_dir, config)


def is_complete(run_dir, max_steps=7):
    runner, task, step = resume(run_dir, max_steps=max_steps)
    return runner.is_complete(task, step)
