"""Fakes and reals for the metrics. Letters: N images, F features."""

import copy
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dlcourse.files import torch_file
from dlcourse.files.terminal import say
from dlcourse.nn.attribute_network import AttributeNetwork
from dlcourse.stylegan.metrics.disentanglement import Look, color_histograms
from dlcourse.stylegan.metrics.extractors import Extractor
from dlcourse.stylegan.minibatches import ImageDataset
from dlcourse.stylegan.networks.generator import Generator, truncate
from dlcourse.stylegan.networks.synthesis import Noise
from dlcourse.stylegan.sampling.seeds import draw_z
from dlcourse.stylegan.sampling.synthesizer import check_images_finite, joined, seeded_noise, to_unit

LABEL_SEED = 2**20  # added to an image's seed to draw its class
CROSSOVER_SEED = 2**21  # the same for the layer from which another latent gives the style


@dataclass(frozen=True)
class Fakes:
    """A generator's images of seeds, computed in batches of `batch_size`. Letters: L layers, R resolution."""

    generator: Generator
    extractor: Extractor
    truncation_psi: float
    batch_size: int
    lod: float

    def in_double_precision(self) -> "Fakes":
        """The same with copies of both networks in float64, on the CPU if the device has no float64.

        The rounding of float32 may be as large as the change of features on a step of 1e-4: it made the path lengths of
        a barely trained generator up to 70 % too long.
        """
        device = torch.device("cpu") if self.generator.w_avg.device.type == "mps" else self.generator.w_avg.device
        generator = copy.deepcopy(self.generator).to(device, torch.float64).to(memory_format=torch.contiguous_format)
        extractor = copy.deepcopy(self.extractor).to(device, torch.float64)
        return replace(self, generator=generator, extractor=extractor)

    def batches(self, seeds: range) -> Iterator[range]:
        return (seeds[start : start + self.batch_size] for start in range(0, len(seeds), self.batch_size))

    def z(self, seeds: range) -> Tensor:
        """z of each seed, (N, z_dim)."""
        return draw_z(seeds, self.generator.z_dim).to(self.generator.w_avg)

    def labels(self, seeds: range) -> Tensor | None:
        """A random class for each seed, one-hot (N, num_classes); None for a generator without classes."""
        size = self.generator.num_classes
        if size == 0:
            return None
        sources = [torch.Generator().manual_seed(LABEL_SEED + seed) for seed in seeds]
        numbers = torch.cat([torch.randint(size, (1,), generator=source) for source in sources])
        return torch.eye(size)[numbers].to(self.generator.w_avg)

    def w(self, seeds: range) -> Tensor:
        """w = f(z) before truncation, (N, w_dim)."""
        return torch.cat([self.generator.mapping(self.z(part), self.labels(part)) for part in self.batches(seeds)])

    def styles(self, w: Tensor) -> Tensor:
        """Truncated styles, (N, w_dim) -> (N, L, w_dim)."""
        return truncate(self.generator.broadcast(w), self.generator.w_avg, self.truncation_psi, None)

    def mixed_styles(self, w: Tensor, seeds: range) -> Tensor:
        """Styles of w (N, w_dim) of these seeds up to a random layer, and of N further seeds from there: (N, L, w_dim).

        Truncated; as the generator draws in training, where most images are of two latents.
        """
        layers = self.generator.num_layers
        sources = [torch.Generator().manual_seed(CROSSOVER_SEED + seed) for seed in seeds]
        crossovers = torch.cat([torch.randint(1, layers, (1,), generator=source) for source in sources])
        takes_other = (torch.arange(layers) >= crossovers[:, None]).to(w.device)  # (N, L)
        other = self.w(range(seeds.stop, seeds.stop + len(seeds)))
        return torch.where(takes_other[:, :, None], self.styles(other), self.styles(w))

    def images(self, styles: Tensor, noise: Noise = "const") -> Tensor:
        """Images in [0, 1], rounded to 256 levels, (N, L, w_dim) -> (N, 3, R, R)."""
        images = self.generator.synthesis(styles, noise, self.lod).float()
        check_images_finite(images)
        return (to_unit(images) * 255).round() / 255

    def noise(self, seeds: range) -> list[Tensor]:
        """The noise of each seed, L tensors (N, 1, r, r)."""
        return joined(seeded_noise(self.generator, seed) for seed in seeds)

    def features(self, styles: Tensor, seeds: range) -> Tensor:
        """Features of the images of styles, each with the noise of its seed, (N, L, w_dim) -> (N, F)."""
        parts = zip(styles.split(self.batch_size), self.batches(seeds), strict=True)
        return torch.cat([self.extractor(self.images(part, self.noise(numbers))) for part, numbers in parts])

    def look(self, styles: Tensor, network: AttributeNetwork) -> Look:
        """Attributes and colours of the images of styles (N, L, w_dim), with the stored noise."""
        features, colors = [], []
        for part in styles.split(self.batch_size):
            images = self.images(part)
            features.append(self.extractor(images))
            colors.append(color_histograms(images))
        return Look(network.read(torch.cat(features)), torch.cat(colors))


class Reals(NamedTuple):
    """Features (N, F) of two disjoint sets of real images."""

    reference: Tensor  # what fakes are compared with
    others: Tensor


def real_features(
    dataset: ImageDataset, extractor: Extractor, count: int, seed: int, batch_size: int, cache: str | None
) -> Reals:
    """Features of two sets of `count` images, chosen by the seed, or of two halves of a smaller data set (>= 8).

    `cache` is a folder of files named by the hash of the chosen images and of the extractor; None keeps nothing.
    """
    num_images = len(dataset.levels[0])
    if num_images < 8:
        raise ValueError(f"metrics need at least 8 real images, got {num_images}")
    shuffled = torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))
    chosen = shuffled[: 2 * num_compared(dataset, count)]
    path = None if cache is None else Path(cache, f"{extractor.tag}_{reals_key(dataset, extractor, chosen)}.pt")
    if path is not None and path.is_file():
        try:
            return read_reals(path)
        except (OSError, ValueError) as error:
            say(f"{path}: cannot be read and is made anew ({error})", file=sys.stderr)
    reals = features_in_halves(dataset.levels[0], extractor, chosen, batch_size)
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch_file.save(list(reals), path)
        except OSError as error:
            say(f"{error}; the features of real images are not kept", file=sys.stderr)
    return reals


def num_compared(dataset: ImageDataset, count: int) -> int:
    """The images in each of two sets of reals: `count`, or half of a smaller data set."""
    return min(count, len(dataset.levels[0]) // 2)


def read_reals(path: Path) -> Reals:
    """The features in a file of `real_features`; OSError or ValueError for any other file."""
    content = torch_file.load(path)
    parts = [part for part in content if isinstance(part, Tensor) and part.ndim == 2] if type(content) is list else []
    if len(parts) != 2 or parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError("not two sets of features")
    if not all(part.is_floating_point() and part.isfinite().all() for part in parts):
        raise ValueError("features that are no finite numbers")
    return Reals(*parts)


def reals_key(dataset: ImageDataset, extractor: Extractor, chosen: Tensor) -> str:
    """A hash of the extractor and of the chosen images, scaled down to at most 64 pixels."""
    small = next(level for level in dataset.levels if level.shape[2] <= 64)[chosen]
    content = hashlib.sha256(f"{extractor.fingerprint()} {dataset.resolution}".encode())
    content.update(small.contiguous().numpy().data)
    return content.hexdigest()[:24]


def features_in_halves(images: Tensor, extractor: Extractor, chosen: Tensor, batch_size: int) -> Reals:
    """Features of the chosen images in two halves, on the CPU."""
    device = next(extractor.parameters()).device
    chunks = [extractor(images[rows].to(device).float() / 255).cpu() for rows in chosen.split(batch_size)]
    reference, others = torch.cat(chunks).chunk(2)
    return Reals(reference.clone(), others.clone())
