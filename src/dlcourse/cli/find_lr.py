"""Suggest a learning rate for a classifier, by a range test."""

import sys
from pathlib import Path

from omegaconf import DictConfig

from dlcourse.cli import command_line, run_folders, run_names
from dlcourse.files.terminal import say

READS = ("test", "task", "runner", "run_dir", "resume", "seed", "output")


def find_lr(cfg: DictConfig) -> None:
    """Print the suggestion and draw the curve, in `output` or the run's folder."""
    if cfg.output is not None:
        return suggest(cfg, Path(cfg.output))
    with run_names.run_dir_of(cfg) as run_dir:
        return suggest(cfg, run_dir / "lr_range.png")


def suggest(cfg: DictConfig, output: Path) -> None:
    """Run the test, and write its curve."""
    from dlcourse.classifier.lr_range import RangeTest, draw_range_curve
    from dlcourse.engine.build import build
    from dlcourse.engine.device import autocast
    from dlcourse.errors import UserError
    from dlcourse.files import outputs
    from dlcourse.images.figures import save_figure
    from dlcourse.images.files import WRITERS

    test: RangeTest = build(command_line.plain(cfg)["test"], "test")
    outputs.check_file(output, f"output={output}", WRITERS)
    runner, task = run_folders.build_classifier(cfg)
    with autocast(runner.device, runner.precision):
        curve = test(task)
    try:
        save_figure(draw_range_curve(curve), output)
    except (OSError, ValueError) as error:
        raise UserError(f"output={error}") from error
    if doubt := curve.doubt():
        say(f"doubtful: {doubt}", file=sys.stderr)
    say(f"optimizer.lr={curve.suggestion():.2g}   (steepest point: {curve.steepest():.2g})")
    say(output)


def main() -> None:
    command_line.command("find_lr", find_lr, READS)
