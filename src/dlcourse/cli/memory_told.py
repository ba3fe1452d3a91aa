"""Turn running out of memory into an error message of one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlcourse.errors import UserError

WORDS = re.compile("memory|storage size", re.IGNORECASE)  # of torch; a size beyond 2^63 bytes is the latter


def lack_of_memory(error: BaseException) -> str | None:
    """What an exception says of memory that was not to be had; None for one of something else."""
    is_lack = isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and WORDS.search(str(error)))
    return str(error).strip().partition("\n")[0].rstrip(".") if is_lack else None


@contextmanager
def memory_told(cure: str) -> Iterator[None]:
    """Within the block, or the function that it decorates, a lack of memory is the user's to mend.

    Args:
        cure: what needs less.

    Raises:
        UserError: no memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's OutOfMemoryError is a RuntimeError
        if (reason := lack_of_memory(error)) is None:
            raise
        raise UserError(f"out of memory ({reason}); less is needed with {cure}") from error
