"""Are a classifier's gradients right? python scripts/check_gradients.py experiment=NAME key=value ..."""

from omegaconf import DictConfig

from dlcourse.cli import command_line, run_folders
from dlcourse.files.terminal import say

READS = ("check", "task", "runner", "run_dir", "resume", "seed")


def check_gradients(cfg: DictConfig) -> None:
    """Print a line per tensor; a wrong gradient is an error."""
    from dlcourse.classifier.gradient_check import check_agreement, table
    from dlcourse.engine.build import build

    check = build(command_line.plain(cfg)["check"], "check")
    _, task = run_folders.build_classifier(cfg)
    comparisons = check(task)
    say(*table(comparisons))
    check_agreement(comparisons)


def main() -> None:
    """Run the command with this process's command line."""
    command_line.command("check_gradients", check_gradients, READS)
