"""The C library's memory allocator, told what to keep and what to let go; nothing but on Linux with glibc."""

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> None:
    """Let what is freed stay with this process, for its next tensors.

    By default every block above 32 MiB comes from the system and goes back to it, page by page: for the activations of
    a large image that can take longer than to compute them.
    """
    mallopt = find("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def return_freed_memory() -> None:
    """Give what was freed, but is still held for reuse, back to the system."""
    malloc_trim = find("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def find(function: str) -> Any:
    """A function of the C library; None where it has no such."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform.startswith("linux") else None
