"""RUN=latest: the run that was started or resumed last."""

import os
import re
import sys
from pathlib import Path, PurePath

from dlcourse.engine.run_folder import has_begun, runs_below, task_of
from dlcourse.errors import UserError
from dlcourse.files.terminal import printable, say

RUNS = Path("runs")
LATEST = re.compile(r"latest(?::(.*))?", re.DOTALL)


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
