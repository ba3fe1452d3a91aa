"""The end of a training: the page of its run, and what it says on the console."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Any

from dlcourse.engine import distributed
from dlcourse.engine.checkpoint import best_of
from dlcourse.engine.logger import best_row, readable
from dlcourse.engine.signals import Interrupted, status_of
from dlcourse.errors import UserError
from dlcourse.files.terminal import say
from dlcourse.reports.summary import next_commands, shown, write_summary


@contextmanager
def summed_up(run_dir: Path, total: int) -> Iterator[None]:
    """Write summary.html when the training in the block ends, also if a signal or an error ends it."""
    try:
        yield
    except (Interrupted, UserError) as error:
        cause = Signals(error.signum).name if isinstance(error, Interrupted) else "an error"
        write_or_say_why(run_dir, total, f"ended by {cause}")
        raise
    with told_as_complete(run_dir):
        write_or_say_why(run_dir, total, "finished")


@contextmanager
def told_as_complete(run_dir: Path) -> Iterator[None]:
    """Within the block, which follows the last step, a signal ends the command but finds a complete run."""
    try:
        yield
    except KeyboardInterrupt as end:
        if not distributed.rank():
            page = shlex.join(["dlcourse", "report", shown(run_dir)])
            say(f"interrupted after the last step: {run_dir} is complete; its page: {page}", file=sys.stderr)
        sys.exit(status_of(end))


def write_or_say_why(run_dir: Path, total: int, ended: str) -> None:
    """Write summary.html in process 0; a failure is told, but does not spoil the run."""
    if distributed.rank():
        return
    try:
        write_summary(run_dir, total, ended)
    except Exception as error:  # whatever it is, the run itself is whole
        say(f"{run_dir / 'summary.html'}: not written ({error})", file=sys.stderr)


def closing_lines(run_dir: Path, config: dict[str, Any]) -> list[str]:
    """The lines to print: best value, images, commands that take the run, and its page."""
    lines, best_tag = [], config["runner"]["keep_best"]
    if row := best_row(run_dir, best_tag):
        value, step = row
        lines.append(f"lowest {best_tag} {readable(value)} at step {step}: {best_of(run_dir)}")
    if (run_dir / "images").is_dir():
        lines.append(f"images: {run_dir / 'images'}")
    *commands, curves = next_commands(run_dir, config)
    lines += [*(f"next: {command}" for command in commands), f"curves: {curves}"]
    page = run_dir / "summary.html"
    return [*lines, f"summary: {page}"] if page.exists() else lines
