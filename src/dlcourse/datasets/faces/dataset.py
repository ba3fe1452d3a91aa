"""A procedural data set of cartoon portraits with independent attributes at three scales; `drawing.py` draws them.

A face is a function of (seed, index), whatever else is in the batch and however many faces there are. Its random
numbers are hashes of (seed, name of the attribute, index) by the finalizer of SplitMix64 (Steele, Lea and Flood 2014),
so that a new attribute leaves the others as they are.
"""

from functools import cached_property
from zlib import crc32

import torch
from torch import Tensor

from dlcourse.datasets.faces.canvas import (
    BACKGROUND_COLORS,
    CLOTHES_COLORS,
    EYE_COLORS,
    HAIR_COLORS,
    HAIR_STYLES,
    SMOOTH,
    Texture,
)
from dlcourse.datasets.faces.drawing import render
from dlcourse.datasets.pyramid import pyramid
from dlcourse.errors import check_at_least

# name -> (low, high): uniform in [low, high], float32
CONTINUOUS = {
    "yaw": (-1.0, 1.0),  # turned to the viewer's left .. right
    "face_width": (0.0, 1.0),  # narrow .. wide
    "jaw": (0.0, 1.0),  # pointed .. square
    "eye_size": (0.0, 1.0),
    "eye_slant": (-1.0, 1.0),  # outer corners down .. up
    "smile": (-1.0, 1.0),  # frown .. smile
    "brow_height": (0.0, 1.0),
    "brow_angle": (-1.0, 1.0),  # inner ends down (angry) .. up (worried)
    "skin": (0.0, 1.0),  # light .. dark
}
# name -> number of classes, all equally likely, int64
CATEGORICAL = {
    "hair_style": len(HAIR_STYLES),  # in the order of canvas.HAIR_STYLES
    "glasses": 2,  # without, with
    "mouth_open": 2,  # closed, open
    "hair_color": len(HAIR_COLORS),  # rows of the palettes in canvas
    "eye_color": len(EYE_COLORS),
    "background_color": len(BACKGROUND_COLORS),
    "clothes_color": len(CLOTHES_COLORS),
}
# The scale at which each attribute changes an image: whether coarse, middle or fine styles should learn it.
ATTRIBUTE_SCALE = {
    **dict.fromkeys(("yaw", "face_width", "jaw", "hair_style", "glasses"), "coarse"),
    **dict.fromkeys(("eye_size", "eye_slant", "smile", "mouth_open", "brow_height", "brow_angle"), "middle"),
    **dict.fromkeys(("skin", "hair_color", "eye_color", "background_color", "clothes_color"), "fine"),
}
# Random detail that is no attribute.
DETAIL = ("strand_phase", "parting_side", "curl_phase", "freckles", "freckle_phase", "frame", "lens", "stripes")

TEXTURE_SIZE = 64  # cells along each side of a random map
PIXELS_PER_CHUNK = 2**17  # of the images as drawn: fits into the CPU's cache, and outweighs the overhead of calls


def _signed(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _mix(bits: Tensor) -> Tensor:
    """SplitMix64's finalizer. int64 wraps around; the masks undo the sign bits that torch's right shifts bring in."""
    bits = (bits ^ ((bits >> 30) & (2**34 - 1))) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ ((bits >> 27) & (2**37 - 1))) * _signed(0x94D049BB133111EB)
    return bits ^ ((bits >> 31) & (2**33 - 1))


def _random_bits(seed: int, name: str, indices: Tensor) -> Tensor:
    """64 random bits per index, a pure function of (seed, name, index), int64 as `indices`."""
    weyl = _signed(0x9E3779B97F4A7C15)
    stream = _mix(_mix(torch.tensor(_signed(seed)) * weyl) + crc32(name.encode()))
    return _mix(stream + (indices + 1) * weyl)


def _uniform(seed: int, name: str, indices: Tensor) -> Tensor:
    """One number in [0, 1) per index, a pure function of (seed, name, index): (N,) int64 -> (N,) float32."""
    return ((_random_bits(seed, name, indices) >> 40) & (2**24 - 1)).float() / 2**24


def sample_attributes(seed: int, indices: Tensor) -> dict[str, Tensor]:
    """Attributes of faces `indices` (N,) int64 of `seed`: name -> (N,).

    The names are those of ATTRIBUTE_SCALE; the ranges are in CONTINUOUS (float32) and CATEGORICAL (int64).
    """
    continuous = {name: low + (high - low) * _uniform(seed, name, indices) for name, (low, high) in CONTINUOUS.items()}
    categorical = {name: (_uniform(seed, name, indices) * classes).long() for name, classes in CATEGORICAL.items()}
    return {name: (continuous | categorical)[name] for name in ATTRIBUTE_SCALE}


def sample_detail(seed: int, indices: Tensor) -> dict[str, Tensor]:
    """Random detail of faces `indices` (N,) int64 of `seed`: name -> (N,) float32 in [0, 1)."""
    return {name: _uniform(seed, name, indices) for name in DETAIL}


def sample_texture(seed: int, indices: Tensor) -> Tensor:
    """Random maps (N, 4, 64, 64) of faces `indices` (N,) int64 of `seed`: float32, every value uniform in [-1, 1).

    They place the specks of the background, the knit of the clothes, the strands of the hair and the freckles, in the
    order of canvas.TEXTURES. A few numbers cannot tell where these are: it is what StyleGAN's noise should learn.
    """
    cells = indices[:, None] * TEXTURE_SIZE**2 + torch.arange(TEXTURE_SIZE**2)
    bits = _random_bits(seed, "texture", cells)
    maps = [(bits >> shift) & (2**16 - 1) for shift in (0, 16, 32, 48)]  # sixteen bits each
    return torch.stack(maps, 1).reshape(len(indices), 4, TEXTURE_SIZE, TEXTURE_SIZE).float().div_(2**15).sub_(1)


class Faces:
    """`num_images` portraits of `resolution` x `resolution` pixels, drawn when `images` is first used.

    `label` is the categorical attribute that serves as class label, `num_classes` the number of its values, or 0 for no
    labels. `resolution` is a power of two in 8..256. `texture` in [0, 1] is how strong specks, knit, strands and
    freckles at random places are; at 0 there are no specks and no knit, and strands and freckles form regular patterns.
    ValueError for other values.
    """

    def __init__(self, resolution: int, num_images: int, seed: int, label: str, num_classes: int, texture: float):
        if resolution not in (8, 16, 32, 64, 128, 256):
            raise ValueError(f"resolution must be a power of two in 8..256, got {resolution}")
        check_at_least(1, num_images=num_images)
        if label not in CATEGORICAL:
            raise ValueError(f"label must be one of {', '.join(CATEGORICAL)}, got {label!r}")
        if num_classes not in (0, CATEGORICAL[label]):
            raise ValueError(f"num_classes must be {CATEGORICAL[label]} for label={label}, or 0, got {num_classes}")
        if not 0 <= texture <= 1:
            raise ValueError(f"texture must be in [0, 1], got {texture}")
        self.resolution, self.num_images, self.seed, self.texture = resolution, num_images, seed, texture
        self.label, self.num_classes = label, num_classes

    def __len__(self) -> int:
        return self.num_images

    @cached_property
    def attributes(self) -> dict[str, Tensor]:
        """Name, as in ATTRIBUTE_SCALE -> (num_images,)."""
        return sample_attributes(self.seed, torch.arange(self.num_images))

    @property
    def labels(self) -> Tensor | None:
        """The attribute called `label`, int64 (num_images,); None without classes."""
        return self.attributes[self.label] if self.num_classes else None

    @cached_property
    def levels(self) -> list[Tensor]:
        return pyramid(self.images)

    @cached_property
    def images(self) -> Tensor:
        """RGB images (num_images, 3, resolution, resolution), uint8 in 0..255, on the CPU."""
        chunk = max(1, PIXELS_PER_CHUNK // max(self.resolution, 64) ** 2)
        images = torch.empty(self.num_images, 3, self.resolution, self.resolution, dtype=torch.uint8)
        for start in range(0, self.num_images, chunk):
            # Always draw a whole chunk, and drop the surplus: a smaller batch might round differently.
            indices = torch.arange(start, start + chunk)
            attributes, detail = sample_attributes(self.seed, indices), sample_detail(self.seed, indices)
            texture = Texture(sample_texture(self.seed, indices), self.texture) if self.texture else SMOOTH
            rendered = render(attributes, detail, texture, self.resolution)
            kept = images[start : start + chunk]
            kept.copy_(rendered[: len(kept)].mul(255).round_())
        return images
