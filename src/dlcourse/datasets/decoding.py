"""The user's images as squares of one size, decoded by several threads."""

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Condition
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from dlcourse.datasets.sources import MAX_BYTES, Source
from dlcourse.engine.memory import return_freed_memory
from dlcourse.files.terminal import printable
from dlcourse.images.files import MAX_MEMORY, MAX_PIECE, UnwantedImageError, decode, memory_of
from dlcourse.images.srgb import BACKGROUND, to_rgb

THREADS = min(4, os.cpu_count() or 1)
ENOUGH = 2  # a JPEG is decoded at 1/2, 1/4 or 1/8 if that still has so many times the wanted size
LANCZOS = Image.Resampling.LANCZOS

ReadResult = tuple[str, np.ndarray | None, str]  # an image's name; uint8 (3, R, R), or None and the reason

FITS = {"crop": ("shorter", min), "pad": ("longer", max)}  # fit -> which of the image's sides sets the scale


class MemoryBudget:
    """A budget of bytes shared by threads: a thread waits until the bytes that it asks for are free."""

    def __init__(self, total: int):
        self.total = self.left = total
        self.changed = Condition()

    @contextmanager
    def reserve(self, count: int) -> Iterator[None]:
        """Hold `count` bytes, at most the whole budget, within the block."""
        count = min(count, self.total)
        with self.changed:
            self.changed.wait_for(lambda: count <= self.left)
            self.left -= count
        try:
            yield
        finally:
            if count > self.total // 8:
                return_freed_memory()  # glibc would keep it for this thread
            with self.changed:
                self.left += count
                self.changed.notify_all()


# Of all threads together. Always taken in this order, so that threads cannot wait for each other in a circle.
FILES, DECODING = MemoryBudget(MAX_BYTES), MemoryBudget(MAX_MEMORY + MAX_PIECE)


@dataclass(frozen=True)
class Square:
    """How an image becomes a square."""

    resolution: int  # pixels per side
    fit: str = "crop"  # to the central square, or "pad" the whole image with `background`
    min_size: int = 1  # pixels that the shorter side (crop) or the longer one (pad) must have
    background: tuple[int, int, int] = BACKGROUND  # also behind transparent pixels
    coarse_jpegs: bool = False  # decode large JPEGs at a fraction of their size: faster, errors of at most 3 of 255

    def settings(self) -> dict[str, Any]:
        """The settings that a cache of decoded images depends on."""
        return {key: getattr(self, key) for key in ("resolution", "fit", "min_size", "background")}

    def read_all(self, source: Source, names: Iterable[str], count: int, quiet: bool = False) -> Iterator[ReadResult]:
        """Decode images in the order of `names`, with a bar to `count` unless `quiet`; few at a time are in memory."""
        waiting: deque[Future[ReadResult]] = deque()
        with (
            warnings.catch_warnings(),  # `decode` changes the filters in several threads, which may not restore them
            ThreadPoolExecutor(THREADS) as pool,
            tqdm(total=count, desc=printable(f"reading {source.root}"), unit=" images", disable=quiet or None) as bar,
        ):
            try:
                for name in names:
                    waiting.append(pool.submit(self.read, source, name))
                    if len(waiting) == 4 * THREADS:
                        yield waiting.popleft().result()
                        bar.update()
                for future in waiting:
                    yield future.result()
                    bar.update()
            finally:
                pool.shutdown(cancel_futures=True)  # the caller may stop early

    def read(self, source: Source, name: str) -> ReadResult:
        """Decode one image; an error becomes the reason in the result."""
        try:
            with FILES.reserve(source.stamps[name][0]), ExitStack() as taken:
                return name, self.square_of(source, name, taken), ""
        except ValueError as error:
            return name, None, str(error)

    def square_of(self, source: Source, name: str, taken: ExitStack) -> np.ndarray:
        """The image as uint8 (3, R, R); `taken` receives the hold on the memory for decoding it."""

        def examine(image: Image.Image) -> None:
            needed = memory_of(image)  # at full size: a progressive JPEG needs it even when decoded at a fraction
            self.check_size(image)
            if self.coarse_jpegs:
                self.choose_coarseness(image)
            taken.enter_context(DECODING.reserve(needed))

        with source.open(name) as file:
            image = to_rgb(decode(file, examine), self.background)
        size = self.resolution, self.resolution
        pad = self.fit == "pad"
        square = ImageOps.pad(image, size, LANCZOS, self.background) if pad else ImageOps.fit(image, size, LANCZOS)
        return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))

    def check_size(self, image: Image.Image) -> None:
        """Raise UnwantedImageError for an image smaller than `min_size`."""
        which, scaled_side = FITS[self.fit]
        if scaled_side(image.size) < self.min_size:
            raise UnwantedImageError(
                f"too small ({image.width} x {image.height} pixels; "
                f"min_size={self.min_size} is wanted of the {which} side)"
            )

    def choose_coarseness(self, image: Image.Image) -> None:
        """Decode a JPEG at the smallest fraction that divides its size and is still large enough."""
        width, height = image.size
        for divisor in (8, 4, 2):
            if width % divisor == height % divisor == 0 and min(width, height) // divisor >= ENOUGH * self.resolution:
                image.draft(None, (width // divisor, height // divisor))
                break


def check_memory(needed: int, root: str) -> None:
    """Raise ValueError if `needed` bytes of memory are not free, on systems that report it."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if needed > free:
        raise ValueError(
            f"root={root}: its images take {needed / 2**30:.1f} GiB and {free / 2**30:.1f} are free; "
            "lower dataset.resolution or the number of images"
        )
