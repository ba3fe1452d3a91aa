"""The features of the real images, kept on disk. Letters: N images, F features."""

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from dlcourse.files import torch_file
from dlcourse.files.terminal import say
from dlcourse.stylegan.metrics.extractors import Extractor


class Images(Protocol):
    """A data set for StyleGAN."""

    resolution: int

    @property
    def levels(self) -> list[Tensor]:
        """(N, 3, r, r), uint8, on the CPU, of r = R, R / 2, ..., 4."""


class Reals(NamedTuple):
    """Features (N, F) of two disjoint sets of real images: fakes are compared with the first one."""

    reference: Tensor
    others: Tensor


def real_features(
    dataset: Images, extractor: Extractor, count: int, seed: int, batch_size: int, cache: str | None
) -> Reals:
    """Features of twice `count` images, or of all if there are fewer, chosen by the seed and divided in halves.

    Args:
        dataset: where they come from.
        extractor: what they are compared by.
        count: wanted in each half.
        seed: of the choice.
        batch_size: images at a time.
        cache: folder of files named by the hash of the chosen images and of the extractor; None keeps nothing.

    Raises:
        ValueError: fewer than 8 images.
    """
    chosen = choose(len(dataset.levels[0]), count, seed)
    path = None if cache is None else Path(cache, f"{extractor.tag}_{key_of(dataset, extractor, chosen)}.pt")
    if path is not None and path.is_file():
        try:
            return read_reals(path)
        except (OSError, ValueError) as error:
            say(f"{path}: cannot be read and is made anew ({error})", file=sys.stderr)
    reals = measure(dataset.levels[0], extractor, chosen, batch_size)
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch_file.save(list(reals), path)
        except OSError as error:
            say(f"{error}; the features of real images are not kept", file=sys.stderr)
    return reals


def read_reals(path: Path) -> Reals:
    """The features in a file of `real_features`.

    Raises:
        OSError, ValueError: not such a file.
    """
    content = torch_file.load(path)
    parts = [part for part in content if isinstance(part, Tensor) and part.ndim == 2] if type(content) is list else []
    if len(parts) != 2 or parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError("not two sets of features")
    if not all(part.is_floating_point() and part.isfinite().all() for part in parts):
        raise ValueError("features that are no finite numbers")
    return Reals(*parts)


def choose(num_images: int, count: int, seed: int) -> Tensor:
    """The numbers of twice `count` images, or of an even number of all."""
    if num_images < 8:
        raise ValueError(f"metrics need at least 8 real images, got {num_images}")
    half = min(count, num_images // 2)
    return torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))[: 2 * half]


def key_of(dataset: Images, extractor: Extractor, chosen: Tensor) -> str:
    """A hash of what features depend on; of the images a level of at most 64 pixels tells them apart."""
    small = next(level for level in dataset.levels if level.shape[2] <= 64)[chosen]
    content = hashlib.sha256(f"{extractor.fingerprint()} {dataset.resolution}".encode())
    content.update(small.contiguous().numpy().data)
    return content.hexdigest()[:24]


def measure(images: Tensor, extractor: Extractor, chosen: Tensor, batch_size: int) -> Reals:
    """Features of two disjoint sets of images, on the CPU."""
    device = next(extractor.parameters()).device
    chunks = [extractor(images[rows].to(device).float() / 255).cpu() for rows in chosen.split(batch_size)]
    reference, others = torch.cat(chunks).chunk(2)
    return Reals(reference.clone(), others.clone())
