"""torch's profiler on a few training steps."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch.profiler import record_function

from dlcourse.files.terminal import say

WARM_UP = 10  # steps before the profile, in which caches fill and libraries choose algorithms
PROFILED = 5


def span(name: str) -> contextlib.AbstractContextManager[Any]:
    """Name a part of a step, such as "forward", in the profile; costs nothing when not profiling."""
    return record_function(name) if torch.autograd._profiler_enabled() else contextlib.nullcontext()


class Profile:
    """Profiles a few steps after a warm-up, and writes run_dir/profile when they are done.

    trace.json is for https://ui.perfetto.dev or chrome://tracing; operations.txt has the most expensive operations and
    the time of each part of a step. In a short run, of few `steps`, the warm-up is shorter.
    """

    def __init__(self, run_dir: Path, steps: int):
        self.folder = run_dir / "profile"
        self.first = max(0, min(WARM_UP, steps - PROFILED))
        self.done = -1
        self.profiler: torch.profiler.profile | None = None
        self.advance()

    def advance(self) -> None:
        """Count a step as done; start or stop the profiler if it is time."""
        self.done += 1
        if self.done == self.first:
            self.profiler = torch.profiler.profile()
            self.profiler.start()
        elif self.done == self.first + PROFILED:
            self.close()

    def close(self) -> None:
        """Stop the profiler and write the files, if it is running."""
        if self.profiler is None:
            return
        self.profiler.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.profiler.export_chrome_trace(str(self.folder / "trace.json"))
        steps = f"steps {self.first + 1} to {self.done} of this start"
        table = table_of_operations(self.profiler.key_averages(), steps)
        (self.folder / "operations.txt").write_text(table, encoding="utf-8")
        say(f"{self.folder}: trace.json (for https://ui.perfetto.dev) and operations.txt, {steps}", file=sys.stderr)
        self.profiler = None


def table_of_operations(events: Any, steps: str, rows: int = 10) -> str:
    """A table of the operations with the largest self time, and of the parts of a step.

    `events` are `torch.profiler.profile.key_averages()`; `steps` names the profiled steps in the heading.
    """
    on_cpu = [event for event in events if event.device_type == torch.autograd.DeviceType.CPU]
    operations = [event for event in on_cpu if not event.is_user_annotation]  # those that the CPU runs or launches
    on_gpu = any(event.self_device_time_total for event in operations)
    time_of = lambda event: event.self_device_time_total if on_gpu else event.self_cpu_time_total
    total = sum(map(time_of, operations))
    lines = [
        f"{steps}: {total / 1e3:.3f} ms in operations on the {'GPU' if on_gpu else 'CPU'}",
        "",
        "  share   self time    calls  operation",
    ]
    for event in sorted(operations, key=time_of, reverse=True)[:rows]:
        share = time_of(event) / total if total else 0.0
        lines.append(f"{share:6.1%}  {time_of(event) / 1e3:7.3f} ms  {event.count:7}  {event.key}")
    lines += ["", "  time of one    calls  part of a step, with the parts within it"]
    for event in on_cpu:
        if event.is_user_annotation:
            time = event.device_time_total if on_gpu else event.cpu_time_total
            lines.append(f"{time / event.count / 1e3:10.3f} ms  {event.count:7}  {event.key}")
    return "\n".join(lines) + "\n"
