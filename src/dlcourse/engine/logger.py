"""The log of a run: TensorBoard events, metrics.jsonl, images, and lines on the console."""

import io
import json
import math
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams
from tqdm import tqdm

from dlcourse.engine.checkpoint import best_step, remove_later_best
from dlcourse.engine.profiling import Profile
from dlcourse.engine.run_folder import clear_away
from dlcourse.engine.tensorboard import charts_of, hyper_parameters
from dlcourse.files.atomic import atomic_write
from dlcourse.files.bounded import lines_of
from dlcourse.files.terminal import printable, say
from dlcourse.images.srgb import SRGB_PROFILE
from dlcourse.images.tensors import tile, to_pil_image

BINS = 60  # of a histogram
MAX_TAGS = 10_000  # that a resumed run reads from its metrics.jsonl; the runs of this project have 50
# of a terminal, without tqdm's own time left, which takes all steps for equal
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
CONSOLE_PERIOD = 2.0  # seconds between two lines of a log file; a terminal shows a progress bar instead
SAMPLE_COUNTS = {"progress/images", "progress/samples"}  # samples per second are computed from these


class RunLogger:
    """The log of one run, from `step` on.

    Lines, events and images of later steps, which an interrupted run wrote after its last checkpoint, are removed, so
    that no curve goes back in time. TensorBoard opens the first two groups of tags in the alphabet: the most important
    metrics are named accordingly. It shows the resolved config as text and as hyper-parameters.

    The folder `run_dir` is created if need be; `max_steps` are the updates of the whole run, `shown` the metrics on the
    console, with the step at which an older one was measured; `work` is as of a `Task`.
    """

    def __init__(
        self,
        run_dir: Path,
        config: dict[str, Any],
        step: int,
        max_steps: int,
        shown: Sequence[str] = (),
        profile: bool = False,
        work: Callable[[int], float] = float,
    ):
        self.run_dir, self.config, self.max_steps, self.shown = run_dir, config, max_steps, shown
        self.start = self.last_line = time.monotonic()
        self.first_step = step
        self.work, self.speed = work, list[str]()
        self.recent = deque([(self.start, step)], maxlen=10)  # time and step of the last lines
        self.latest: dict[str, float] = {}
        self.measured: dict[str, int] = {}  # tag -> step of its latest value
        self.samples: dict[str, tuple[float, float]] = {}  # tag -> time and value of its last record
        self.charts: dict[str, str] = {}  # of the layout that was written last
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
        clear_away(run_dir, step)
        remove_later_best(run_dir, step)
        self.metrics_file = run_dir / "metrics.jsonl"
        self.tags = keep_until(self.metrics_file, step)
        self.metrics = self.metrics_file.open("a", buffering=1, encoding="utf-8")
        # the config's text belongs to step 0; a run that starts again from there writes it again
        self.writer = SummaryWriter(str(run_dir), purge_step=step + 1 if step else 0)
        self.bar = tqdm(total=max_steps, initial=step, disable=None, dynamic_ncols=True, bar_format=BAR)
        if step == 0:
            self.writer.add_text("config", f"```json\n{json.dumps(config, indent=2)}\n```", 0)
        self.profile = Profile(run_dir, max_steps - step) if profile else None

    def __enter__(self) -> "RunLogger":
        self.hook, threading.excepthook = threading.excepthook, self.on_thread_error
        return self

    def on_thread_error(self, failure: threading.ExceptHookArgs) -> None:
        """Print no error of TensorBoard's thread, such as a full disk: the next write raises it."""
        if not type(failure.thread).__module__.startswith("tensorboard."):
            self.hook(failure)

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if self.profile:
            self.profile.close()
        if error_type is None:
            self.write_hparams()
        self.bar.close()
        self.writer.close()
        self.metrics.close()
        threading.excepthook = self.hook

    def advance(self, step: int, record: dict[str, Any], is_last: bool) -> None:
        """Count a step as done; log its `record` of metrics if there are any."""
        self.bar.update()
        if self.profile:
            self.profile.advance()
        if not record:
            return
        values = {tag: float(value) for tag, value in record.items()}  # waits for the device
        values |= self.performance(step, values)
        for tag, value in values.items():
            self.writer.add_scalar(tag, value, step)
        # JSON has no NaN: null stands for a value that is not finite
        row = {tag: value if math.isfinite(value) else None for tag, value in values.items()}
        self.metrics.write(json.dumps({"step": step} | row) + "\n")
        self.latest |= values
        self.measured |= dict.fromkeys(values, step)
        self.tags |= values.keys()
        self.write_layout()
        self.show(step, is_last)

    def images(self, step: int, images: dict[str, Tensor]) -> None:
        """Write each batch, (N, 3 or 4, H, W) in [0, 1], as one PNG, images/<name>_<step>.png, and to TensorBoard."""
        for name, batch in images.items():
            grid = tile(batch.float().cpu())
            png = io.BytesIO()  # encoded once, for the file and for TensorBoard
            # level 1 is three times as fast and a third larger
            to_pil_image(grid).save(png, "png", compress_level=1, icc_profile=SRGB_PROFILE)
            path = self.run_dir / "images" / f"{name}_{step:07d}.png"
            path.parent.mkdir(exist_ok=True)
            with atomic_write(path) as temporary:
                temporary.write_bytes(png.getvalue())
            channels, height, width = grid.shape
            image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue())
            self.add_summary(Summary(value=[Summary.Value(tag=f"images/{name}", image=image)]), step)

    def histograms(self, step: int, histograms: dict[str, Tensor]) -> None:
        """Write each tensor's distribution to TensorBoard; tensors with NaN or infinity are left out."""
        for tag, tensor in histograms.items():
            values = tensor.detach().double().flatten().cpu()
            if not values.isfinite().all():
                continue
            counts, edges = torch.histogram(values, BINS)  # SummaryWriter's own take a hundred times as long
            low, high = values.aminmax()
            moments = low.item(), high.item(), values.numel(), values.sum().item(), values.square().sum().item()
            buckets = edges[1:].tolist(), counts.tolist()
            self.writer.add_histogram_raw(f"tensors/{tag}", *moments, *buckets, step)

    def performance(self, step: int, values: dict[str, float]) -> dict[str, float]:
        """Steps and samples per second, and peak memory."""
        found = {"perf/steps_per_second": self.rate(step), "perf/peak_gib": peak_memory() / 2**30}
        now = time.monotonic()
        for tag in SAMPLE_COUNTS & values.keys():
            if tag in self.samples:
                before, count = self.samples[tag]
                speed = (values[tag] - count) / max(now - before, 1e-9)
                found[f"perf/{tag.removeprefix('progress/')}_per_second"] = speed
            self.samples[tag] = now, values[tag]
        return found

    def rate(self, step: int) -> float:
        return (step - self.first_step) / max(time.monotonic() - self.start, 1e-9)

    def show(self, step: int, is_last: bool) -> None:
        """Show the main metrics: in the progress bar of a terminal, else as a line every few seconds."""
        values = {
            tag: readable(self.latest[tag]) + ("" if self.measured[tag] == step else f" (step {self.measured[tag]})")
            for tag in self.shown
            if tag in self.latest
        }
        numbers = [f"{tag} {value}" for tag, value in values.items()]
        now = time.monotonic()
        if is_last or now - self.last_line >= CONSOLE_PERIOD:
            # the recent rate: style transfer and growing GANs slow down as their images grow
            then, before = self.recent[0]
            seconds, rate = max(now - then, 1e-9), (step - before) / max(now - then, 1e-9)
            pace = (self.work(step) - self.work(before)) / seconds
            self.last_line = now
            self.recent.append((now, step))
            speed = f"{readable(float(f'{rate:.3g}'))} steps/s" if rate >= 1 else f"{readable(1 / rate)} s/step"
            left = "" if is_last else f"{duration((self.work(self.max_steps) - self.work(step)) / pace)} left"
            self.speed = [word for word in (speed, left) if word]
            if self.bar.disable:
                say("  ".join([f"step {step}/{self.max_steps}", *numbers, *self.speed]), file=sys.stderr)
        self.bar.set_postfix_str(", ".join([*numbers, *self.speed]), refresh=False)

    def write_layout(self) -> None:
        """Fill TensorBoard's CUSTOM SCALARS tab: all curves of one quantity, such as the losses, in one chart."""
        charts = charts_of(self.tags)
        if charts != self.charts:  # a later layout replaces an earlier one
            self.charts = charts
            layout = {title: ["Multiline", [pattern]] for title, pattern in charts.items()}
            self.writer.add_custom_scalars({"together": layout})

    def write_hparams(self) -> None:
        """Write this run's row of TensorBoard's HPARAMS tab into its event file.

        Without hparams' first summary, which would fix the columns, TensorBoard finds them in all runs: first the keys
        in which they differ, then the metrics by name, dev before the others.
        """
        for summary in hparams(hyper_parameters(self.config), {})[1:]:
            self.add_summary(summary, None)

    def add_summary(self, summary: Summary, step: int | None) -> None:
        """Write a summary that SummaryWriter has no method for."""
        self.writer._get_file_writer().add_summary(summary, step)


class NullLogger(AbstractContextManager):
    """Takes the place of RunLogger in all processes but the first: it logs nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def advance(self, *_: object) -> None:
        pass

    images = histograms = advance


def readable(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A duration in its two largest units, such as "1 h 20 min"; below ten minutes in one."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def peak_memory() -> int:
    """The peak of the memory that torch used on the GPU or, without one, of this process's resident size; bytes."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def keep_until(path: Path, step: int) -> set[str]:
    """Remove the lines of a metrics file after `step`, and a truncated last line; return the tags of the others."""
    if not path.exists():
        return set()
    tags = set[str]()
    with path.open("rb") as file, atomic_write(path) as temporary, temporary.open("wb") as kept:
        for line in lines_of(file):
            row = row_of(line)
            if row and row["step"] <= step:
                kept.write(line + b"\n")
                tags.update(map(printable, row) if len(tags) < MAX_TAGS else ())
    return tags - {"step"}


def row_of(line: bytes) -> dict[str, Any]:
    """The metrics in one line of metrics.jsonl; none if the line is truncated."""
    try:
        row = json.loads(line)
        return row if type(row["step"]) is int else {}
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}


def best_row(run_dir: Path, tag: str | None) -> tuple[float, int] | None:
    """The value of the metric for which best.pt is kept, and its step; None without either."""
    path = run_dir / "metrics.jsonl"
    if tag is None or not path.exists() or (step := best_step(run_dir)) is None:
        return None
    with path.open("rb") as file:
        values = [row[tag] for row in map(row_of, lines_of(file)) if row.get("step") == step and tag in row]
    return next(((float(value), step) for value in values if is_number(value)), None)


def is_number(value: Any) -> bool:
    """Whether a value of a metrics file, which may be a stranger's, is a number that floats can hold."""
    try:
        return isinstance(value, int | float) and math.isfinite(float(value))
    except OverflowError:
        return False
