"""The job of a painting by gradient descent: what dlcourse train does, watched and steered by the page."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from dlcourse.images.files import save_image
from dlcourse.images.srgb import to_rgb
from dlcourse.images.tensors import to_pil_image
from dlcourse.page.commands import Train
from dlcourse.page.uploads import data_url
from dlcourse.page.worker import Event, Orders
from dlcourse.style_transfer.task import StyleTransfer

EVERY = 0.25  # seconds from one image to the next, at least
LOSSES = ("train/loss", "train/content", "train/style")


def prepare(_report: Callable[[Event], None], _orders: Orders, train: Train) -> None:
    """Load what a painting needs; much of it is loaded when the process finds this function and `train`."""
    import torch._dynamo  # noqa: F401  # which torch's optimizers load, in seconds

    import dlcourse.engine.runner  # noqa: F401


def paint(
    report: Callable[[Event], None], orders: Orders, train: Train, overrides: list[str], folder: Path, total: int
) -> None:
    """Train with `overrides`, which name `folder` as run_dir or resume, and report until it ends or is stopped."""
    watcher = Watcher(report, orders, folder, total)
    with suppress(SystemExit):  # a signal ended it
        train(overrides, watcher)


class Watcher:
    """Called after each step: reports what is new, and obeys the page."""

    def __init__(self, report: Callable[[Event], None], orders: Orders, folder: Path, total: int):
        self.report, self.orders, self.folder, self.total = report, orders, folder, total
        self.reported = 0.0  # when an image was reported last
        self.points: list[list[float]] = []  # [step, losses ...] since then
        self.pace = Pace()

    def __call__(self, task: StyleTransfer, step: int, record: dict[str, Any]) -> None:
        self.pace.add(step, task.work(step))
        if all(tag in record for tag in LOSSES):
            self.points.append([step, *(float(record[tag]) for tag in LOSSES)])
        is_last = task.result is not None
        if is_last or time.monotonic() - self.reported >= EVERY:
            self.show(task, step)
        start = time.monotonic()
        goes_on, _ = self.orders.obey()
        self.pace.pause(time.monotonic() - start)
        if not goes_on and not is_last:
            self.end(task, step)

    def show(self, task: StyleTransfer, step: int) -> None:
        """Report the image, the losses and how long it will take."""
        event = {"step": step, "total": self.total, "size": task.sizes[task.scale], "points": self.points}
        event |= self.pace.describe(task.work(self.total) - task.work(step))
        self.report(event | {"image": shown(task.visualize()["image"])})
        self.points, self.reported = [], time.monotonic()

    def end(self, task: StyleTransfer, step: int) -> None:
        """Keep the best image as the one of this step, and let the runner write its checkpoint and end."""
        task.finalize()
        self.show(task, step)
        image = to_pil_image(task.visualize()["image"][0])
        save_image(image, self.folder / "images" / f"image_{step:07d}.png")
        os.kill(os.getpid(), signal.SIGTERM)


class Pace:
    """How fast the last steps were, without pauses; `work` is as `StyleTransfer.work`."""

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
