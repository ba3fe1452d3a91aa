"""The start of every command, before anything large is imported."""

import importlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from dlcourse.engine import spin_wait
from dlcourse.engine.signals import raise_on_signals, status_of
from dlcourse.engine.standard_streams import outlive_readers
from dlcourse.files.terminal import say


def run(command: str, name: str) -> None:
    """Prepare this process, then run the module `command` if the script of this `__name__` is the program.

    The processes that are started for `devices=N` only import the script.
    """
    begin()
    if name == "__main__":
        importlib.import_module(command).main()


def begin() -> None:
    """Prepare this process: its signals, its output, its threads, and an environment variable of torch."""
    # On Linux, put large tensors on huge pages, which the system zeroes much faster: style transfer on a CPU takes a
    # third less time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    spin_wait.watch()
    outlive_readers()
    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    raise_on_signals()
    try:
        Path.cwd()
    except OSError as error:
        say(
            f"error: the current folder: {error.strerror}; if it has been deleted, cd into another one", file=sys.stderr
        )
        sys.exit(1)


def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For sys.excepthook: an interruption is one line and its exit status."""
    if isinstance(error, KeyboardInterrupt):
        say("interrupted", file=sys.stderr)
        sys.exit(status_of(error))
    sys.__excepthook__(kind, error, trace)


def unraisablehook(unraisable: Any) -> None:
    """For sys.unraisablehook, which gets exceptions that cannot be raised, such as a signal's in a destructor."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        say("interrupted", file=sys.stderr)
        os._exit(status_of(unraisable.exc_value))
    sys.__unraisablehook__(unraisable)
