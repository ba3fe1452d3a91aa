"""The C library's memory allocator, told to let go."""

import ctypes
import sys


def return_freed_memory() -> None:
    """Give what was freed, but is still held for reuse, back to the system; does nothing but on Linux with glibc."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)
