"""The user's images as squares of one size, decoded by several threads."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Condition
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from dlcourse.datasets.sources import MAX_BYTES, Source
from dlcourse.engine.device import return_freed_memory
from dlcourse.files.terminal import printable
from dlcourse.images.files import MAX_MEMORY, MAX_PIECE, UnwantedImageError, decode, memory_of
from dlcourse.images.srgb import BACKGROUND, to_rgb

THREADS = min(4, os.cpu_count() or 1)
ENOUGH = 2  # a JPEG is decoded at 1/2, 1/4 or 1/8 if that still has so many times the wanted size
LANCZOS = Image.Resampling.LANCZOS

Read = tuple[str, np.ndarray | None, str]  # name of an image, uint8 (3, R, R) or None, and then why

# fit -> (image, side, colour around it) -> square image, and which of its sides decides how it is scaled
FITS: dict[str, Callable[[Image.Image, int, tuple[int, int, int]], Image.Image]] = {
    "crop": lambda image, side, around: ImageOps.fit(image, (side, side), LANCZOS),
    "pad": lambda image, side, around: ImageOps.pad(image, (side, side), LANCZOS, around),
}
SCALED_SIDE: dict[str, Callable[[tuple[int, int]], int]] = {"crop": min, "pad": max}


class Memory:
    """A number of bytes that threads share: each waits until there are enough for it."""

    def __init__(self, total: int):
        self.total = self.left = total
        self.changed = Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Take that many for a while, at most all of them."""
        count = min(count, self.total)
        with self.changed:
            self.changed.wait_for(lambda: count <= self.left)
            self.left -= count
        try:
            yield
        finally:
            if count > self.total // 8:
                return_freed_memory()  # glibc keeps it for the thread that had it
            with self.changed:
                self.left += count
                self.changed.notify_all()


# of all threads together; who holds a part of the latter does not wait for the former
FILES, DECODING = Memory(MAX_BYTES), Memory(MAX_MEMORY + MAX_PIECE)


@dataclass(frozen=True)
class Square:
    """How an image becomes a square.

    Attributes:
        resolution: pixels per side.
        fit: crop to the central square, or pad the whole image with `background`.
        min_size: pixels of the shorter side (crop) or the longer one (pad) that an image must have.
        background: RGB in [0, 255], also behind transparent pixels.
        coarse_jpegs: whether much larger JPEGs are decoded at a fraction of their size: faster, and 3 levels off at
            most.
    """

    resolution: int
    fit: str = "crop"
    min_size: int = 1
    background: tuple[int, int, int] = BACKGROUND
    coarse_jpegs: bool = False

    def settings(self) -> dict[str, Any]:
        """What tells decoded images apart in a cache."""
        return {key: getattr(self, key) for key in ("resolution", "fit", "min_size", "background")}

    def read_all(self, source: Source, names: Iterable[str], count: int) -> Iterator[Read]:
        """Decode images in the order of `names`, with a progress bar to `count`; few at a time are in memory."""
        title = printable(f"reading {source.root}")
        waiting: deque[Future[Read]] = deque()
        with (
            warnings.catch_warnings(),  # `decode` has them too, in threads, where they do not undo each other's changes
            ThreadPoolExecutor(THREADS) as pool,
            tqdm(total=count, desc=title, unit=" images", disable=None) as bar,
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
                pool.shutdown(cancel_futures=True)  # when nobody wants the rest

    def read(self, source: Source, name: str) -> Read:
        """Decode one image; an error becomes the reason in the result."""
        try:
            with FILES.taken(source.stamps[name][0]), ExitStack() as taken:
                return name, self.square_of(source, name, taken), ""
        except ValueError as error:
            return name, None, str(error)

    def square_of(self, source: Source, name: str, taken: ExitStack) -> np.ndarray:
        """The image as uint8 (3, R, R); the memory that it needs meanwhile is taken, and given back by `taken`."""

        def examine(image: Image.Image) -> None:
            needed = memory_of(image)  # of all its pixels, which a progressive JPEG needs even for coarser ones
            self.check_size(image)
            if self.coarse_jpegs:
                self.choose_coarseness(image)
            taken.enter_context(DECODING.taken(needed))

        with source.open(name) as file:
            image = to_rgb(decode(file, examine), self.background)
        square = FITS[self.fit](image, self.resolution, self.background)
        return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))

    def check_size(self, image: Image.Image) -> None:
        """Refuse an image that is too small."""
        size = SCALED_SIDE[self.fit](image.size)
        if size < self.min_size:
            which = {"crop": "shorter", "pad": "longer"}[self.fit]
            raise UnwantedImageError(
                f"too small ({image.width} x {image.height} pixels; "
                f"min_size={self.min_size} is wanted of the {which} side)"
            )

    def choose_coarseness(self, image: Image.Image) -> None:
        """Have a JPEG decoded at a fraction of its size that divides it and is still large enough."""
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
