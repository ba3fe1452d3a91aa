"""Decoded images at every level of detail: in memory, or in a file from which later starts read them.

KEY.levels holds uint8 (N, 3, R, R), then (N, 3, R / 2, R / 2), ... down to (N, 3, 4, 4), then the CRC-32 of each of
these images in the same order, uint32. KEY.json lists the images, and the skipped files with reasons. KEY is a hash of
the settings and of the names and stamps of the images, so that any change gives other files. Both may be deleted at
any time.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
import weakref
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from dlcourse.datasets.decoding import Square, check_memory
from dlcourse.datasets.pyramid import PIXELS_PER_CHUNK, pyramid, sizes
from dlcourse.datasets.sources import Source
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.files.terminal import printable, say

VERSION = 2  # of the file format and of the decoding; files of other versions are ignored
STALE = 24 * 3600  # seconds after which an unfinished file counts as abandoned
UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.(levels|json)\.\d+\.\d+\.tmp")


@dataclass(frozen=True)
class Decoded:
    """The decoded images of a source."""

    levels: "Sequence[Tensor | Level]"  # uint8 (N, 3, R, R), (N, 3, R / 2, R / 2), ..., (N, 3, 4, 4)
    names: list[str]  # of the N images
    skipped: dict[str, str]  # name of each other file -> reason


def bytes_per_image(resolution: int) -> int:
    return sum(3 * size**2 for size in sizes(resolution))


def decode_in_memory(source: Source, square: Square) -> Decoded:
    """Decode all levels into memory; ValueError if they do not fit, or no image can be used."""
    check_memory(len(source.stamps) * bytes_per_image(square.resolution), source.root)
    images = torch.empty(len(source.stamps), 3, square.resolution, square.resolution, dtype=torch.uint8)
    names, skipped = list[str](), dict(source.refused)
    for pixels in usable_images(source, square, names, skipped):
        images[len(names) - 1] = torch.from_numpy(pixels)
    return Decoded(pyramid(images[: len(names)]), names, skipped)


def usable_images(source: Source, square: Square, names: list[str], skipped: dict[str, str]) -> Iterator[np.ndarray]:
    """Decode the usable images, uint8 (3, R, R), adding to `names` and `skipped`; ValueError if there were none."""
    for name, pixels, reason in square.read_all(source, source.stamps, len(source.stamps)):
        if pixels is None:
            skipped[name] = reason
        else:
            names.append(name)
            yield pixels
    if not names:
        name = next(iter(source.stamps))
        example = printable(f"{name}: {skipped[name]}")
        raise ValueError(f"root={source.root}: none of its {len(source.stamps)} images can be used, such as {example}")


def cache_key(source: Source, square: Square) -> str:
    """A hash, 32 hexadecimal digits, of everything that the levels depend on."""
    content = json.dumps([VERSION, square.settings(), source.stamps])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def write_cache(path: Path, source: Source, square: Square) -> None:
    """Decode into PATH.levels and PATH.json, each written whole or not at all, in bounded memory.

    OSError if the folder cannot be written to, or is full; ValueError if no image can be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent)
    needed, free = len(source.stamps) * bytes_per_image(square.resolution), shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(f"the images take up to {needed / 2**30:.1f} GiB and {free / 2**30:.1f} are free")
    names, skipped = list[str](), dict(source.refused)
    with atomic_write(path.with_suffix(".levels"), durable=True) as temporary, temporary.open("w+b") as file:
        for pixels in usable_images(source, square, names, skipped):
            file.write(pixels.tobytes())
        checksum = append_levels(file, len(names), square.resolution)
    record = {
        "version": VERSION,
        "root": source.root,
        "settings": square.settings(),
        "count": len(names),
        "checksum": checksum,
        "names": names,
        "skipped": skipped,
    }
    with atomic_write(path.with_suffix(".json"), durable=True) as temporary:  # last: levels without it are ignored
        temporary.write_bytes(json.dumps(record, indent=1).encode())


def append_levels(file: BinaryIO, count: int, resolution: int) -> int:
    """Append the coarser levels to `count` images of level 0, then all checksums; returns the checksums' CRC-32."""
    file.flush()
    shapes, starts = layout(count, resolution)
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


def layout(count: int, resolution: int) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """The shape of each level in a file, and the byte where each begins, then where the checksums begin."""
    shapes = [(count, 3, size, size) for size in sizes(resolution)]
    return shapes, np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)]).tolist()


def load_cache(path: Path, source: Source, square: Square) -> Decoded | None:
    """What `write_cache` wrote, its levels to be read from the file; None if the files are missing or damaged."""
    try:
        record = json.loads(path.with_suffix(".json").read_bytes())
        names, skipped, count = record["names"], record["skipped"], record["count"]
        is_of_source = len(names) == count and set(names) <= source.stamps.keys() <= {*names, *skipped}
        if not is_of_source:  # version and settings are part of the files' name
            raise ValueError("of other images")
        failed = {name: str(reason) for name, reason in skipped.items() if name in source.stamps}
        levels = open_levels(path.with_suffix(".levels"), count, square.resolution, record["checksum"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        say(f"{path}.*: a damaged cache, made anew ({error})", file=sys.stderr)
        return None
    return Decoded(levels, names, source.refused | failed)


class Level:
    """The images of one size in a file, uint8 (N, 3, R, R), to be indexed like a tensor along N.

    The level begins at byte `start` of the file, of which the level duplicates the open `descriptor`; `checksums` are
    compared when an image is first read. The images are read, not mapped, because access to a mapped file that was cut
    short ends the process by SIGBUS.
    """

    def __init__(self, path: Path, descriptor: int, start: int, size: int, checksums: np.ndarray):
        self.path, self.start, self.checksums = path, start, checksums
        self.descriptor = os.dup(descriptor)
        weakref.finalize(self, os.close, self.descriptor)
        self.shape = torch.Size((len(checksums), 3, size, size))
        self.numbers = torch.arange(len(checksums))
        self.is_checked = np.zeros(len(checksums), bool)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Tensor:
        chosen = self.numbers[index]
        images = torch.empty(*chosen.shape, *self.shape[1:], dtype=torch.uint8)
        rows = images.view(-1, self.shape[1:].numel()).numpy()
        for number, row in zip(chosen.flatten().tolist(), rows, strict=True):
            self.read(number, row)
        return images

    def read(self, number: int, row: np.ndarray) -> None:
        """Read one image into `row`; UserError if the file was changed since it was opened."""
        is_whole = os.preadv(self.descriptor, [row.data], self.start + number * row.size) == row.size
        if not is_whole or not (self.is_checked[number] or zlib.crc32(row.data) == self.checksums[number]):
            self.path.with_suffix(".json").unlink(missing_ok=True)
            raise UserError(f"{self.path}: this cache of decoded images is damaged; the next start makes it anew")
        self.is_checked[number] = True


def open_levels(path: Path, count: int, resolution: int, checksum: int) -> list[Level]:
    """The levels in a file of `count` images; ValueError unless its size and the CRC-32 of its checksums are right."""
    shapes, starts = layout(count, resolution)
    expected = starts[-1] + 4 * count * len(shapes)
    with path.open("rb") as file:
        descriptor = file.fileno()
        length = os.fstat(descriptor).st_size
        if length != expected or not count:
            raise ValueError(f"{length} bytes instead of {expected}")
        table = os.pread(descriptor, length - starts[-1], starts[-1])
        if zlib.crc32(table) != checksum:
            raise ValueError("other checksums")
        rows = np.frombuffer(table, np.uint32).reshape(len(shapes), count)
        levels = zip(starts[:-1], shapes, rows, strict=True)
        return [Level(path, descriptor, start, shape[2], row) for start, shape, row in levels]


def remove_stale(folder: Path) -> None:
    """Remove the unfinished files of killed processes."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > STALE:
            path.unlink(missing_ok=True)
