"""What every attack is held against."""

import zlib

import pytest

from dlcourse.files import torch_file

MEGABYTE = 2**20


def refused(path, message: str, read=torch_file.load, error=ValueError) -> None:
    with pytest.raises(error, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def packed(count: int, letter: bytes = b"\0") -> bytes:
    """So many equal bytes, compressed piece by piece."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(letter * MEGABYTE) for _ in range(count // MEGABYTE)) + deflate.flush()
