"""Progressive growing, scheduled by the images seen   (Karras et al. 2018, arXiv:1710.10196, section 2)."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from dlcourse.errors import check_at_least
from dlcourse.stylegan.networks.layers import downscale, fade_in, upscale


class Phase(NamedTuple):
    """The settings for the next images."""

    lod: float  # level of detail k + t: images of R / 2^k pixels, faded by t towards those of R / 2^(k + 1)
    resolution: int  # R / 2^k
    batch_size: int
    lr_factor: float

    @property
    def stage(self) -> tuple[int, int]:
        """The levels of detail in use; optimizers start anew when they change."""
        return math.floor(self.lod), math.ceil(self.lod)


@dataclass(frozen=True)
class Growth:
    """Train at a resolution, then fade in the next, up to the last one.

    lod(n) = log2(R / R_0) - i - max(n - i P - T, 0) / F, not below 0, with i = floor(n / P) and P = T + F: the
    schedule of the official training loop, for n images seen.
    """

    resolution: int  # R, of the data and the networks
    initial_resolution: int  # R_0, from 4 to R; with R itself the resolution is fixed
    stable_images: int  # T, images at each resolution before the next one fades in, >= 0
    transition_images: int  # F, images while the next resolution fades in, >= 0
    batch_size: int  # images per minibatch
    batch_sizes: dict[int, int] | None  # resolution -> another batch size
    lr_factors: dict[int, float] | None  # resolution -> factor on the learning rates; 1 elsewhere

    def __post_init__(self) -> None:
        resolutions = resolutions_between(4, self.resolution)
        if self.initial_resolution not in resolutions:
            allowed = ", ".join(map(str, resolutions))
            raise ValueError(f"initial_resolution must be one of {allowed}, got {self.initial_resolution}")
        if min(self.stable_images, self.transition_images) < 0 or self.stable_images + self.transition_images < 1:
            raise ValueError(
                "stable_images and transition_images must not be negative nor both 0, "
                f"got {self.stable_images} and {self.transition_images}"
            )
        for name in ("batch_sizes", "lr_factors"):
            table: dict[int, float] = getattr(self, name) or {}
            for resolution, value in table.items():
                if resolution not in resolutions_between(4, 1024) or not value > 0:
                    raise ValueError(f"{name} must hold positive values by resolution 4 to 1024, got {table}")
        check_at_least(1, batch_size=self.batch_size)

    def phase(self, images_seen: int) -> Phase:
        """The settings after this number of images."""
        levels = self.resolution.bit_length() - self.initial_resolution.bit_length()
        index, images = divmod(images_seen, self.stable_images + self.transition_images)
        faded = max(images - self.stable_images, 0) / self.transition_images if self.transition_images else 0.0
        lod = max(levels - index - faded, 0.0)
        resolution = self.resolution >> math.floor(lod)
        return Phase(lod, resolution, self.batch_size_at(resolution), (self.lr_factors or {}).get(resolution, 1.0))

    def batch_size_at(self, resolution: int) -> int:
        return (self.batch_sizes or {}).get(resolution, self.batch_size)

    def steps_for(self, total_images: int, minibatch_repeats: int, images_seen: int = 0) -> int:
        """The least number of steps of `minibatch_repeats` minibatches from `images_seen` to `total_images`."""
        steps, images = 0, images_seen
        for level, resolution in enumerate(resolutions_between(self.initial_resolution, self.resolution)):
            # the next resolution fades in from the first step that begins at `end` images or later
            end = level * (self.stable_images + self.transition_images) + self.stable_images
            end += 1 if self.transition_images else 0
            last = total_images if resolution == self.resolution else min(end, total_images)
            images_per_step = self.batch_size_at(resolution) * minibatch_repeats
            more = max(0, math.ceil((last - images) / images_per_step))
            steps, images = steps + more, images + more * images_per_step
        return steps


def resolutions_between(lowest: int, highest: int) -> list[int]:
    """The powers of two from `lowest` to `highest`."""
    return [2**power for power in range(lowest.bit_length() - 1, highest.bit_length())]


def fade_reals(images: Tensor, fade: float) -> Tensor:
    """Real images faded by `fade` in [0, 1) towards their 2x2 means, as fakes are: (N, 3, H, W) -> same."""
    return fade_in(images, upscale(downscale(images, 2), 2), fade) if fade else images
