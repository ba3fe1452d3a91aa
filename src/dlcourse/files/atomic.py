"""Atomic writing: readers see the old file or the complete new one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary path to write to; at the end of the block it replaces `path`, after an exception it is removed.

    The folder must exist. `durable`: wait until file and name are on the disk, for the case of a power failure.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}.tmp")
    try:
        yield temporary
        if durable:
            flush(temporary)
        temporary.replace(path)
        if durable:
            flush(path.parent)
    except OSError as error:
        if error.strerror and error.filename in (None, str(temporary)):  # the former as when the disk is full
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
