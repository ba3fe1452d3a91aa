"""Reading untrusted files with bounded memory."""

import errno
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dlcourse.errors import MissingFileError
from dlcourse.files.missing import nothing_at


def lines_of(file: BinaryIO, longest: int = 2**20) -> Iterator[bytes]:
    """The lines of a file without line breaks; a line of more than `longest` bytes comes in pieces."""
    return (line.rstrip(b"\r\n") for line in iter(lambda: file.readline(longest), b""))


class RefusedError(ValueError):
    """The file contains something that is not allowed."""


class TooManyFilesError(RefusedError):
    """The list of files in an archive is too long."""


def open_archive(file: BinaryIO, max_bytes: int) -> zipfile.ZipFile:
    """Open a zip archive whose list of files has at most `max_bytes` bytes.

    An archive states the length of its list in two places, which may disagree, and which of them Python uses depends on
    its version. Therefore the size of each read is limited instead of checking a stated length. TooManyFilesError for
    a longer list; zipfile's exceptions for a damaged archive.
    """
    bounded = BoundedFile(file, max_bytes)
    archive = zipfile.ZipFile(bounded)  # needs no other methods than those below
    bounded.most = None
    return archive


class BoundedFile:
    """A file that refuses single reads of more than `most` bytes; None: no limit."""

    def __init__(self, file: BinaryIO, most: int):
        self.file = file
        self.most: int | None = max(most, 2**17)  # Python looks for the end of an archive in 65 557 bytes
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        """The next bytes; TooManyFilesError if more than `most` are requested."""
        if self.most is not None and size > self.most:
            raise TooManyFilesError("refused: an archive of too many files")
        return self.file.read(size)


def length_of(path: Path) -> int:
    """The length of a file in bytes; OSError for a folder, a pipe or a device, which could block or never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ESPIPE, f"a {'pipe' if stat.S_ISFIFO(status.st_mode) else 'device'}, not a file")
    return status.st_size


def check_file(key: str, path: str) -> None:
    """Raise ValueError, "KEY=PATH: reason", unless there is a file that can be opened."""
    try:
        open_file(Path(path)).close()
    except ValueError as error:
        raise ValueError(f"{key}={path}: {error}") from error


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; ValueError with the reason if that is impossible."""
    try:
        length_of(path)
        return path.open("rb")
    except FileNotFoundError:
        raise MissingFileError(nothing_at(path)) from None
    except IsADirectoryError:
        raise ValueError("is a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise ValueError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
