"""Compare runs."""

import argparse
import csv
from pathlib import Path

from dlcourse.cli import command_line
from dlcourse.files.terminal import aligned, say


def smoothing_factor(text: str) -> float:
    if not 0 <= command_line.number(text) < 1:
        raise argparse.ArgumentTypeError(f"must be in [0, 1), got {text}")
    return float(text)


def compare(arguments: argparse.Namespace) -> None:
    """Read the runs, print the table, write the curves and the table."""
    from dlcourse.files import outputs
    from dlcourse.reports.runs import CHOICE, find_runs

    outputs.check_folder(arguments.output, f"--output {arguments.output}")
    runs = find_runs(arguments.runs)
    from dlcourse.images.figures import save_figure  # here: they load torch
    from dlcourse.reports import compare as comparison

    groups = comparison.group_by_settings(runs)
    tags = comparison.chosen_tags(runs, arguments.metrics)
    rows = comparison.groups_table(groups, tags)
    for key, values in comparison.differing_keys(runs).items():
        say(f"{key.removeprefix(CHOICE)}: {', '.join(values)}")
    say(*comparison.without_tag(runs, tags), *aligned(rows))
    save_figure(comparison.draw_curves(groups, tags, arguments.over, arguments.smooth), arguments.output / "curves.png")
    table = arguments.output / "table.csv"
    with table.open("w", newline="", encoding="utf-8-sig", errors="backslashreplace") as file:
        csv.writer(file).writerows(comparison.groups_spreadsheet(groups, tags))
    say(arguments.output / "curves.png", table)


def main() -> None:
    parser = command_line.Parser(
        description="Curves with mean and band over seeds, a table of the final metrics, and which keys differ.",
        example="runs/optimizers --metrics dev/loss --over epoch",
    )
    parser.add_runs()
    parser.add_argument("--metrics", nargs="+", metavar="TAG", help="such as dev/loss (default: losses and accuracies)")
    parser.add_argument(
        "--over", choices=("step", "epoch", "seconds"), default="step", help="axis of the curves (default: %(default)s)"
    )
    parser.add_argument(
        "--smooth",
        type=smoothing_factor,
        default=0.0,
        metavar="BETA",
        help="average the training losses over steps, in [0, 1) (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="folder of curves.png and table.csv (default: %(default)s)",
    )
    command_line.run(compare, parser.parse_args())
