"""Images of a generator, their points and their features, all addressed by seeds.

Letters: N images, L layers, F features.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dlcourse.nn.attribute_network import AttributeNetwork
from dlcourse.stylegan.metrics.disentanglement import Look, color_histograms
from dlcourse.stylegan.metrics.extractors import Extractor
from dlcourse.stylegan.networks.generator import Generator, truncate
from dlcourse.stylegan.networks.synthesis import Noise
from dlcourse.stylegan.sampling.seeds import latents
from dlcourse.stylegan.sampling.synthesizer import check_finite, seeded_noise, to_unit

LABEL_SEED = 2**20  # what is added to an image's seed to draw its class


@dataclass(frozen=True)
class Fakes:
    """The images of seeds, measured in batches, with bounded memory.

    Args:
        generator: in any mode; it is not changed.
        extractor: on the same device.
        truncation_psi: of the styles.
        batch_size: images at a time.
        lod: level of detail, while the generator grows.
    """

    generator: Generator
    extractor: Extractor
    truncation_psi: float
    batch_size: int
    lod: float

    def in_double_precision(self) -> "Fakes":
        """Copies of both networks in float64, on the CPU if the device has none.

        On a step of 1e-4 float32 may round as much as features change: it made the path lengths of a barely trained
        generator up to 70 % too long.
        """
        device = torch.device("cpu") if self.generator.w_avg.device.type == "mps" else self.generator.w_avg.device
        generator = copy.deepcopy(self.generator).to(device, torch.float64).to(memory_format=torch.contiguous_format)
        extractor = copy.deepcopy(self.extractor).to(device, torch.float64)
        return replace(self, generator=generator, extractor=extractor)

    def batches(self, seeds: range) -> Iterator[range]:
        """The seeds in batches."""
        return (seeds[start : start + self.batch_size] for start in range(0, len(seeds), self.batch_size))

    def z(self, seeds: range) -> Tensor:
        """(N, z_dim)."""
        return latents(seeds, self.generator.z_dim).to(self.generator.w_avg)

    def labels(self, seeds: range) -> Tensor | None:
        """One-hot classes (N, num_classes), each as likely as the others; None for a generator without classes."""
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
        """Truncated, one per layer, (N, w_dim) -> (N, L, w_dim)."""
        whole = w[:, None].expand(-1, self.generator.num_layers, -1)
        return truncate(whole, self.generator.w_avg, self.truncation_psi, None)

    def images(self, styles: Tensor, noise: Noise = "const") -> Tensor:
        """Images of 256 grey levels, in [0, 1], (N, L, w_dim) -> (N, 3, R, R)."""
        images = self.generator.synthesis(styles, noise, self.lod).float()
        check_finite(images)
        return (to_unit(images) * 255).round() / 255

    def noise(self, seeds: range) -> list[Tensor]:
        """The noise of each seed, L tensors (N, 1, r, r)."""
        return [torch.cat(layer) for layer in zip(*(seeded_noise(self.generator, seed) for seed in seeds), strict=True)]

    def features(self, w: Tensor, seeds: range) -> Tensor:
        """Of the images of w, each with the noise of its seed, (N, w_dim) -> (N, F)."""
        styles = self.styles(w)
        parts = zip(styles.split(self.batch_size), self.batches(seeds), strict=True)
        return torch.cat([self.extractor(self.images(part, self.noise(numbers))) for part, numbers in parts])

    def look(self, styles: Tensor, network: AttributeNetwork) -> Look:
        """At images with the generator's own noise, (N, L, w_dim)."""
        features, colors = [], []
        for part in styles.split(self.batch_size):
            images = self.images(part)
            features.append(self.extractor(images))
            colors.append(color_histograms(images))
        return Look(network.read(torch.cat(features)), torch.cat(colors))
