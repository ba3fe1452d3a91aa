"""Decoded images at every level of detail in one file, from which the next start reads them.

KEY.levels holds uint8 (N, 3, R, R), then (N, 3, R / 2, R / 2), ... down to (N, 3, 4, 4), then the CRC-32 of each of
these images in the same order, uint32; KEY.json beside it says of which images, and which files were skipped and
why. KEY comes from the names, sizes and times (in an archive: checksums) of the images and from the settings, so
that whatever changes has another file. Both may be deleted at any time.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from dlcourse.datasets.cache_reader import Level, open_levels
from dlcourse.datasets.memory import check_memory
from dlcourse.datasets.pyramid import PIXELS_PER_CHUNK, pyramid, sizes
from dlcourse.datasets.sources import Source
from dlcourse.files.terminal import printable, say

VERSION = 2  # of the file and of how pixels come about: a new one makes old files useless
STALE = 24 * 3600  # seconds after which an unfinished file is taken for one that nobody will finish

Read = Iterable[tuple[str, np.ndarray | None, str]]  # name, uint8 (3, R, R) or None, and then why
UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.(levels|json)\.\d+\.\d+\.tmp")


@dataclass(frozen=True)
class Decoded:
    """What became of the files.

    Attributes:
        levels: uint8 (N, 3, R, R), (N, 3, R / 2, R / 2), ..., (N, 3, 4, 4).
        names: of the N images, in order.
        skipped: name of another file -> why it is not among them.
    """

    levels: Sequence[Tensor | Level]
    names: list[str]
    skipped: dict[str, str]


def key_of(source: Source, settings: dict[str, Any]) -> str:
    """32 hexadecimal digits that change with whatever the levels depend on."""
    content = json.dumps([VERSION, settings, source.stamps])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def in_memory(source: Source, read: Read, resolution: int) -> Decoded:
    """All levels, decoded into memory.

    Raises:
        ValueError: more than fits into memory, or not one image can be used.
    """
    wanted = len(source.stamps)
    check_memory(wanted * bytes_per_image(resolution), source.root)
    images = torch.empty(wanted, 3, resolution, resolution, dtype=torch.uint8)
    names: list[str] = []
    skipped = dict(source.refused)
    for index, pixels in enumerate(usable(read, names, skipped)):
        images[index] = torch.from_numpy(pixels)
    check_not_empty(source, names, skipped)
    return Decoded(pyramid(images[: len(names)]), names, skipped)


def write(path: Path, source: Source, read: Read, settings: dict[str, Any]) -> None:
    """Decode into PATH.levels and PATH.json: each as a whole or not at all, in bounded memory.

    Raises:
        OSError: the folder cannot be written to, or is full.
        ValueError: not one image can be used.
    """
    resolution: int = settings["resolution"]
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent)
    needed, free = len(source.stamps) * bytes_per_image(resolution), shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(f"the images take up to {needed / 2**30:.1f} GiB and {free / 2**30:.1f} are free")
    names: list[str] = []
    skipped = dict(source.refused)
    with durable_write(path.with_suffix(".levels")) as file:
        for pixels in usable(read, names, skipped):
            file.write(pixels.tobytes())
        check_not_empty(source, names, skipped)
        checksum = append_levels(file, len(names), resolution)
    record = {
        "version": VERSION,
        "root": source.root,
        "settings": settings,
        "count": len(names),
        "checksum": checksum,
        "names": names,
        "skipped": skipped,
    }
    with durable_write(path.with_suffix(".json")) as file:  # last: without it, the levels count for nothing
        file.write(json.dumps(record, indent=1).encode())


def usable(read: Read, names: list[str], skipped: dict[str, str]) -> Iterator[np.ndarray]:
    """The images that there are; their names, and the reasons of the others, are noted."""
    for name, pixels, reason in read:
        if pixels is None:
            skipped[name] = reason
        else:
            names.append(name)
            yield pixels


def check_not_empty(source: Source, names: list[str], skipped: dict[str, str]) -> None:
    """Raise ValueError if there are no images."""
    if not names:
        name = next(iter(source.stamps))
        example = printable(f"{name}: {skipped[name]}")
        raise ValueError(f"root={source.root}: none of its {len(source.stamps)} images can be used, such as {example}")


def append_levels(file: BinaryIO, count: int, resolution: int) -> int:
    """Write the coarser levels behind `count` images of level 0, then all checksums; the checksum of those."""
    file.flush()
    shapes = [(count, 3, size, size) for size in sizes(resolution)]
    starts = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)]).tolist()
    chunk = max(1, PIXELS_PER_CHUNK // resolution**2)
    checksums = np.empty((len(shapes), count), np.uint32)
    for start in range(0, count, chunk):
        file.seek(start * 3 * resolution**2)
        pixels = np.frombuffer(file.read(min(chunk, count - start) * 3 * resolution**2), np.uint8)
        images = torch.from_numpy(pixels.reshape(-1, 3, resolution, resolution).copy())
        for number, (level_start, level) in enumerate(zip(starts, pyramid(images), strict=False)):
            if number:
                file.seek(level_start + start * level[0].numel())
                file.write(level.numpy().tobytes())
            checksums[number, start : start + len(level)] = [zlib.crc32(image.numpy()) for image in level]
    file.seek(starts[-1])
    file.write(checksums.tobytes())
    return zlib.crc32(checksums.data)


def load(path: Path, source: Source, settings: dict[str, Any]) -> Decoded | None:
    """What `write` wrote, to be read from the file; None if it is not there, or not whole."""
    try:
        record = json.loads(path.with_suffix(".json").read_bytes())
        names, skipped, count = record["names"], record["skipped"], record["count"]
        is_of_source = len(names) == count and set(names) <= source.stamps.keys() <= {*names, *skipped}
        if record["version"] != VERSION or record["settings"] != json.loads(json.dumps(settings)) or not is_of_source:
            raise ValueError("of other images")
        failed = {name: str(reason) for name, reason in skipped.items() if name in source.stamps}
        levels = open_levels(path.with_suffix(".levels"), count, settings["resolution"], record["checksum"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        say(f"{path}.*: a damaged cache, made anew ({error})", file=sys.stderr)
        return None
    return Decoded(levels, names, source.refused | failed)


def bytes_per_image(resolution: int) -> int:
    """Of all levels together."""
    return sum(3 * size**2 for size in sizes(resolution))


@contextmanager
def durable_write(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes its place once it is whole and on the disk; of several writers, the last one's stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}.tmp")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(folder: Path) -> None:
    """Remove what killed processes left unfinished."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > STALE:
            path.unlink(missing_ok=True)
