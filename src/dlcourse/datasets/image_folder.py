"""The user's own images, for StyleGAN."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from dlcourse.datasets.cache import Decoded, Level, cache_key, decode_in_memory, load_cache, write_cache
from dlcourse.datasets.decoding import FITS, Square
from dlcourse.datasets.labels import class_name, find_classes
from dlcourse.datasets.sources import open_source, report_files
from dlcourse.errors import check_at_least
from dlcourse.files.terminal import printable
from dlcourse.images.srgb import rgb_of


@dataclass(eq=False, repr=False)
class ImageFolder:
    """Every image in a folder or a zip archive as a square of one resolution, at every level of detail.

    Sorted by name. The images are decoded when they are first used; later runs read the result from a file in `cache`
    (see `datasets.cache`). Files that are no image, broken, too small or outside of the folder (links, "..") are
    skipped and listed on the console.
    """

    root: str  # a folder, searched at all depths, or a .zip; either may hold labels in NVIDIA's dataset.json
    resolution: int  # pixels per side, a power of two from 8 to 1024
    fit: str  # crop (the central square) or pad (the whole image, on `background`)
    min_size: int  # images whose shorter side (with pad: the longer) is smaller are skipped, others enlarged
    background: list[int]  # RGB in [0, 255] around a padded image and behind transparent pixels
    num_classes: int  # by dataset.json or one folder for each; 0 is without labels
    cache: str | None  # folder for the decoded images; None decodes into memory at every start

    def __post_init__(self) -> None:
        check_at_least(0, num_classes=self.num_classes)
        color = rgb_of(self.background)
        if self.resolution not in {2**power for power in range(3, 11)}:
            raise ValueError(f"resolution must be a power of two from 8 to 1024, got {self.resolution}")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, got {self.fit!r}")
        check_at_least(1, min_size=self.min_size)
        self.square = Square(self.resolution, self.fit, self.min_size, color, coarse_jpegs=True)
        self.source = open_source(self.root)
        names, self.label_of = find_classes(self.source, self.num_classes, self.square)
        self.class_names = [class_name(name) for name in names]  # num_classes names

    @property
    def images(self) -> Tensor:
        """All images at level 0, uint8 (N, 3, R, R), RGB, on the CPU."""
        return self.levels[0][:]

    @property
    def levels(self) -> Sequence[Tensor | Level]:
        """The levels of `pyramid`; those in a cache are read when they are indexed. For errors see `decoded`."""
        return self.decoded.levels

    @cached_property
    def labels(self) -> Tensor | None:
        """The class of each image, int64 (N,); None without labels."""
        if self.num_classes == 0:
            return None
        return torch.tensor([self.label_of[name] for name in self.decoded.names])

    @cached_property
    def decoded(self) -> Decoded:
        """The images, from the cache or decoded now; ValueError if that is impossible, or a class has no image.

        Whoever looks at the images first gets the error, so that it says itself which node of the config it is about.
        """
        try:
            return self.decode()
        except ValueError as error:
            raise ValueError(f"dataset.{error}") from error

    def decode(self) -> Decoded:
        """`decoded`, with errors that begin with one of our arguments."""
        if self.cache_path is None:
            decoded = decode_in_memory(self.source, self.square)
        else:
            decoded = load_cache(self.cache_path, self.source, self.square) or self.fill_cache(self.cache_path)
        others = f", all of them in {self.cache_path}.json" if self.cache_path else ""
        report_files(self.root, f"skipped {len(decoded.skipped)} files", decoded.skipped, others)
        usable = {self.label_of[name] for name in decoded.names if self.num_classes}
        for label in sorted(set(self.label_of.values()) - usable):
            name = printable(self.class_names[label])
            raise ValueError(f"root={self.root}: class {name} has no image that can be used")
        return decoded

    @cached_property
    def cache_path(self) -> Path | None:
        """Path of the cached files without .levels or .json; None without a cache."""
        if self.cache is None:
            return None
        return Path(os.path.expanduser(self.cache), cache_key(self.source, self.square))  # noqa: PTH111

    def fill_cache(self, path: Path) -> Decoded:
        """Decode all images into the cache, and open it."""
        try:
            write_cache(path, self.source, self.square)
        except OSError as error:
            raise ValueError(
                f"cache={path.parent}: cannot be written ({error.strerror or error}); "
                "choose another folder, or null to decode into memory"
            ) from error
        if decoded := load_cache(path, self.source, self.square):
            return decoded
        raise ValueError(f"cache={path.parent}: the file just written is gone or damaged; choose another folder")
