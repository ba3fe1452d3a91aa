"""Finds the user's images in a folder or a zip archive, from which nothing is ever unpacked to disk."""

import io
import os
import re
import stat
import sys
import weakref
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dlcourse.errors import MissingFileError, reason_of
from dlcourse.files.bounded import TooManyFilesError, open_archive, open_file
from dlcourse.files.missing import nothing_at
from dlcourse.files.terminal import printable, say
from dlcourse.images.files import SUFFIXES

MAX_BYTES = 2**29  # of a file in an archive, unpacked: it is held in memory
MAX_LIST = 2**24  # bytes, of the list of files in an archive: more than 200 000 images
LEAVES_FOLDER = "a link that leaves the folder"
MAX_FILES = 2_000_000  # in a folder, at any depth
MAX_DEPTH = 100  # of folders within each other
LABELS = "dataset.json"  # of NVIDIA's data sets
NAMED = 20  # files that a list on the console names
SYSTEM_NAMES = {  # lower case: files and folders that systems and programs create beside images
    # macOS and its network shares; the others begin with a dot: .DS_Store, ._photo.jpg, .AppleDouble, .Trashes
    "__macosx", "_ds_store", "icon\r", "network trash folder", "temporary items",
    # Windows
    "$recycle.bin", "desktop.ini", "ehthumbs.db", "system volume information", "thumbs.db",
    # Linux, after a disk was repaired; Python
    "lost+found", "__pycache__",
    # network storage: Synology, QNAP
    "@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb",
}  # fmt: skip
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that Python unpacks piece by piece

Stamp = tuple[int, int]  # size in bytes, and the time of the last change in ns (in an archive: CRC-32 of the content)


class Source(ABC):
    """Images by name, without hidden and system files."""

    def __init__(self, root: str):
        self.root = root  # the path as the user wrote it
        self.stamps: dict[str, Stamp] = {}  # name of each image ("/" between folders), sorted; changes with its content
        self.refused: dict[str, str] = {}  # name of each other file -> why it is not used
        self.folders: set[str] = set()  # all folders, also empty ones; "" is the root
        self.label_files: dict[str, int] = {}  # name of each dataset.json -> its size in bytes

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """The content of a file; ValueError with the reason if it cannot be opened."""


def open_source(root: str) -> Source:
    """The folder or zip archive at `root`; ValueError if there is none, or no file in it has an image's suffix."""
    source = source_at(root)
    if not source.stamps:
        refused = "".join(f"; {name}: {reason}" for name, reason in list(source.refused.items())[:1])
        raise ValueError(f"root={root}: no images in it ({', '.join(sorted(SUFFIXES))}){printable(refused)}")
    return source


def source_at(root: str) -> Source:
    """The folder or zip archive at `root`, which may hold no images; ValueError if there is none."""
    check_root("root", root)
    path = path_of(root)
    return Folder(root, path) if path.is_dir() else Archive(root, path)


def check_root(key: str, root: str) -> None:
    """Raise MissingFileError, "KEY=ROOT: reason", unless there is a folder or a file."""
    if not path_of(root).is_dir() and not path_of(root).is_file():
        raise MissingFileError(f"{key}={root}: {nothing_at(path_of(root), 'no such folder or zip file')}")


def path_of(root: str) -> Path:
    return Path(os.path.expanduser(root))  # noqa: PTH111  (pathlib raises for an unknown user)


class Folder(Source):
    """The images below a folder; links are followed to files inside it only, and never to folders."""

    def __init__(self, root: str, path: Path):
        super().__init__(root)
        self.path = path
        for name in sorted(self.names()):
            try:
                if is_label_file(name):
                    self.label_files[name] = (self.path / name).stat().st_size
                else:
                    self.stamps[name] = self.stamp(name)
            except (OSError, ValueError) as error:
                self.refused[name] = str(getattr(error, "strerror", None) or error)

    def names(self) -> Iterator[str]:
        """Names of all files and all links to folders, at any depth; adds the folders to `folders`."""
        count = 0
        for path, folders, files in os.walk(self.path, onerror=self.note_unreadable):
            folder = self.within(path)
            self.folders.add(folder)
            folders[:] = [name for name in folders if not is_system_file(name)]
            if folder.count("/") + 1 == MAX_DEPTH and folders:
                self.refused[folder] = f"has folders in it, beyond {MAX_DEPTH} within each other"
                folders.clear()
            links = [name for name in folders if Path(path, name).is_symlink()]
            found = [name for name in files if not is_system_file(name)] + links
            count += len(found) + len(folders)
            if count > MAX_FILES:
                raise ValueError(f"root={self.root}: has more than {MAX_FILES} files; divide them")
            yield from (f"{folder}/{name}" if folder else name for name in found)

    def note_unreadable(self, error: OSError) -> None:
        """Add a folder that cannot be listed to `refused`."""
        self.refused[self.within(error.filename) or "."] = f"a folder that cannot be read ({error.strerror})"

    def within(self, path: str) -> str:
        """The name of a path below the root, "" for the root itself."""
        name = Path(path).relative_to(self.path).as_posix()
        return "" if name == "." else name

    def stamp(self, name: str) -> Stamp:
        """The stamp of an image; ValueError with the reason for anything else."""
        path = self.path / name
        check_inside(path, self.path)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ValueError("a link to a folder, which is not followed")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a file")
        if reason := why_no_image(name):
            raise ValueError(reason)
        return status.st_size, status.st_mtime_ns

    def open(self, name: str) -> BinaryIO:
        check_inside(self.path / name, self.path)
        return open_file(self.path / name)


class Archive(Source):
    """The images in a zip archive; safe to read from several threads."""

    def __init__(self, root: str, path: Path):
        super().__init__(root)
        try:
            file = open_file(path)
            weakref.finalize(self, file.close)
            self.archive = open_archive(file, MAX_LIST)
        except TooManyFilesError as error:
            raise ValueError(f"root={root}: {error} ({MAX_LIST} bytes of names); give a folder") from error
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise ValueError(f"root={root}: neither a folder nor a whole zip archive ({error})") from error
        self.folders.add("")
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for info in sorted(self.archive.infolist(), key=lambda info: slashes(info.filename)):
            name = slashes(info.filename)
            if leaves(name):
                self.refused[name] = "a path that leaves the archive"
                continue
            if is_system_file(name.rstrip("/")):
                continue
            self.folders.add(name.rpartition("/")[0])
            if name.endswith("/"):
                continue
            if name in self.entries:
                self.refused[f"{name} (again)"] = "another file has this name"
            elif is_label_file(name):
                self.entries[name], self.label_files[name] = info, info.file_size
            elif reason := why_unsafe(info) or why_no_image(name):
                self.refused[name] = reason
            else:
                self.entries[name], self.stamps[name] = info, (info.file_size, info.CRC)

    def open(self, name: str) -> BinaryIO:
        """The unpacked content, in memory, its CRC-32 checked."""
        info = self.entries[name]
        if reason := why_unsafe(info):
            raise ValueError(reason)
        try:
            with self.archive.open(info) as packed:
                return io.BytesIO(packed.read(info.file_size))  # no more than the archive's directory states
        except Exception as error:  # damaged archives raise exceptions of many kinds
            raise ValueError(f"cannot be unpacked ({reason_of(error)})") from error


def is_system_file(name: str) -> bool:
    """Whether a file or folder (its path within the data set) is hidden or a system's own, or lies in such a folder."""
    parts = name.split("/")
    return any(part.lower() in SYSTEM_NAMES or (part.startswith(".") and part.strip(".")) for part in parts)


def slashes(name: str) -> str:
    """A path in an archive with forward slashes; old Windows programs write backslashes."""
    return name.replace("\\", "/")


def leaves(name: str) -> bool:
    """Whether an entry of an archive would be unpacked outside of the target folder."""
    return name.startswith("/") or bool(re.match("[A-Za-z]:", name)) or ".." in name.split("/")


def leaves_folder(path: Path, folder: Path) -> bool:
    """Whether a file is a link to somewhere outside of a folder."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def check_inside(path: Path, folder: Path) -> None:
    """Raise ValueError for a file that is a link to somewhere outside of a folder."""
    if leaves_folder(path, folder):
        raise ValueError(LEAVES_FOLDER)


def is_label_file(name: str) -> bool:
    return name.rpartition("/")[2] == LABELS


def why_no_image(name: str) -> str | None:
    """Why a name is not that of an image, or None."""
    suffix = PurePosixPath(name).suffix
    return None if suffix.lower() in SUFFIXES else f"not the name of an image ({suffix or 'no suffix'})"


def why_unsafe(info: zipfile.ZipInfo) -> str | None:
    """Why an entry of an archive is not to be unpacked, or None."""
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link"
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in METHODS:
        return f"packed by a method ({info.compress_type}) other than storing and deflating"
    if info.file_size > MAX_BYTES:
        return f"refused as too large ({info.file_size} bytes unpacked; at most {MAX_BYTES})"
    return None


def report_files(root: str, title: str, files: Mapping[str, str], others: str = "") -> None:
    """Print files, each with a remark: the first NAMED, and how many others there are; nothing if there are none."""
    if not files:
        return
    say(f"{root}: {title}", file=sys.stderr)
    for name in sorted(files)[:NAMED]:
        say(f"  {name}: {files[name]}", file=sys.stderr)
    if len(files) > NAMED:
        say(f"  and {len(files) - NAMED} others{others}", file=sys.stderr)
