"""One process at a time trains in a run folder."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from dlcourse.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the folder, which is made if need be; the system lets go of it when the process ends, in whatever way.

    Raises:
        UserError: another process holds it.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    folder = os.open(run_dir, os.O_RDONLY)
    try:
        hold(folder, run_dir)
        yield
    finally:
        os.close(folder)


def hold(folder: int, run_dir: Path) -> None:
    """Lock an open folder, or raise UserError."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{run_dir}: another process trains there; wait for it, or choose another run_dir") from None
