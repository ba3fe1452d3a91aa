"""The job of a run: what dlcourse train does, watched and steered by the page."""

import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from dlcourse.engine.task import Task
from dlcourse.files.outputs import with_numbers
from dlcourse.images.files import save_image
from dlcourse.images.srgb import to_rgb
from dlcourse.images.tensors import to_pil_image
from dlcourse.page.commands import Train
from dlcourse.page.uploads import data_url
from dlcourse.page.worker import Event, Orders

TIME = "%Y-%m-%d_%H-%M-%S"  # in the names of runs, as dlcourse train names them
EVERY = 0.25  # seconds from one image to the next, at least


class NewFolders:
    """Folders for new runs. Each is given once, also before it is there; requests are answered in threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.given: set[Path] = set()

    def make(self, wanted: Path) -> Path:
        """The folder that is wanted, or the same with a number."""
        with self.lock:
            folder = next(one for one in with_numbers(wanted) if one not in self.given and not one.exists())
            self.given.add(folder)
        return folder


def prepare(_report: Callable[[Event], None], _orders: Orders, train: Train) -> None:
    """Load what a run needs; much of it is loaded when the process finds this function and `train`."""
    import torch._dynamo  # noqa: F401  # which torch's optimizers load, in seconds

    import dlcourse.engine.runner  # noqa: F401


def train_watched(
    report: Callable[[Event], None],
    orders: Orders,
    train: Train,
    overrides: list[str],
    folder: Path,
    total: int,
    curves: Sequence[str],
) -> None:
    """Train with `overrides`, which name `folder` as run_dir or resume, and report until it ends or is stopped.

    The task's images must have one called "image", the result so far. `curves` are the tags of metrics of which the
    page wants each step.
    """
    watcher = Watcher(report, orders, folder, total, curves)
    with suppress(SystemExit):  # a signal ended it
        train(overrides, watcher)


def train_as_run(
    report: Callable[[Event], None], orders: Orders, train: Train, overrides: list[str], total: int
) -> None:
    """Train with `overrides`, and report only how far it is, until it ends or is stopped."""
    reported = 0.0

    def watch(_task: Task, step: int, _record: dict[str, Any]) -> None:
        nonlocal reported
        if step == total or time.monotonic() - reported >= EVERY:
            report({"step": step, "total": total})
            reported = time.monotonic()
        if not orders.obey()[0]:
            os.kill(os.getpid(), signal.SIGTERM)

    with suppress(SystemExit):  # a signal ended it
        train(overrides, watch)


class Watcher:
    """Called after each step: reports what is new, and obeys the page."""

    def __init__(
        self, report: Callable[[Event], None], orders: Orders, folder: Path, total: int, curves: Sequence[str]
    ):
        self.report, self.orders, self.folder, self.total, self.curves = report, orders, folder, total, curves
        self.reported = 0.0  # when an image was reported last
        self.points: list[list[float]] = []  # [step, values of the curves ...] since then
        self.pace = Pace()

    def __call__(self, task: Task, step: int, record: dict[str, Any]) -> None:
        self.pace.add(step, task.work(step))
        values = [float(record.get(tag, math.nan)) for tag in self.curves]
        if all(map(math.isfinite, values)):  # JSON has no other numbers
            self.points.append([step, *values])
        is_last = any(tag.startswith("result/") for tag in record)
        if is_last or time.monotonic() - self.reported >= EVERY:
            self.show(task, step, record)
        start = time.monotonic()
        goes_on, _ = self.orders.obey()
        self.pace.pause(time.monotonic() - start)
        if not goes_on and not is_last:
            self.end(task, step, record)

    def show(self, task: Task, step: int, record: dict[str, Any]) -> None:
        """Report the image, the metrics by the last part of their tags, and how long it will take."""
        event = {"step": step, "total": self.total, "points": self.points}
        values = {tag.rpartition("/")[2]: float(value) for tag, value in record.items()}
        event |= {"values": {name: value for name, value in values.items() if math.isfinite(value)}}
        event |= self.pace.describe(task.work(self.total) - task.work(step))
        self.report(event | {"image": shown(task.visualize()["image"])})
        self.points, self.reported = [], time.monotonic()

    def end(self, task: Task, step: int, record: dict[str, Any]) -> None:
        """Keep the best image as the one of this step, and let the runner write its checkpoint and end."""
        self.show(task, step, record | task.finalize())
        image = to_pil_image(task.visualize()["image"][0])
        save_image(image, self.folder / "images" / f"image_{step:07d}.png")
        os.kill(os.getpid(), signal.SIGTERM)


class Pace:
    """How fast the last steps were, without pauses; `work` is as `Task.work`."""

    def __init__(self) -> None:
        self.marks: deque[tuple[float, int, float]] = deque(maxlen=20)  # (seconds, step, work)
        self.paused = 0.0

    def add(self, step: int, work: float) -> None:
        self.marks.append((time.monotonic() - self.paused, step, work))

    def pause(self, seconds: float) -> None:
        self.paused += seconds

    def describe(self, work_left: float) -> Event:
        """Steps a second, and seconds that are left; nothing after one step."""
        (start, first, work), (end, last, more) = self.marks[0], self.marks[-1]
        if end <= start or more <= work:
            return {}
        return {"rate": (last - first) / (end - start), "left": work_left * (end - start) / (more - work)}


def shown(images: Tensor) -> str:
    """An image (1, 3 or 4, H, W) for the page."""
    return data_url(to_rgb(to_pil_image(images[0])), "JPEG")
