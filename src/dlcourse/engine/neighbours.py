"""Threads that wait for each other sleep sooner while other processes need the cores.

torch's threads run under libgomp on Linux. A thread that waits for the others first spins for some milliseconds, which
is fastest while nothing else runs. Beside a process that keeps a core busy it takes time from the very thread that it
waits for: StyleGAN training at 32 pixels on two cores falls from 3.5 to 0.9 steps a second, and with short spins to 2.

libgomp spins 100 times instead of 300 000 as long as a program has more threads than there are cores (its manual,
GOMP_SPINCOUNT). So while this process waits for cores, it keeps further teams of threads, asleep. Results do not
change: the teams that compute stay as they are.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

THREADS = Path("/proc/self/task")
INTERVAL = 0.5  # seconds between two looks
WAITING = 0.1  # of the time: alone, all threads together wait for cores for less than .01, beside a busy process for .5


def watch() -> None:
    """Look after the threads of this process from now on, unless the user has said how they wait."""
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ or not THREADS.exists():
        return
    threading.Thread(target=_watch, name="neighbours", daemon=True).start()


def _watch() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the main thread
    teams = SleepingTeams()
    waited, then = seconds_without_a_core(), time.perf_counter()
    while True:
        time.sleep(INTERVAL)
        new, now = seconds_without_a_core(), time.perf_counter()
        teams.keep(new - waited > WAITING * (now - then))
        waited, then = new, now


def seconds_without_a_core() -> float:
    """How long the threads of this process have been ready to run without a core, all together."""
    waited = 0
    for thread in THREADS.iterdir():
        try:
            waited += int((thread / "schedstat").read_text("ascii").split()[1])
        except (OSError, IndexError):  # the thread has ended, or the system does not count
            continue
    return waited / 1e9


class SleepingTeams:
    """Teams of libgomp's threads that do nothing, with which the program has more threads than cores."""

    def __init__(self) -> None:
        self.end: threading.Event | None = None

    def keep(self, wanted: bool) -> None:
        """Start the teams, or end them."""
        if wanted and self.end is None and (torch := sys.modules.get("torch")) and hasattr(torch, "get_num_threads"):
            team = torch.get_num_threads()
            if team > 1:
                self.end = threading.Event()
                for _ in range((len(os.sched_getaffinity(0)) - team) // (team - 1) + 1):
                    threading.Thread(target=_sleep, args=(team, self.end), name="asleep", daemon=True).start()
        elif not wanted and self.end is not None:
            self.end.set()
            self.end = None


def _sleep(threads: int, end: threading.Event) -> None:
    """Start a team by an operation that is large enough for all its threads; it ends with this thread."""
    import torch

    torch.zeros(threads * 2**15).add_(1)  # torch gives each thread 2^15 elements or more
    end.wait()
