"""Images in a file of `level_files`, read when they are asked for, and checked then."""

import contextlib
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcourse.datasets.pyramid import sizes
from dlcourse.errors import UserError


class File:
    """A file open for reading, which is closed together with the last level in it."""

    def __init__(self, path: Path):
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it could not be opened
            os.close(self.descriptor)


class Level:
    """The images of one size in a file, uint8 (N, 3, R, R), to be indexed like a tensor along N.

    They are read, not mapped: where a mapped file is cut short, the process that looks at it is ended by SIGBUS.

    Args:
        file: where they are.
        path: its name, for messages.
        start: its byte where the level begins.
        size: R.
        checksums: CRC-32 of each image, compared when it is read for the first time.
    """

    def __init__(self, file: File, path: Path, start: int, size: int, checksums: np.ndarray):
        self.file, self.path, self.start, self.checksums = file, path, start, checksums
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
        """One image.

        Raises:
            UserError: somebody changed the file since it was opened; the next start decodes the images again.
        """
        is_whole = os.preadv(self.file.descriptor, [row.data], self.start + number * row.size) == row.size
        if not is_whole or not (self.is_checked[number] or zlib.crc32(row.data) == self.checksums[number]):
            self.path.with_suffix(".json").unlink(missing_ok=True)
            raise UserError(f"{self.path}: this cache of decoded images is damaged; the next start makes it anew")
        self.is_checked[number] = True


def open_levels(path: Path, count: int, resolution: int, checksum: int) -> list[Level]:
    """The levels in a file.

    Args:
        path: the file: `count` images of each level, then the checksums of each level's images, uint32.
        count: of images.
        resolution: of the first level.
        checksum: CRC-32 of the checksums.

    Raises:
        ValueError: a file of another size, of no images, or with other checksums.
    """
    shapes = [(count, 3, size, size) for size in sizes(resolution)]
    starts = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)]).tolist()
    expected = starts[-1] + 4 * count * len(shapes)
    file = File(path)
    length = os.fstat(file.descriptor).st_size
    if length != expected or not count:
        raise ValueError(f"{length} bytes instead of {expected}")
    table = os.pread(file.descriptor, length - starts[-1], starts[-1])
    if zlib.crc32(table) != checksum:
        raise ValueError("other checksums")
    rows = np.frombuffer(table, np.uint32).reshape(len(shapes), count)
    return [
        Level(file, path, start, shape[2], row) for start, shape, row in zip(starts[:-1], shapes, rows, strict=True)
    ]
