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
    lines = []
    best = lowest_row(run_dir, best_tag)
    if best_tag and best and (run_dir / "checkpoints" / "best.pt").exists():
        value, step = best
        lines.append(f"lowest {best_tag} {readable(value)} at step {step}: {run_dir / 'checkpoints' / 'best.pt'}")
    if (run_dir / "images").is_dir():
        lines.append(f"images: {run_dir / 'images'}")
    word = shlex.quote(str(run_dir))
    lines += [
        f"next: {command.replace('RUN', word)}" for command in (*NEXT.get(type(task).__name__, ()), *predict(task))
    ]
    return [*lines, f"curves: tensorboard --logdir {shlex.quote(str(logdir_of(run_dir)))}"]


def predict(task: Task) -> list[str]:
    """The command that classifies with a run, if it can."""
    shape = task.metadata().get("samples", {}).get("shape")
    return [f"dlcourse predict RUN {'0.3,-1.2' if shape == [2] else 'PHOTO.jpg'}"] if shape else []


def logdir_of(run_dir: Path) -> Path:
    """The first folder of a relative path, such as runs, in which TensorBoard finds the other runs too."""
    return run_dir if run_dir.is_absolute() or len(run_dir.parts) == 1 else Path(run_dir.parts[0])
