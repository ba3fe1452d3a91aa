"""Let a process continue when nobody reads its stdout and stderr any more."""

import atexit
import errno
import io
import os
import sys
from typing import Any

NOBODY_READS = {errno.EPIPE, errno.EIO}  # the program behind the pipe has ended; the terminal was closed


class Output(io.FileIO):
    """Stdout or stderr: errors do not stop the process. One that loses text, as on a full disk, is kept in `error`."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write the bytes; if that fails, act as if they were written."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in NOBODY_READS:
                self.error = error
            return len(data)


def outlive_readers() -> None:
    """Let stdout and stderr be an Output each; a stream that is closed is opened as the null device.

    They print a character that their encoding lacks as an escape, instead of raising. If text of stdout was lost, the
    process ends with a line about it and status 1.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor, which is this one
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        encoding = getattr(getattr(sys, name), "encoding", "utf-8")  # a stream that is closed is None
        raw = Output(descriptor, "w", closefd=False)
        is_by_line = name == "stderr" or raw.isatty()
        text = io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=is_by_line)
        setattr(sys, name, text)
        if name == "stdout":
            atexit.register(fail_if_lost, text, raw)


def fail_if_lost(text: io.TextIOWrapper, raw: Output) -> None:
    """For atexit: end the process with status 1 if what it printed could not be written."""
    text.flush()
    if raw.error is not None:
        print(f"error: stdout: {raw.error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(1)
