"""RUN=latest: the run that was started or resumed last."""

import os
import re
import sys
from pathlib import Path, PurePath

from dlcourse.engine.run_folder import has_begun, runs_below
from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file
from dlcourse.files.terminal import printable, say

RUNS = Path("runs")
LATEST = re.compile(r"latest(?::(.*))?", re.DOTALL)
TASK = re.compile(rb"^task:\n  _target_: [\w.]*?(\w+)$", re.MULTILINE)
MAX_BYTES = 2**17  # of a composed.yaml; the project's own have about 10 000


def resolved(word: str, task: str = "") -> str:
    """The newest run for `latest`, or of those in runs/NAME for latest:NAME, said on stderr; else the word itself.

    A file or folder of that name wins. With `task`, the class of a task, its runs come first. UserError for no run.
    """
    match = LATEST.fullmatch(word)
    if match is None or os.path.lexists(word):
        return word
    name = PurePath(match[1] or "")
    if name.is_absolute() or ".." in name.parts:
        raise UserError(f"{word}: the name of a folder in runs/ follows the colon, as in latest:points")
    folder = RUNS / name
    try:
        runs = [folder] if has_begun(folder) else runs_below(folder)
    except OSError as error:
        raise UserError(f"{printable(word)}: {error.strerror}") from error
    if not runs:
        names = dict.fromkeys(run.relative_to(RUNS).parts[0] for run in reversed(runs_below(RUNS)))
        there = f"; there are latest:{', latest:'.join(list(names)[:5])}" if names else ""
        raise UserError(f"{word}: no run in {folder} here{there}")
    run = next((run for run in reversed(runs) if task and task_of(run) == task), runs[-1])
    if os.environ.get("RANK", "0") == "0":
        say(f"{word}: {run}", file=sys.stderr)
    return str(run)


def task_of(run: Path) -> str:
    """The class of a run's task, such as StyleGAN; "" if its config does not say."""
    try:
        with open_file(run / "composed.yaml") as file:
            match = TASK.search(file.read(MAX_BYTES))
    except (OSError, ValueError):
        return ""
    return match[1].decode() if match else ""
