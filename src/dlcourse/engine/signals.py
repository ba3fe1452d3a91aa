"""Signals that end a command: immediately, or in training after the current step."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

# Ctrl-C; from `kill` and clusters, before SIGKILL; from SLURM, if asked for, some time before the end; the terminal
# was closed
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
LONGEST_IMPORT = 5.0  # seconds


class Interrupted(KeyboardInterrupt):
    """A signal ended the command; `step` is that of the checkpoint, if it came during training."""

    def __init__(self, signum: int, step: int | None = None):
        super().__init__(signum, step)
        self.signum, self.step = signum, step

    def __str__(self) -> str:
        after = "" if self.step is None else f" after step {self.step}"
        return signal.Signals(self.signum).name + after


def status_of(error: KeyboardInterrupt) -> int:
    """The exit status of a command that was interrupted: 128 + signal."""
    return 128 + (error.signum if isinstance(error, Interrupted) else signal.SIGINT)


def is_one_of_several() -> bool:
    """Whether this process is one of several in a training.

    These receive a signal of the terminal twice: once from the terminal, once from the process that started them.
    """
    return "RANK" in os.environ


def handled() -> list[signal.Signals]:
    """Those of SIGNALS that this process was not started to ignore."""
    return [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]


def raise_on_signals() -> None:
    """From now on SIGNALS raise Interrupted; a second one ends the process immediately.

    During an import they are delayed until it ends, for a few seconds at most: libraries catch exceptions there and
    continue with a half-initialized module.
    """

    def end(signum: int, frame: FrameType | None) -> None:
        for other in handled():
            signal.signal(other, signal.SIG_IGN if is_one_of_several() else signal.SIG_DFL)
        raise_after_import(signum, frame, time.monotonic() + LONGEST_IMPORT)

    for signum in handled():
        signal.signal(signum, end)


def raise_after_import(signum: int, frame: FrameType | None, deadline: float) -> None:
    """Raise Interrupted; during an import, try again soon, up to the deadline."""
    if time.monotonic() > deadline or not is_importing(frame):
        raise Interrupted(signum)
    signal.signal(signal.SIGALRM, lambda _, later: raise_after_import(signum, later, deadline))
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def is_importing(frame: FrameType | None) -> bool:
    """Whether a frame or its callers import a module."""
    while frame:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Block SIGNALS within the block; in processes that are started there they stay blocked until `unblock_signals`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        unblock_signals()


def unblock_signals() -> None:
    """Unblock SIGNALS; those that arrived in the meantime are delivered now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


class SignalHandler:
    """Within the block SIGNALS are only stored in `signum`; a second Ctrl-C raises KeyboardInterrupt.

    One of several processes ignores a second one; the process that started them handles it. Only the main thread can
    have signal handlers: in other threads this does nothing. `tell` is called with the first signal, in the handler.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.tell = tell
        self.signum = 0  # the first signal; 0: none
        self.before: dict[int, object] = {}

    def __enter__(self) -> "SignalHandler":
        if threading.current_thread() is threading.main_thread():
            self.before = {signum: signal.signal(signum, self.note) for signum in handled()}
        return self

    def __exit__(self, *_: object) -> None:
        if self.signum and is_one_of_several():
            return  # this process ends now; the second copy of the signal may still arrive
        for signum, handler in self.before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # it was one

    def note(self, signum: int, _: FrameType | None) -> None:
        """The handler: store the first signal and call `tell`; raise on a second Ctrl-C."""
        if self.signum and signum == signal.SIGINT and not is_one_of_several():
            raise KeyboardInterrupt
        if not self.signum:
            self.signum = signum
            self.tell(signum)


def announce(signum: int) -> None:
    """Print that the run ends after its step; only process 0 does.

    It is called in a handler, which may interrupt a print, so it does not use sys.stderr.
    """
    if os.environ.get("RANK", "0") == "0":
        with contextlib.suppress(OSError):  # nobody reads stderr
            name = signal.Signals(signum).name
            os.write(2, f"{name}: finishing the step; Ctrl-C now ends at once, without a checkpoint\n".encode())
