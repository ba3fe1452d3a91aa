"""Turn running out of memory into an error message of one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlcourse.errors import UserError

WORDS = re.compile("memory|storage size", re.IGNORECASE)  # in torch's messages; the latter beyond 2^63 bytes


def lack_of_memory(error: BaseException) -> str | None:
    """The message of an out-of-memory exception; None for any other exception."""
    is_lack = isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and WORDS.search(str(error)))
    return str(error).strip().partition("\n")[0].rstrip(".") if is_lack else None


@contextmanager
def memory_told(cure: str) -> Iterator[None]:
    """Within the block, or the decorated function, out of memory is a UserError; `cure` needs less memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's OutOfMemoryError is a RuntimeError
        if (reason := lack_of_memory(error)) is None:
            raise
        raise UserError(f"out of memory ({reason}); less is needed with {cure}") from error
