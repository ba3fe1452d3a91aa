"""Settings of glibc's memory allocator on Linux; elsewhere these functions do nothing."""

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from malloc.h


def keep_freed_memory() -> None:
    """Keep freed memory in this process, for its next tensors.

    By default every block above 32 MiB is requested from the system and returned to it page by page: for the
    activations of a large image that can take longer than computing them.
    """
    if mallopt := c_function("mallopt"):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def return_freed_memory() -> None:
    """Return freed memory to the system."""
    if malloc_trim := c_function("malloc_trim"):
        malloc_trim(0)


def c_function(function: str) -> Any:
    """A function of the C library; None if it has none of this name."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform.startswith("linux") else None
