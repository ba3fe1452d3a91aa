"""Let a process go on when nobody reads its stdout and stderr any more."""

import errno
import io
import os
import sys
from typing import Any

NOBODY_READS = {errno.EPIPE, errno.EIO}  # the program behind the pipe has ended; the terminal was closed


class Output(io.FileIO):
    """A file that drops what nobody would read; that a disk is full is still an error."""

    def write(self, data: Any) -> int:
        """Write; drop what nobody reads any more."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in NOBODY_READS:
                raise
            return len(data)


def outlive_readers() -> None:
    """Give stdout and stderr such a file each; one that came closed leads nowhere from now on."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        encoding, errors = (before.encoding, before.errors) if before else ("utf-8", "backslashreplace")
        raw = Output(descriptor, "w", closefd=False)
        text = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding, errors, line_buffering=name == "stderr" or raw.isatty()
        )
        setattr(sys, name, text)
