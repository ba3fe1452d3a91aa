"""Threads that wait for each other sleep sooner while other processes need the cores.

torch's threads run under libgomp on Linux. A thread that waits for the others first spins for some milliseconds, which
is fastest while nothing else runs. Beside a process that keeps a core busy, a spinning thread takes time from the very
thread that it waits for: StyleGAN training at 32 pixels on two cores falls from 3.5 to 0.9 steps a second, and with
short spins to 2.

libgomp spins 100 times instead of 300 000 as long as a program has more threads than there are cores (its manual,
GOMP_SPINCOUNT). So while a thread of this process waits for a core, the process keeps further teams of threads, asleep.
Results do not change: the teams that compute stay as they are.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

THREADS = Path("/proc/self/task")  # a folder for each thread of this process
INTERVAL = 0.5  # seconds between two looks
WAITING = 0.1  # of the time, of any thread: alone it is less than .01, beside a busy process .3 and more


def watch() -> None:
    """Look after the threads of this process from now on, unless the user has said how they wait."""
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ or not THREADS.exists():
        return
    threading.Thread(target=_watch, name="spin_wait", daemon=True).start()


def _watch() -> None:
    teams = SleepingTeams()
    try:
        before, then = seconds_without_a_core(), time.perf_counter()
        while True:
            time.sleep(INTERVAL)
            after, now = seconds_without_a_core(), time.perf_counter()
            longest = max((after[thread] - before[thread] for thread in after.keys() & before.keys()), default=0.0)
            teams.resize(team_size() if longest > WAITING * (now - then) else 1)
            before, then = after, now
    except (OSError, RuntimeError):  # no more files or threads for this process, or Python is ending
        teams.resize(1)


def seconds_without_a_core() -> dict[str, float]:
    """How long each thread of this process has been ready to run without a core."""
    waited = {}
    for thread in THREADS.iterdir():
        try:
            waited[thread.name] = int((thread / "schedstat").read_text("ascii").split()[1]) / 1e9
        except (OSError, IndexError):  # the thread has ended, or the system does not count
            continue
    return waited


def team_size() -> int:
    """The threads that torch computes with now; 1 before it is loaded."""
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "get_num_threads"):
        return 1
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(torch.get_num_threads()))  # a thread keeps its first answer
    asking.start()
    asking.join()
    return found[0]


class SleepingTeams:
    """Teams of libgomp's threads that do nothing, with which the program has more threads than cores."""

    def __init__(self) -> None:
        self.size, self.ended = 1, threading.Event()

    def resize(self, size: int) -> None:
        """Keep teams of `size` threads each; none if it is 1, where nothing waits."""
        if size == self.size:
            return
        self.ended.set()
        self.size, self.ended = size, threading.Event()
        cores = len(os.sched_getaffinity(0))
        for _ in range((cores - size) // (size - 1) + 1 if size > 1 else 0):
            threading.Thread(target=_sleep, args=(size, self.ended), name="asleep", daemon=True).start()


def _sleep(threads: int, ended: threading.Event) -> None:
    """Start a team by an operation that is large enough for all its threads; it ends with this thread."""
    import torch

    torch.zeros(threads * 2**15).add_(1)  # torch gives each thread 2^15 elements or more
    ended.wait()
