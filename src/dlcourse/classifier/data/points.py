"""Labelled points in the plane, drawn from a pattern: a distribution of (point, class)."""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from PIL import Image
from torch import Generator, Tensor

from dlcourse.classifier.data.labelled import Labelled, Probabilities
from dlcourse.classifier.decision_map import decision_map
from dlcourse.errors import check_at_least, check_below_1

Draw = tuple[Tensor, Tensor, Tensor]  # points, labels, labels without noise


class PlanePoints(Labelled):
    """Points of the plane from any source: inputs float (N, 2).

    `input_noise_std` >= 0 is the standard deviation of the Gaussian noise on every training batch, in units of each
    coordinate's standard deviation (Bishop 1995: equivalent to Tikhonov regularization).
    """

    example = "0.3,0.7"

    def __init__(self, input_noise_std: float):
        check_at_least(0, input_noise_std=input_noise_std)
        self.input_noise_std = input_noise_std

    def augment(self, inputs: Tensor) -> Tensor:
        """The batch with fresh Gaussian noise."""
        if self.input_noise_std == 0:
            return inputs
        return inputs + self.input_noise_std * inputs.std(0) * torch.randn_like(inputs)

    def visualize(self, probabilities: Probabilities) -> dict[str, Image.Image]:
        """The decision map: the probability of each class, all over the plane."""
        inputs, labels = self.train
        note = f"points: the training set ({len(labels)})"
        return {"decision_map": decision_map(probabilities, inputs, labels, self.classes, note)}


class Points(PlanePoints):
    """Three sets of points from one pattern, one of the classes below, and one seed."""

    def __init__(
        self, pattern: "Pattern", num_train: int, num_dev: int, num_test: int, input_noise_std: float, seed: int
    ):
        super().__init__(input_noise_std)
        check_at_least(1, num_train=num_train, num_dev=num_dev, num_test=num_test)
        self.classes = pattern.classes
        generator = Generator().manual_seed(seed)
        self.train = pattern(num_train, generator)[:2]
        self.dev = pattern(num_dev, generator)[:2]
        inputs, _, clean_labels = pattern(num_test, generator)
        self.test = inputs, clean_labels


class Pattern(Protocol):
    """A distribution of labelled points in the plane."""

    classes: ClassVar[tuple[str, ...]]

    def __call__(self, count: int, generator: Generator) -> Draw:
        """Draw points (N, 2), labels with noise, and labels without, both int64 (N,)."""


class ThreeColors:
    """The unit square: 0 above sqrt(x), 1 between x^2 and sqrt(x), 2 below x^2. Each class has a third of the area."""

    classes: ClassVar[tuple[str, ...]] = ("y > sqrt(x)", "between", "y < x^2")

    def __call__(self, count: int, generator: Generator) -> Draw:
        points = torch.rand(count, 2, generator=generator)
        x, y = points.unbind(1)
        labels = (y <= x.sqrt()).long() + (y < x.square()).long()
        return points, labels, labels


class Rings:
    """Two rings about the origin that touch, half of the points each: class 0 in radii [5, 6], class 1 in [6, 7]."""

    classes: ClassVar[tuple[str, ...]] = ("inner ring", "outer ring")

    def __call__(self, count: int, generator: Generator) -> Draw:
        labels = torch.arange(count) % 2
        angle = 2 * math.pi * torch.rand(count, generator=generator)
        radius = 5 + labels + torch.rand(count, generator=generator)
        points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
        return points, labels, labels


@dataclass(frozen=True)
class NoisyLine:
    """The unit square, class 1 where x1 > x2; above that line, a share `noise` of all points has the wrong label 1.

    Those lie in the parallelogram x1 in [0, 1/2], x2 - x1 in [0, 1/2], a quarter of the area. There
    P(label 1) = noise / (noise + (1 - noise) / 4): the line is the best rule as long as noise < 1/5.
    """

    noise: float
    classes: ClassVar[tuple[str, ...]] = ("x1 ≤ x2", "x1 > x2")

    def __post_init__(self) -> None:
        check_below_1(noise=self.noise)

    def __call__(self, count: int, generator: Generator) -> Draw:
        num_noise = round(self.noise * count)
        points = torch.rand(count, 2, generator=generator)
        points[:num_noise, 0] /= 2
        points[:num_noise, 1] = points[:num_noise, 0] + points[:num_noise, 1] / 2
        clean = (points[:, 0] > points[:, 1]).long()
        labels = clean.clone()
        labels[:num_noise] = 1
        return points, labels, clean


@dataclass(frozen=True)
class Flower:
    """Six petals, outlines of ellipses of 40 x 20 that reach 5 to 45 from the centre; a share `noise` is mislabelled.

    Petals 0, 1 and 3 (counted anticlockwise from the right) are class 1, the others class 0.
    """

    noise: float
    classes: ClassVar[tuple[str, ...]] = ("petals 2, 4, 5", "petals 0, 1, 3")

    def __post_init__(self) -> None:
        check_below_1(noise=self.noise)

    def __call__(self, count: int, generator: Generator) -> Draw:
        petal = torch.arange(count) % 6
        along = 2 * math.pi * torch.rand(count, generator=generator)
        x, y = 25 + 20 * along.cos(), 10 * along.sin()
        turn = petal * math.pi / 3
        points = torch.stack([x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()], 1)
        clean = torch.tensor([1, 1, 0, 1, 0, 0])[petal]
        flipped = torch.randperm(count, generator=generator)[: round(self.noise * count)]
        labels = clean.clone()
        labels[flipped] = 1 - labels[flipped]
        return points, labels, clean
