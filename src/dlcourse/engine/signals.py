"""Signals that end a command: at once, or in training after the step."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

# Ctrl-C; what `kill` and a cluster send before they use force; what SLURM can be told to send some time before the
# end; the terminal was closed
SIGNALS = (
    (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP) if sys.platform != "win32" else (signal.SIGINT,)
)
LONGEST_IMPORT = 5.0  # seconds


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end. With `step`, it came while a run trained, and there is a checkpoint of that step."""

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
    """Whether this process was started as one of several, which get a signal of the terminal twice.

    Once from the terminal, and once more from the process that started them.
    """
    return "RANK" in os.environ


def heard() -> list[signal.Signals]:
    """The signals that this process handles: those that it was not started to ignore."""
    return [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]


def raise_on_signals() -> None:
    """From now on the signals above raise Interrupted; a second one ends the process on the spot.

    While a module is imported they wait for its end, for a few seconds: libraries catch what is raised there, and go on
    with half a module.
    """

    def end(signum: int, frame: FrameType | None) -> None:
        for other in heard():
            signal.signal(other, signal.SIG_IGN if is_one_of_several() else signal.SIG_DFL)
        raise_after_import(signum, frame, time.monotonic() + LONGEST_IMPORT)

    for signum in heard():
        signal.signal(signum, end)


def raise_after_import(signum: int, frame: FrameType | None, deadline: float) -> None:
    """Raise Interrupted, or come back soon if an import is under way that may end before the deadline."""
    if time.monotonic() > deadline or not is_importing(frame):
        raise Interrupted(signum)
    signal.signal(signal.SIGALRM, lambda _, later: raise_after_import(signum, later, deadline))
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def is_importing(frame: FrameType | None) -> bool:
    """Whether an import is under way in a frame or its callers, where it can be waited for."""
    while frame and hasattr(signal, "setitimer"):
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within the block the signals above wait, also in processes that are started there, until `let_through`."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        let_through()


def let_through() -> None:
    """Take signals, also those that wait."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


class SignalHandler:
    """Within the block the signals above are only noted in `signum`; a second Ctrl-C raises KeyboardInterrupt.

    One of several processes takes no second one; the process that started them does. Other threads than the first
    cannot have handlers, and leave everything as it is.

    Args:
        tell: what is called with the first signal, in the handler.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.tell = tell
        self.signum = 0  # of the first signal that came
        self.before: dict[int, object] = {}

    def __enter__(self) -> "SignalHandler":
        if threading.current_thread() is threading.main_thread():
            self.before = {signum: signal.signal(signum, self.note) for signum in heard()}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.signum and is_one_of_several():
            return  # the process ends now, and the repetition may be still to come
        for signum, handler in self.before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # it was one

    def note(self, signum: int, _: FrameType | None) -> None:
        """The handler: remember the first signal and call `tell`; raise on a second Ctrl-C."""
        if self.signum and signum == signal.SIGINT and not is_one_of_several():
            raise KeyboardInterrupt
        if not self.signum:
            self.signum = signum
            self.tell(signum)


def announce(signum: int) -> None:
    """Say that a run ends after its step, in the first of several processes.

    For a handler, which may have come in the middle of a print: not by way of sys.stderr.
    """
    if os.environ.get("RANK", "0") == "0":
        with contextlib.suppress(OSError):  # nobody reads it
            name = signal.Signals(signum).name
            os.write(2, f"{name}: finishing the step; another Ctrl-C ends at once, without a checkpoint\n".encode())
