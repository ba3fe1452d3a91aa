"""Files that a stranger may have made: no more of them is held in memory than makes sense."""

import errno
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dlcourse.errors import MissingFileError


def lines_of(file: BinaryIO, longest: int = 2**20) -> Iterator[bytes]:
    """The lines of a file, one at a time, without their ends; a line of more than `longest` bytes comes in pieces."""
    return (line.rstrip(b"\r\n") for line in iter(lambda: file.readline(longest), b""))


class TooManyFilesError(ValueError):
    """The list of an archive's files is too long to be read."""


def open_archive(file: BinaryIO, max_bytes: int) -> zipfile.ZipFile:
    """The archive in an open file, whose list of files has at most `max_bytes` bytes.

    An archive states the length of its list in two places, which may disagree, and Python's rules for which of them
    counts differ between versions. So no length is believed here: it is the reading of the list that is bounded.

    Raises:
        TooManyFilesError: a longer list.
        zipfile.BadZipFile: not a zip archive, or a damaged one; other errors for other damage.
    """
    bounded = BoundedFile(file, max_bytes)
    archive = zipfile.ZipFile(bounded)  # it asks for no more than the methods below
    bounded.most = None
    return archive


class BoundedFile:
    """A file that refuses to be read in pieces longer than `most` bytes; None is no limit."""

    def __init__(self, file: BinaryIO, most: int):
        self.file = file
        self.most: int | None = max(most, 2**17)  # Python looks for the end of an archive in 65 557 bytes
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            TooManyFilesError: more than `most` are asked for.
        """
        if self.most is not None and size > self.most:
            raise TooManyFilesError("refused: an archive of too many files")
        return self.file.read(size)

    def close(self) -> None:
        """Close the underlying file."""
        self.file.close()


def open_file(path: Path) -> BinaryIO:
    """A file to be read, or ValueError with the reason."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # would wait, or deliver, for ever
            raise OSError(errno.ESPIPE, f"a {'pipe' if stat.S_ISFIFO(mode) else 'device'}, not a file")
        return path.open("rb")
    except FileNotFoundError:
        raise MissingFileError("no such file") from None
    except IsADirectoryError:
        raise ValueError("is a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise ValueError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
