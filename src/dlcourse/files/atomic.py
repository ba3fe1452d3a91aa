"""Atomic writing: readers see the old file or the complete new one."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path, durable: bool = False, replace: bool = True) -> Iterator[Path]:
    """A temporary path to write to; at the end of the block it becomes `path`, after an exception it is removed.

    The folder must exist. `durable`: wait until file and name are on the disk, for the case of a power failure. Without
    `replace`, FileExistsError if something has that name by then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}.tmp")
    try:
        yield temporary
        if durable:
            flush(temporary)
        if replace:
            temporary.replace(path)
        else:
            name_new(temporary, path)
        if durable:
            flush(path.parent)
    except OSError as error:
        if error.strerror and error.filename in (None, str(temporary)):  # the former as when the disk is full
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def name_new(temporary: Path, path: Path) -> None:
    """Give a file its name; FileExistsError if something has it, also if that came to be there in this moment."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        temporary.replace(path)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
