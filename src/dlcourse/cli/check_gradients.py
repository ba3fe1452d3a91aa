"""Check the gradients of a classifier against finite differences."""

from omegaconf import DictConfig

from dlcourse.cli import command_line, run_folders
from dlcourse.files.terminal import say

READS = ("check", "task", "runner", "run_dir", "resume", "seed")


def check_gradients(cfg: DictConfig) -> None:
    """Print a line per tensor; a wrong gradient is an error."""
    from dlcourse.classifier.gradient_check import check_agreement, gradient_table
    from dlcourse.engine.build import build

    check = build(command_line.plain(cfg)["check"], "check")
    _, task = run_folders.build_classifier(cfg)
    comparisons = check(task)
    say(*gradient_table(comparisons))
    check_agreement(comparisons)


def main() -> None:
    command_line.command("check_gradients", check_gradients, READS)
