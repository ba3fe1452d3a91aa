"""A lock on the run folder: only one command at a time works in it."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from dlcourse.errors import UserError

ATTEMPTS = 100  # to create a folder that other commands remove


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder of this name, or with -2, -3, ... if it is taken; after the block it is removed if it is empty.

    Of processes that want one name at the same moment, each gets a folder of its own.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    folder = claim(path)
    try:
        yield folder
    finally:
        remove_empty([folder, *made])


def claim(path: Path) -> Path:
    """Create a folder as `new_folder` does; return its path."""
    for attempt in range(ATTEMPTS):
        name = path.with_name(f"{path.name}-{attempt + 1}") if attempt else path
        with contextlib.suppress(FileExistsError, FileNotFoundError):  # the latter: its parent was removed just now
            path.parent.mkdir(parents=True, exist_ok=True)
            name.mkdir()
            return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[Connection]:
    """Lock the folder within the block; it is created if need be, and removed afterwards if it is empty.

    The system releases the lock when the process ends, for whatever reason. Processes that are started with the
    yielded value among their arguments share the lock, which then ends with the last of them.

    Raises:
        UserError: another process holds the lock, or the folder was moved or removed within the block.
    """
    made = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    try:
        held = open_and_lock(run_dir)
    except OSError:
        remove_empty(made[1:])
        raise
    try:
        yield held
    except (OSError, UserError) as error:
        if not is_at(run_dir, held):
            raise UserError(f"{run_dir}: somebody moved or deleted this folder while it was written to") from error
        raise
    finally:
        remove_empty(made)
        held.close()


def open_and_lock(run_dir: Path) -> Connection:
    """Create and lock the folder, again if another command removed it before it was locked; return its handle.

    A Connection can be passed to other processes and closes its handle; it is used for nothing else.
    """
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            run_dir.mkdir(parents=True, exist_ok=True)
            held = Connection(os.open(run_dir, os.O_RDONLY))
            lock(held, run_dir)
            if is_at(run_dir, held):
                return held
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(run_dir))


def lock(held: Connection, run_dir: Path) -> None:
    """Lock an open folder; UserError if another process has locked it."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        cure = "wait for it, or choose another run_dir"
        raise UserError(f"{run_dir}: another process trains there; {cure}") from None


def remove_empty(folders: list[Path]) -> None:
    """Remove these folders, in this order, up to the first that is not empty."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def is_at(run_dir: Path, held: Connection) -> bool:
    """Whether the path still is the folder of the handle."""
    try:
        return os.path.samestat(run_dir.stat(), os.fstat(held.fileno()))
    except OSError:
        return False
