"""Signals that end a run, but not in the middle of a step."""

import signal
import sys
import threading
from types import FrameType, TracebackType

from dlcourse.terminal import say

# Ctrl-C; what `kill` and a cluster send before they use force; what SLURM can be told to send some time before the end
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1) if sys.platform != "win32" else (signal.SIGINT,)


class Interrupted(KeyboardInterrupt):
    """A run was asked to end, and did so with a checkpoint of its last step."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"{signal.Signals(signum).name} after step {step}")
        self.signum, self.step = signum, step


class Interruption:
    """Within the block the signals above only leave a note in `signum`; a second Ctrl-C raises KeyboardInterrupt.

    Signals that this process was started to ignore stay ignored; other threads than the first cannot have handlers, and
    leave everything as it is.
    """

    def __init__(self, speaks: bool = True) -> None:
        self.speaks = speaks
        self.signum = 0  # of the first signal that came
        self.before: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            heard = [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
            self.before = {signum: signal.signal(signum, self.note) for signum in heard}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # it was one

    def note(self, signum: int, _: FrameType | None) -> None:
        """Take a signal."""
        if self.signum and signum == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.signum:
            self.signum = signum
            if self.speaks:
                name = signal.Signals(signum).name
                say(f"{name}: finishing the step; Ctrl-C does not wait for it", file=sys.stderr)
