"""The files in a run's folder, by their names, and the kind of its task; torch is not needed."""

import re
import shlex
import zipfile
from pathlib import Path

from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file
from dlcourse.files.missing import nothing_at

TASK = re.compile(rb"^task:\n  _target_: [\w.]*?(\w+)$", re.MULTILINE)
MAX_BYTES = 2**17  # of a composed.yaml; the project's own have about 10 000
STEP_FILE = re.compile(r"step_([0-9]+)\.pt")


def path_for(run_dir: Path, step: int) -> Path:
    return run_dir / "checkpoints" / f"step_{step:07d}.pt"


def all_of(run_dir: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    named = [path for path in (run_dir / "checkpoints").glob("step_*.pt") if STEP_FILE.fullmatch(path.name)]
    return sorted(filter(Path.is_file, named), key=step_of)


def step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def newest(run_or_file: Path) -> Path:
    """The file itself, or the newest checkpoint of a run folder that is not truncated; UserError if there is none."""
    if run_or_file.is_file():
        return run_or_file
    if not run_or_file.exists():
        raise UserError(f"{run_or_file}: {nothing_at(run_or_file, 'no such run folder or checkpoint file')}")
    if run_or_file.name == "checkpoints" and all_of(run_or_file.parent):
        raise UserError(f"{run_or_file}: lies in a run; give its folder, {shlex.quote(str(run_or_file.parent))}")
    found = all_of(run_or_file)
    if not found and (runs := runs_below(run_or_file)):
        one = shlex.quote(str(runs[-1]))
        raise UserError(f"{run_or_file}: a folder of runs ({len(runs)}); give one of them, such as {one}")
    if not found:
        raise UserError(f"{run_or_file}: not a run with a checkpoint (no checkpoints/step_*.pt in it)")
    return next((path for path in reversed(found) if zipfile.is_zipfile(path)), found[-1])


def has_begun(run_dir: Path) -> bool:
    """Whether a folder is a run, which `resume` can continue."""
    return (run_dir / "composed.yaml").is_file()


def task_of(run: Path) -> str:
    """The class of a run's task, such as StyleGAN; "" if its config does not say."""
    return said_by_config(run, TASK)


def said_by_config(run: Path, pattern: re.Pattern[bytes]) -> str:
    """What the group of a pattern finds in a run's composed.yaml; "" if it finds nothing."""
    try:
        with open_file(run / "composed.yaml") as file:
            match = pattern.search(file.read(MAX_BYTES))
    except (OSError, ValueError):
        return ""
    return match[1].decode(errors="replace") if match else ""


def runs_below(folder: Path) -> list[Path]:
    """The runs up to three levels below a folder, such as a sweep's; the one started or resumed last comes last."""
    records = [record for depth in ("*", "*/*", "*/*/*") for record in folder.glob(f"{depth}/composed.yaml")]
    times = {record: record.stat().st_mtime_ns for record in records if record.is_file()}
    return [record.parent for record in sorted(times, key=lambda record: (times[record], str(record)))]


def clear_away(run_dir: Path, step: int) -> None:
    """Before a run continues from `step`: remove unfinished files, and later images; rename later checkpoints."""
    for folder in (run_dir, run_dir / "checkpoints", run_dir / "images"):
        for path in folder.glob(".*.tmp"):
            path.unlink()
    for path in all_of(run_dir):
        if step_of(path) > step:
            path.rename(path.with_name(f"{path.name}.broken"))
    for path in (run_dir / "images").glob("*_*.png"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal() and int(number) > step:
            path.unlink()


def prune(run_dir: Path, keep: int) -> None:
    for path in all_of(run_dir)[:-keep]:
        path.unlink()
