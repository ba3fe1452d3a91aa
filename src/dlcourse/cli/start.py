"""How a command begins, before anything large is imported."""

import os
import sys
from types import TracebackType
from typing import Any

from dlcourse.engine.signals import raise_on_signals, status_of
from dlcourse.engine.standard_streams import outlive_readers
from dlcourse.files import terminal
from dlcourse.files.terminal import say


def begin() -> None:
    """Prepare this process: a signal ends it in one line, nobody has to read what it prints, torch finds its settings.

    scripts/*.py call this first, also in the processes that torch starts for `devices=N`.
    """
    set_defaults_of_torch()
    terminal.prepare()
    outlive_readers()
    sys.excepthook, sys.unraisablehook = tell, tell_unraisable
    raise_on_signals()


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What Python calls for an exception that nobody caught: an interruption is one line and its status."""
    if isinstance(error, KeyboardInterrupt):
        say("interrupted", file=sys.stderr)
        sys.exit(status_of(error))
    sys.__excepthook__(kind, error, trace)


def tell_unraisable(unraisable: Any) -> None:
    """What Python calls for an exception where none can be raised, such as a signal's in a destructor."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        say("interrupted", file=sys.stderr)
        os._exit(status_of(unraisable.exc_value))
    sys.__unraisablehook__(unraisable)


def set_defaults_of_torch() -> None:
    """Set what torch and its libraries read when they are loaded; a user's own values count."""
    # On Linux, large tensors then lie on huge pages, which come zeroed from the system much faster: a third less time
    # for a step of style transfer on a CPU.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # Threads that wait for each other at a barrier then soon go to sleep. By default they spin for milliseconds: where
    # another process keeps a core busy, they take the time of the very thread that they wait for.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
