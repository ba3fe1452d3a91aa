"""The user's own pictures."""

from functools import cached_property
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from dlcourse.images import open_picture, to_tensor

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class ImageFolder:
    """Every picture below a folder, cropped to its central square and scaled to one resolution.

    Files are taken in the order of their paths. Unreadable ones are skipped and listed in `skipped`.

    Args:
        root: the folder; searched through all levels.
        resolution: pixels per side, a power of two from 8 to 1024.

    Raises:
        ValueError: no such folder, no picture in it, or an impossible resolution.
    """

    def __init__(self, root: str, resolution: int):
        if resolution not in {2**power for power in range(3, 11)}:
            raise ValueError(f"resolution must be a power of two from 8 to 1024, got {resolution}")
        if not Path(root).is_dir():
            raise ValueError(f"root={root}: no such folder")
        self.root, self.resolution = Path(root), resolution
        self.paths = sorted(path for path in self.root.rglob("*") if path.suffix.lower() in SUFFIXES)
        self.skipped: list[str] = []
        if not self.paths:
            raise ValueError(f"root={root}: no pictures in it ({', '.join(sorted(SUFFIXES))})")

    @cached_property
    def images(self) -> Tensor:
        """All pictures, uint8 (N, 3, R, R), RGB; decoded once.

        Raises:
            ValueError: not one file could be read.
        """
        pictures = []
        for path in tqdm(self.paths, desc=f"reading {self.root}", disable=None):
            try:
                picture = open_picture(path)
            except ValueError as error:
                self.skipped.append(str(error))
                continue
            square = ImageOps.fit(picture, (self.resolution, self.resolution), Image.Resampling.LANCZOS)
            pictures.append((to_tensor(square) * 255).round().to(torch.uint8))
        if not pictures:
            raise ValueError(f"root={self.root}: none of its {len(self.paths)} pictures can be read")
        return torch.stack(pictures)
