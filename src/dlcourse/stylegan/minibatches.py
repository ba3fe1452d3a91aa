"""The minibatches of a training: reals from the data set, latents for the fakes. N images of r x r pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.datasets.batches import BatchStream
from dlcourse.engine import distributed
from dlcourse.engine.profiling import span
from dlcourse.stylegan.growth import Phase, fade_reals
from dlcourse.stylegan.latents import Latents, draw_latents
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.layers import fitting_group_size

Reals = tuple[Tensor, Tensor | None]  # images (N, 3, r, r) in [-1, 1], one-hot labels (N, num_classes)


class ImageDataset(Protocol):
    """A data set that StyleGAN learns from, and is measured against."""

    resolution: int
    num_classes: int  # 0: without labels

    @property
    def levels(self) -> list[Tensor]:
        """uint8 (N, 3, r, r) on the CPU, r = resolution, resolution / 2, ..., 4."""

    @property
    def labels(self) -> Tensor | None:
        """Class numbers, int64 (N,); None for networks without classes."""


@dataclass(eq=False, repr=False)
class Minibatches:
    """Reals and latents of each minibatch, divided into equal parts.

    All processes draw the same minibatch and take their share of it, so that their number does not change the result.
    """

    dataset: ImageDataset
    generator: Generator  # what the latents are for; images and latents go to its device
    parts: int  # into which this process's share is divided, >= 1
    group_size: int  # of the minibatch standard deviation, see `split_minibatch`
    style_mixing_prob: float  # see `draw_latents`
    mirror_augment: bool  # whether reals are flipped left-right with probability 1/2
    batch_sizes: Sequence[int]  # all that will be asked for; ValueError if one cannot be divided
    seed: int  # of the order of the reals

    def __post_init__(self) -> None:
        self.device = self.generator.w_avg.device
        for batch_size in self.batch_sizes:
            check_divisible(batch_size, self.parts * distributed.world_size())
        # no size of its own: `reals` takes as many as the phase asks for
        self.stream = BatchStream((torch.arange(len(self.dataset.levels[0])),), None, self.seed)

    @property
    def images_seen(self) -> int:
        """Reals given out so far, by all processes."""
        return self.stream.samples_seen

    def reals(self, phase: Phase) -> list[Reals]:
        """This process's parts of the next reals."""
        with span("data"):
            (chosen,) = self.stream.take(phase.batch_size)
            mirrored = torch.rand(len(chosen)) < 0.5 * self.mirror_augment
            pairs = zip(self.own_parts(chosen), self.own_parts(mirrored), strict=True)
            return [self.read(*pair, phase) for pair in pairs]

    def read(self, chosen: Tensor, mirrored: Tensor, phase: Phase) -> Reals:
        """The images with these indices (N,) at a level of detail, mirrored where `mirrored` (N,), and their labels."""
        level, _ = phase.stage
        images = self.dataset.levels[level][chosen].to(self.device).float() / 127.5 - 1
        images = torch.where(mirrored.to(self.device)[:, None, None, None], images.flip(3), images)
        return fade_reals(images, phase.lod - level), self.one_hot(chosen)

    def one_hot(self, chosen: Tensor) -> Tensor | None:
        """The labels of the images with these indices, (N, num_classes), or None for a data set without classes."""
        labels = self.dataset.labels
        if labels is None:
            return None
        return F.one_hot(labels[chosen], self.generator.num_classes).float().to(self.device)

    def latents(self, phase: Phase) -> list[Latents]:
        """This process's parts of new latents; their labels are drawn from those of the data set."""
        with span("data"):
            labels = self.one_hot(torch.randint(self.stream.num_samples, (phase.batch_size,)))
            whole = draw_latents(self.generator, phase.batch_size, labels, phase.lod, self.style_mixing_prob)
            own_labels = [None] * self.parts if labels is None else self.own_parts(labels)
            own_noise = map(list, zip(*(self.own_parts(layer) for layer in whole.noise), strict=True))
            parts = zip(self.own_parts(whole.z), own_labels, own_noise, strict=True)
            return [Latents(*part, whole.crossover) for part in parts]

    def own_parts(self, batch: Tensor) -> list[Tensor]:
        """This process's parts of a minibatch."""
        parts = split_minibatch(batch, self.parts * distributed.world_size(), self.group_size)
        return parts[distributed.rank() * self.parts :][: self.parts]


def split_minibatch(batch: Tensor, parts: int, group_size: int) -> list[Tensor]:
    """Divide a minibatch into equal parts that hold whole groups of the minibatch standard deviation.

    That layer puts i, i + M, i + 2M, ... of N images into one group (M groups). So scores, losses and gradients are
    those of the undivided minibatch where `group_size` divides N / parts; elsewhere the groups are smaller.
    ValueError if `parts` does not divide N.
    """
    check_divisible(len(batch), parts)
    share = len(batch) // parts
    group_size = fitting_group_size(share, group_size)
    groups = batch.unflatten(0, (group_size, parts, share // group_size))
    return [part.flatten(0, 1) for part in groups.unbind(1)]


def check_divisible(batch_size: int, parts: int) -> None:
    if batch_size % parts:
        raise ValueError(f"a minibatch of {batch_size} images cannot be divided into {parts} equal parts")
