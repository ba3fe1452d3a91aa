"""Train a classifier, transfer a style, or train StyleGAN: python scripts/train.py experiment=NAME key=value ..."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

import command_line
from dlcourse.errors import UserError

Observe = Callable[[int, dict[str, Any]], None]  # as of dlcourse.runner, which loads torch


def train(cfg: DictConfig, observe: Observe = lambda *_: None) -> None:
    """Build the task and the runner from the config and train, in a new run folder or an old one."""
    from dlcourse import processes  # here: --help and --cfg answer without torch

    with processes.joined():
        if processes.count() > 1 and cfg.resume is None and cfg.run_dir is None:
            raise UserError("several processes share one run folder: give run_dir=PATH, or resume=RUN")
        run_dir = Path(cfg.resume) if cfg.resume is not None else command_line.new_run_dir(cfg)
        if cfg.resume is not None:
            cfg = command_line.resumed_config(run_dir)
        elif cfg.weights is not None:
            cfg = command_line.with_networks_of(Path(cfg.weights), cfg)
        processes.wait()  # all have looked at the folder before one of them writes there
        train_in(run_dir, cfg, observe)


def train_in(run_dir: Path, cfg: DictConfig, observe: Observe = lambda *_: None) -> None:
    """Train in a run folder, from its newest checkpoint if there is one."""
    import torch

    from dlcourse import checkpoint, processes
    from dlcourse.build import build
    from dlcourse.runner import Runner

    config = command_line.plain(cfg)
    runner: Runner = build(config["runner"], "runner")
    if runner.is_complete(run_dir):
        print(f"{run_dir} is complete; to train on: resume={run_dir} runner.max_steps=N")
        return
    torch.manual_seed(config["seed"])  # before the networks are built: their weights are drawn there
    task = build(config["task"], "task")
    step = runner.setup(task, run_dir, config)
    if config["weights"] is not None and step == 0:
        taken = checkpoint.restore_networks(checkpoint.newest(Path(config["weights"])), task.state())
        print(f"{config['weights']}: {', '.join(taken)}", file=sys.stderr)
    if task.is_finished():
        print(f"{run_dir} is complete: its task ended by itself after {step} steps")
        return
    if processes.rank() == 0:
        command_line.record_config(cfg, run_dir)
        print(f"{run_dir}: {config['runner']['max_steps'] - step} steps on {runner.device}", file=sys.stderr)
    try:
        runner.train(task, run_dir, config, step, observe)
    except KeyboardInterrupt:
        print(f"interrupted; go on with resume={run_dir}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    command_line.command("train", train)
