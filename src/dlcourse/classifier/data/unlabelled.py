"""What a trained classifier is to classify: the user's images, or points in the plane, one after the other."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlcourse.classifier.data.points_file import read_columns
from dlcourse.classifier.data.points_table import LARGEST
from dlcourse.classifier.data.words import TABLES, check_there, plain
from dlcourse.datasets.decoding import Square
from dlcourse.datasets.sources import Source, source_at, why_no_image
from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file
from dlcourse.images.files import SUFFIXES

BATCH_VALUES = 2**22  # numbers of all inputs of a batch
MAX_BATCH = 64
THUMBNAIL = 160  # pixels per side
GRAY = np.array([19595, 38470, 7471])  # / 2^16: the weights of ITU-R BT.601 as Pillow rounds them


class Sample(NamedTuple):
    """One input of a network."""

    name: str
    values: Tensor  # an image, uint8 (C, R, R), or a point, float (2,)
    truth: str = ""  # its class as the file has it; "" where it has none


class ImageFiles(Source):
    """Images that are named one by one; links are followed. ValueError for one that does not exist."""

    def __init__(self, names: Sequence[str]):
        super().__init__("")
        for name in names:
            try:
                with open_file(Path(name)) as file:
                    size = file.seek(0, os.SEEK_END)
                reason = why_no_image(name)
            except ValueError as error:
                reason = str(error)
            if reason:
                self.refused[name] = reason
            else:
                self.stamps[name] = (size, 0)

    def open(self, name: str) -> BinaryIO:
        return open_file(Path(name))


class ImageSamples:
    """Images in files, folders at any depth, and .zips, in this order, as squares of the network's resolution.

    Files that are no images, or damaged ones, are skipped. UserError for a word that is none of these.

    Args:
        words: paths.
        shape: (1 or 3, R, R) of the network's inputs; for 1, colours become grey.
    """

    plural = "images"

    def __init__(self, words: Sequence[str], shape: Sequence[int]):
        self.words, self.channels, self.square = words, shape[0], Square(shape[1])
        self.batch_size = max(1, min(MAX_BATCH, BATCH_VALUES // math.prod(shape)))
        for word in words:
            check_image_word(word)
        self.sources = list[Source]()
        try:
            for is_single, group in groupby(words, is_single_file):
                paths = list(group)
                self.sources += [ImageFiles(paths)] if is_single else map(source_at, paths)
        except ValueError as error:
            raise UserError(str(error).removeprefix("root=")) from error
        self.files = {name_in(source, name): (source, name) for source in self.sources for name in source.stamps}
        self.skipped = {
            name_in(source, name): reason for source in self.sources for name, reason in source.refused.items()
        }

    def __iter__(self) -> Iterator[Sample]:
        for source in self.sources:
            for name, pixels, reason in self.square.read_all(source, source.stamps, len(source.stamps), quiet=True):
                shown = name_in(source, name)
                if pixels is None:
                    self.skipped[shown] = reason
                else:
                    yield Sample(shown, torch.from_numpy(pixels if self.channels == 3 else gray(pixels)))

    def thumbnail(self, sample: Sample) -> Tensor:
        """A sample as an image, float (3, H, W): sharper than the network sees it if its file is large enough."""
        square = Square(THUMBNAIL, min_size=THUMBNAIL, coarse_jpegs=True)
        pixels = square.read(*self.files[sample.name])[1]
        if pixels is None or self.channels == 1:
            return enlarged(sample.values.expand(3, -1, -1))
        return torch.from_numpy(pixels) / 255

    def why_none(self) -> str:
        """The message that there was nothing to classify."""
        example = "".join(f"; {name}: {reason}" for name, reason in list(self.skipped.items())[:1])
        return f"{shown_words(self.words)}: no image that can be used ({', '.join(sorted(SUFFIXES))}){example}"


class PointSamples:
    """Points in tables with columns x1, x2 and perhaps label (.csv, .tsv, .npz), and points such as "0.3,-1.2".

    UserError for a word that is none of these, or a table that cannot be read.
    """

    plural = "points"
    batch_size = 4096

    def __init__(self, words: Sequence[str]):
        self.words, self.skipped = list(words), dict[str, str]()
        self.tables = [read_points(word) for word in self.words]

    def __iter__(self) -> Iterator[Sample]:
        for name, (x, truths) in zip(self.words, self.tables, strict=True):
            is_table = Path(name).suffix.lower() in TABLES
            for index, (values, truth) in enumerate(zip(torch.from_numpy(x), truths, strict=True), start=1):
                yield Sample(f"{name}:{index}" if is_table else name, values, truth)

    def why_none(self) -> str:
        return f"{shown_words(self.words)}: no points"


def samples_of(words: Sequence[str], shape: Sequence[int]) -> ImageSamples | PointSamples:
    """The inputs for a network that takes inputs of `shape`."""
    return PointSamples(words) if len(shape) == 1 else ImageSamples(words, shape)


def shown_words(words: Sequence[str]) -> str:
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def name_in(source: Source, name: str) -> str:
    """An image's path: below what the user named, or as the user named it."""
    return f"{source.root.rstrip('/')}/{name}" if source.root else name


def is_single_file(word: str) -> bool:
    return not Path(word).is_dir() and Path(word).suffix.lower() != ".zip"


def check_image_word(word: str) -> None:
    """Raise UserError for a word that names no file or folder, or a table of points."""
    images = "this classifier is one of images; give images, folders or .zips"
    if Path(word).suffix.lower() in TABLES:
        raise UserError(f"{word}: a table of points, and {images}")
    check_there(word)
    if not os.path.lexists(word):
        raise UserError(f"{word}: {'a point, and ' if as_point(word) else 'no such file, and '}{images}")


def read_points(word: str) -> tuple[np.ndarray, list[str]]:
    """The points of a table, or one, float32 (N, 2), and the label of each, or ""."""
    if Path(word).suffix.lower() in TABLES:
        try:
            columns = read_columns(Path(word), word, needed=("x1", "x2"))
        except ValueError as error:
            raise UserError(str(error).removeprefix("path=")) from error
        texts = ["" if text.lower() == "nan" else text for text in columns.texts]
        return columns.x.astype(np.float32), [texts[label] for label in columns.labels]
    if os.path.lexists(word):
        what = "a folder" if Path(word).is_dir() else "an image" if not why_no_image(word) else "no table"
        raise UserError(
            f"{word}: {what}, and this classifier is one of points; give tables ({', '.join(TABLES)}) with columns x1, "
            "x2, or points such as 0.3,-1.2"
        )
    if (point := as_point(word)) is None:
        raise UserError(f"{word}: neither a file nor a point of two finite numbers, such as 0.3,-1.2")
    return np.array([point], dtype=np.float32), [""]


def as_point(word: str) -> tuple[float, float] | None:
    """Two numbers with a comma between them; None for other words."""
    try:
        x1, x2 = map(float, re.sub("_", "?", plain(word)).split(","))  # only Python allows underscores in numbers
    except ValueError:
        return None
    return (x1, x2) if abs(x1) <= LARGEST and abs(x2) <= LARGEST else None  # NaN is not


def gray(pixels: np.ndarray) -> np.ndarray:
    """uint8 (3, R, R) -> (1, R, R); grey pixels keep their values."""
    return ((np.tensordot(GRAY, pixels, 1) + 2**15) >> 16).astype(np.uint8)[None]


def enlarged(pixels: Tensor) -> Tensor:
    """Bytes (3, R, R) as float at the thumbnails' size: every pixel a square, as near as whole pixels allow."""
    places = torch.arange(THUMBNAIL) * pixels.shape[1] // THUMBNAIL
    return pixels[:, places][:, :, places] / 255
