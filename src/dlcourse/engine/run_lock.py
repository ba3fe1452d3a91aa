"""One command at a time works in a run folder."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from multiprocessing import reduction
from pathlib import Path
from typing import Any

from dlcourse.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

ATTEMPTS = 100  # of making a folder that other commands remove


class Held:
    """A locked folder, by its open handle.

    A process that is started with it among its arguments holds the folder too: it is free once all of them have ended.
    """

    def __init__(self, handle: int):
        self.handle = handle

    def __reduce__(self) -> tuple[Callable[[Any], "Held"], tuple[Any]]:
        return passed_on, (reduction.DupFd(self.handle),)


def passed_on(handle: Any) -> Held:
    """What a process gets that is started with a Held."""
    return Held(handle.detach())


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[Held]:
    """Hold the folder, which is made if need be, and removed again if nothing was put into it.

    The system lets go of it when the process ends, in whatever way.

    Raises:
        UserError: another process holds it, or somebody removed it within the block.
    """
    made = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    try:
        handle = open_and_lock(run_dir)
    except OSError:
        remove_empty(made[1:])
        raise
    try:
        yield Held(handle)
    except (OSError, UserError) as error:
        if not is_at(run_dir, handle):
            raise UserError(f"{run_dir}: somebody moved or deleted this folder while it was written to") from error
        raise
    finally:
        remove_empty(made)
        os.close(handle)


def open_and_lock(run_dir: Path) -> int:
    """A handle of the locked folder, which is made again where another command removed it before it was locked."""
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            run_dir.mkdir(parents=True, exist_ok=True)
            handle = os.open(run_dir, os.O_RDONLY)
            lock(handle, run_dir)
            if is_at(run_dir, handle):
                return handle
            os.close(handle)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(run_dir))


def lock(handle: int, run_dir: Path) -> None:
    """Lock an open folder, or close it and raise UserError."""
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"{run_dir}: another process trains there; wait for it, or choose another run_dir") from None


def remove_empty(folders: list[Path]) -> None:
    """Remove these folders, the innermost first, as far as they are empty."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def is_at(run_dir: Path, handle: int) -> bool:
    """Whether the path still leads to the folder of the handle."""
    try:
        return os.path.samestat(run_dir.stat(), os.fstat(handle))
    except OSError:
        return False
