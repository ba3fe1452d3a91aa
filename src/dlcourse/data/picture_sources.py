"""Where the user's pictures lie: a folder or a zip archive; names are read, nothing is ever unpacked to disk."""

import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from dlcourse.picture_files import SUFFIXES, open_file
from dlcourse.terminal import printable

MAX_BYTES = 2**29  # of a file in an archive, unpacked: it is held in memory
LABELS = "dataset.json"  # of NVIDIA's data sets
IGNORED = {"__MACOSX", "_DS_Store", "Thumbs.db", "desktop.ini", LABELS}  # and whatever begins with a dot
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that Python unpacks piece by piece

Stamp = tuple[int, int]  # size in bytes, and the time of the last change in ns or the CRC-32 of the content


class Source(Protocol):
    """Pictures by name.

    Attributes:
        root: what the user named.
        stamps: name of a picture, "/" between folders, in sorted order -> what changes with its content.
        refused: name of another file -> why it is not among them.
    """

    root: str
    stamps: dict[str, Stamp]
    refused: dict[str, str]

    def open(self, name: str) -> BinaryIO:
        """The content of a file; ValueError with the reason where it cannot be had."""

    def has_labels(self) -> bool:
        """Whether there is a dataset.json at the top."""


def open_source(root: str) -> Source:
    """The folder or the zip archive at `root`.

    Raises:
        ValueError: neither is there, or not one file is by its name a picture.
    """
    path = Path(root).expanduser()
    if not path.is_dir() and not path.is_file():
        raise ValueError(f"root={root}: no such folder or zip file")
    source: Source = Folder(root, path) if path.is_dir() else Archive(root, path)
    if not source.stamps:
        refused = "".join(f"; {name}: {reason}" for name, reason in list(source.refused.items())[:1])
        raise ValueError(f"root={root}: no pictures in it ({', '.join(sorted(SUFFIXES))}){printable(refused)}")
    return source


class Folder:
    """The pictures below a folder; links are followed to files inside it only, and never to folders."""

    def __init__(self, root: str, path: Path):
        self.root, self.path = root, path
        self.stamps: dict[str, Stamp] = {}
        self.refused: dict[str, str] = {}
        for name in sorted(self.names()):
            if is_ignored(name):
                continue
            try:
                self.check(name)
                status = (self.path / name).stat()
            except (OSError, ValueError) as error:
                self.refused[name] = str(getattr(error, "strerror", None) or error)
            else:
                self.stamps[name] = (status.st_size, status.st_mtime_ns)

    def names(self) -> Iterator[str]:
        """All files and all links to folders, at any depth."""
        for folder, folders, files in os.walk(self.path):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in files + links:
                yield Path(folder, name).relative_to(self.path).as_posix()

    def check(self, name: str) -> None:
        """Raise ValueError for a file that is no picture of this folder."""
        path = self.path / name
        self.refuse_leaving(path)
        if path.is_dir():
            raise ValueError("a link to a folder, which is not followed")
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        if reason := why_no_picture(name):
            raise ValueError(reason)

    def refuse_leaving(self, path: Path) -> None:
        """Raise ValueError for a link to somewhere else."""
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.path)):
            raise ValueError("a link that leaves the folder")

    def open(self, name: str) -> BinaryIO:
        """The file."""
        self.refuse_leaving(self.path / name)
        return open_file(self.path / name)

    def has_labels(self) -> bool:
        """Whether there is a dataset.json."""
        return (self.path / LABELS).is_file()


class Archive:
    """The pictures in a zip archive, read from where they lie in it; safe to read from several threads."""

    def __init__(self, root: str, path: Path):
        self.root = root
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise ValueError(f"root={root}: neither a folder nor a whole zip archive ({error})") from error
        self.stamps: dict[str, Stamp] = {}
        self.refused: dict[str, str] = {}
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for name, info in sorted(((slashes(info.filename), info) for info in self.archive.infolist()), key=first):
            reason = why_unsafe(name, info)
            if name == LABELS and not reason:
                self.entries[name] = info
            elif name in self.stamps:
                self.refused[f"{name} (again)"] = "another file has this name"
            elif not (name.endswith("/") or is_ignored(name)) or leaves(name):
                self.add(name, info, reason or why_no_picture(name))

    def add(self, name: str, info: zipfile.ZipInfo, reason: str | None) -> None:
        """Count an entry among the pictures, or the refused."""
        if reason:
            self.refused[name] = reason
        else:
            self.entries[name] = info
            self.stamps[name] = (info.file_size, info.CRC)

    def open(self, name: str) -> BinaryIO:
        """The unpacked content, in memory; its CRC-32 is the one that the archive's directory states."""
        info = self.entries[name]
        try:
            with self.archive.open(info) as packed:
                return io.BytesIO(packed.read(info.file_size))  # no more than was stated, whatever there is
        except Exception as error:  # damaged archives fail in every way there is
            raise ValueError(f"cannot be unpacked ({' '.join(str(error).split()) or type(error).__name__})") from error

    def has_labels(self) -> bool:
        """Whether there is a dataset.json at the top."""
        return LABELS in self.entries


def first(pair: tuple[str, zipfile.ZipInfo]) -> str:
    """The name, which entries are sorted by."""
    return pair[0]


def slashes(name: str) -> str:
    """A path in an archive as it should be; old Windows programs write backslashes."""
    return name.replace("\\", "/")


def leaves(name: str) -> bool:
    """Whether an entry, were it unpacked, could land outside."""
    return name.startswith("/") or bool(re.match("[A-Za-z]:", name)) or ".." in name.split("/")


def is_ignored(name: str) -> bool:
    """What programs leave beside pictures and nobody wants to hear of."""
    parts = PurePosixPath(name).parts
    return any(part in IGNORED or (part.startswith(".") and part != "..") for part in parts)


def why_no_picture(name: str) -> str | None:
    """Why a name is not that of a picture, or None."""
    suffix = PurePosixPath(name).suffix
    return None if suffix.lower() in SUFFIXES else f"not the name of a picture ({suffix or 'no suffix'})"


def why_unsafe(name: str, info: zipfile.ZipInfo) -> str | None:
    """Why an entry of an archive is not to be touched, or None."""
    if leaves(name):
        return "a path that leaves the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link"
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in METHODS:
        return f"packed by a method ({info.compress_type}) other than storing and deflating"
    if info.file_size > MAX_BYTES:
        return f"refused as too large ({info.file_size} bytes unpacked; at most {MAX_BYTES})"
    return None
