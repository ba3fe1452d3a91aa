"""Progressive growing as a function of the images seen (Karras et al. 2018, arXiv:1710.10196, section 2)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Phase(NamedTuple):
    """What holds for the images that come next."""

    lod: float  # level of detail k + t: images of R / 2^k pixels, of which a share t is still the coarser level's
    resolution: int  # R / 2^k
    batch_size: int
    lr_factor: float

    @property
    def stage(self) -> tuple[int, int]:
        """The levels of detail that take part; optimizers start anew when they change."""
        return math.floor(self.lod), math.ceil(self.lod)


@dataclass(frozen=True)
class Growth:
    """Train at a resolution, then fade to the next, until the last one is reached.

    lod(n) = log2(R / R_0) - i - max(n - i P - T, 0) / F, not below 0, with i = floor(n / P) and P = T + F: the
    schedule of the official training loop, for n images seen, R the resolution and R_0 the initial one.

    Args:
        resolution: R, of the data and the networks.
        initial_resolution: R_0, from 4 to R; R itself trains at a fixed resolution.
        stable_images: T, with which each resolution is trained before the next one fades in, >= 0.
        transition_images: F, during which the next resolution fades in, >= 0.
        batch_size: images per minibatch.
        batch_sizes: by resolution, where it is another; None: nowhere.
        lr_factors: factors on the learning rates by resolution, where it is not 1; None: nowhere.

    Raises:
        ValueError: a value outside these ranges.
    """

    resolution: int
    initial_resolution: int
    stable_images: int
    transition_images: int
    batch_size: int
    batch_sizes: dict[int, int] | None
    lr_factors: dict[int, float] | None

    def __post_init__(self) -> None:
        resolutions = [2**power for power in range(2, self.resolution.bit_length())]
        if self.initial_resolution not in resolutions:
            allowed = ", ".join(map(str, resolutions))
            raise ValueError(f"initial_resolution must be one of {allowed}, got {self.initial_resolution}")
        if min(self.stable_images, self.transition_images) < 0 or self.stable_images + self.transition_images < 1:
            raise ValueError(
                "stable_images and transition_images must not be negative nor both 0, "
                f"got {self.stable_images} and {self.transition_images}"
            )
        tables: dict[str, Mapping[int, float]] = {
            "batch_sizes": self.batch_sizes or {},
            "lr_factors": self.lr_factors or {},
        }
        for name, table in tables.items():
            for resolution, value in table.items():
                if resolution not in [2**power for power in range(2, 11)] or not value > 0:
                    raise ValueError(f"{name} must hold positive values by resolution 4 to 1024, got {table}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")

    def phase(self, images_seen: int) -> Phase:
        """What holds after so many images."""
        levels = self.resolution.bit_length() - self.initial_resolution.bit_length()
        index, images = divmod(images_seen, self.stable_images + self.transition_images)
        faded = max(images - self.stable_images, 0) / self.transition_images if self.transition_images else 0.0
        lod = max(levels - index - faded, 0.0)
        resolution = self.resolution >> math.floor(lod)
        return Phase(
            lod,
            resolution,
            (self.batch_sizes or {}).get(resolution, self.batch_size),
            (self.lr_factors or {}).get(resolution, 1.0),
        )


def fade_reals(images: Tensor, fade: float) -> Tensor:
    """Real images as a growing generator would draw them: lerp(x, 2x2 means of x, fade).

    Shape: (N, 3, H, W) -> same.
    """
    if not fade:
        return images
    coarse = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2.0, mode="nearest")
    return torch.lerp(images, coarse, fade)
