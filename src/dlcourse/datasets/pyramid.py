"""Images at every level of detail, for networks that grow."""

import torch
from torch import Tensor
from torch.nn import functional as F

PIXELS_PER_CHUNK = 2**22  # 64 MiB as float32, with the working copies


def pyramid(images: Tensor) -> list[Tensor]:
    """Levels of detail 0, 1, ... of square images, down to 4x4: means over 2^k x 2^k pixels, rounded to even.

    As in Karras et al. 2018, arXiv:1710.10196, every level is the mean of the unrounded level above.

    Shape: uint8 (N, 3, R, R) -> uint8 [(N, 3, R, R), (N, 3, R / 2, R / 2), ..., (N, 3, 4, 4)]; level 0 is `images`.
    """
    num_images, channels, resolution = images.shape[:3]
    levels = [images, *(images.new_empty(num_images, channels, size, size) for size in sizes(resolution)[1:])]
    chunk = max(1, PIXELS_PER_CHUNK // resolution**2)
    for start in range(0, num_images, chunk):
        exact = images[start : start + chunk].float()
        for level in levels[1:]:
            exact = F.avg_pool2d(exact, 2)
            level[start : start + chunk] = exact.round().to(torch.uint8)
    return levels


def sizes(resolution: int) -> list[int]:
    """Pixels per side of each level, down to 4."""
    return [resolution >> level for level in range(resolution.bit_length() - 2)]
