"""Random variations of images, drawn for each image of a batch."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.classifier.networks import as_float
from dlcourse.errors import check_at_least


@dataclass(frozen=True)
class FlipRotateCrop:
    """Mirror, turn and magnify each image at random, by one bilinear resampling.

    Shape: uint8 or float (N, C, H, W) -> float in [0, 1]; unchanged if all variations are off.
    """

    flip: bool  # mirror half of the images left to right
    rotate: float  # largest angle in degrees, in both directions, in [0, 180]
    crop: float  # smallest side of the visible window as a share of the image's, in (0, 1]; its position is random

    def __post_init__(self) -> None:
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate must be in [0, 180] degrees, got {self.rotate}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop must be in (0, 1], got {self.crop}")

    def __call__(self, images: Tensor) -> Tensor:
        if not self.flip and self.rotate == 0 and self.crop == 1:
            return images
        count, device = len(images), images.device
        uniform = torch.rand(5, count).to(device)  # from the CPU's generator: the same on every device
        mirror = torch.where(uniform[0] < 0.5, -1.0, 1.0) if self.flip else torch.ones(count, device=device)
        angle = math.radians(self.rotate) * (2 * uniform[1] - 1)
        window = self.crop + (1 - self.crop) * uniform[2]
        offset = (1 - window) * (2 * uniform[3:] - 1)  # (2, N); the window stays inside the image
        cos, sin = window * angle.cos(), window * angle.sin()
        rows = [mirror * cos, -sin, offset[0], mirror * sin, cos, offset[1]]
        # affine maps from positions in the new image to those in the old one, in units of half a side
        maps = torch.stack(rows, 1).reshape(count, 2, 3)
        images = as_float(images)
        grid = F.affine_grid(maps, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Degrade:
    """Halve the resolution of some images, then add noise of random strength to each.

    A network learns to ignore the softness and the grain that generated images have, and drawn ones do not.

    Shape: uint8 or float (N, C, H, W) -> float in [0, 1].
    """

    soft: float  # share of the images that are averaged over 2x2 pixels and enlarged again, in [0, 1]
    noise: float  # >= 0; the standard deviation of the noise of each image is uniform in [0, noise]

    def __post_init__(self) -> None:
        if not 0 <= self.soft <= 1:
            raise ValueError(f"soft must be in [0, 1], got {self.soft}")
        check_at_least(0, noise=self.noise)

    def __call__(self, images: Tensor) -> Tensor:
        images = as_float(images)
        chance, std = torch.rand(2, len(images), 1, 1, 1).to(images.device)  # from the CPU's generator
        coarse = F.interpolate(F.avg_pool2d(images, 2), images.shape[2:], mode="bilinear", align_corners=False)
        images = torch.where(chance < self.soft, coarse, images)
        return (images + self.noise * std * torch.randn_like(images)).clamp(0, 1)
