"""Where the time of a step goes: a clock that now and then looks at a few steps, and torch's profiler on request."""

import contextlib
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import record_function

from dlcourse.files.terminal import say

STEPS_OF_A_CLOCK = 8  # that a clock looks at before it stops by itself
WARM_UP = 10  # steps before the profile, in which caches fill and libraries choose their algorithms
PROFILED = 5
NOTHING: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
running: "Clock | None" = None


def span(name: str) -> contextlib.AbstractContextManager[Any]:
    """A part of a step, such as "forward": a range in a profile, a part of the clock's split, else nothing.

    While nobody measures it takes a fraction of a microsecond.
    """
    if torch.autograd._profiler_enabled():
        return record_function(name)
    return NOTHING if running is None else running.part(name)


class Clock:
    """Adds up the parts of a few steps. The time of a part within a part is the inner one's alone.

    On a GPU each boundary is an event in its stream of work; nobody waits for it before `split`. (On Apple's GPU it
    is the time of the CPU, which only gives the orders.)

    Args:
        device: where the steps are computed.
    """

    def __init__(self, device: torch.device | str):
        self.device = torch.device(device)
        self.names = [""]  # of the parts that we are in; "" is between steps
        self.boundaries: list[tuple[str, Any]] = []  # what begins there, and when
        self.steps = 0

    def start(self) -> None:
        """Look at the next steps."""
        global running
        self.boundaries, self.steps = [], 0
        running = self

    def stop(self) -> None:
        """Look at nothing more."""
        global running
        running = None

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What happens within the block is part `name`; the outermost part is a step."""
        self.names.append(name)
        self.boundaries.append((name, self.now()))
        try:
            yield
        finally:
            self.names.pop()
            self.boundaries.append((self.names[-1], self.now()))
        if len(self.names) == 1:
            self.steps += 1
            if self.steps == STEPS_OF_A_CLOCK:
                self.stop()

    def now(self) -> Any:
        """Milliseconds, or an event on the GPU."""
        if self.device.type != "cuda":
            return time.perf_counter() * 1e3
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def split(self) -> dict[str, float]:
        """Milliseconds per step of each part, and of "step", the whole; empty if no step was seen. Waits for a GPU."""
        if not self.steps:
            return {}
        is_cuda = self.device.type == "cuda"
        if is_cuda:
            self.boundaries[-1][1].synchronize()
        found: dict[str, float] = defaultdict(float)
        for (name, begin), (_, end) in itertools.pairwise(self.boundaries):
            if name:
                duration = (begin.elapsed_time(end) if is_cuda else end - begin) / self.steps
                found["step"] += duration
                if name != "step":
                    found[name] += duration
        return dict(found)


class Profile:
    """torch's profile of a few steps after a warm-up, written to run_dir/profile once it is complete.

    trace.json is for https://ui.perfetto.dev or chrome://tracing; operations.txt names the most expensive operations.

    Args:
        run_dir: the run's folder.
        steps: that the run will take; a short run is warmed up for as long as it can.
    """

    def __init__(self, run_dir: Path, steps: int):
        self.folder = run_dir / "profile"
        self.first = max(0, min(WARM_UP, steps - PROFILED))
        self.done = -1
        self.profiler: torch.profiler.profile | None = None
        self.advance()

    def advance(self) -> None:
        """Note that a step is done."""
        self.done += 1
        if self.done == self.first:
            self.profiler = torch.profiler.profile()
            self.profiler.start()
        elif self.done == self.first + PROFILED:
            self.close()

    def close(self) -> None:
        """Write what was recorded, if something was and has not been written."""
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


class NoProfile:
    """The profile of a run that is not profiled."""

    def advance(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def table_of_operations(events: Any, steps: str, rows: int = 10) -> str:
    """The operations that take the most time themselves, without those that they call.

    Args:
        events: `torch.profiler.profile.key_averages()`.
        steps: what was profiled, for the heading.
        rows: how many.
    """
    operations = [event for event in events if is_operation(event)]
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
    return "\n".join(lines) + "\n"


def is_operation(event: Any) -> bool:
    """Whether an event is an operation that the CPU runs or orders from the GPU; ranges and kernels are not."""
    return event.device_type == torch.autograd.DeviceType.CPU and not event.is_user_annotation
