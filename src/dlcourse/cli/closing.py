"""What a training says at its end: its best value, where its images are, and what one can do with the run."""

import shlex
from pathlib import Path

from dlcourse.engine.logger import lowest_row, readable
from dlcourse.engine.task import Task

NEXT = {  # task -> commands that take its run
    "Classification": ("dlcourse report RUN",),
    "StyleTransfer": ("dlcourse sheet RUN --inputs", "dlcourse animate RUN image"),
    "StyleGAN": ("dlcourse sample RUN", "dlcourse evaluate RUN"),
}


def closing_lines(task: Task, run_dir: Path, best_tag: str | None) -> list[str]:
    """The lines to print; `best_tag` is the metric of checkpoints/best.pt."""
    lines, best = [], run_dir / "checkpoints" / "best.pt"
    if best.exists() and (row := lowest_row(run_dir, best_tag)):
        value, step = row
        lines.append(f"lowest {best_tag} {readable(value)} at step {step}: {best}")
    if (run_dir / "images").is_dir():
        lines.append(f"images: {run_dir / 'images'}")
    commands, word = [*NEXT.get(type(task).__name__, ()), *predict_commands(task)], shlex.quote(str(run_dir))
    lines += [f"next: {command.replace('RUN', word)}" for command in commands]
    return [*lines, f"curves: tensorboard --logdir {shlex.quote(str(logdir_of(run_dir)))}"]


def predict_commands(task: Task) -> list[str]:
    """How one classifies with the run of a classifier; nothing for other tasks."""
    shape = task.metadata().get("samples", {}).get("shape")
    return [f"dlcourse predict RUN {'0.3,-1.2' if shape == [2] else 'PHOTO.jpg'}"] if shape else []


def logdir_of(run_dir: Path) -> Path:
    """The folder for TensorBoard: runs, where the other runs are, too, or a run that lies elsewhere."""
    return Path("runs") if run_dir.parts[:1] == ("runs",) else run_dir
