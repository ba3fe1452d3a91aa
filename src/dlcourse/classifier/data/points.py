"""Coloured points in the plane."""

import torch
from torch import Generator, Tensor

from dlcourse.classifier.data.labelled import Labelled, Probabilities
from dlcourse.classifier.data.patterns import Pattern
from dlcourse.classifier.decision_map import decision_map


class PlanePoints(Labelled):
    """Points of the plane, wherever they come from: inputs float (N, 2).

    Args:
        input_noise_std: standard deviation of the Gaussian noise on every training batch, in units of each coordinate's
            standard deviation; 0 is none (Bishop 1995: equivalent to Tikhonov regularization).

    Raises:
        ValueError: a negative input_noise_std.
    """

    def __init__(self, input_noise_std: float):
        if input_noise_std < 0:
            raise ValueError(f"input_noise_std must be at least 0, got {input_noise_std}")
        self.input_noise_std = input_noise_std

    def augment(self, inputs: Tensor) -> Tensor:
        """The batch with fresh Gaussian noise."""
        if self.input_noise_std == 0:
            return inputs
        return inputs + self.input_noise_std * inputs.std(0) * torch.randn_like(inputs)

    def visualize(self, probabilities: Probabilities) -> dict[str, Tensor]:
        """The decision map: how probable each class is, all over the plane."""
        return {"decision_map": decision_map(probabilities, *self.train, self.classes)}


class Points(PlanePoints):
    """Points of a pattern; the three sets come from the same distribution, from one seed.

    Args:
        pattern: draws them; see `dlcourse.classifier.data.patterns`.
        num_train, num_dev, num_test: points per set, >= 1.
        input_noise_std: as in `PlanePoints`.
        seed: of the points.

    Raises:
        ValueError: a count below 1, a negative input_noise_std.
    """

    def __init__(
        self, pattern: Pattern, num_train: int, num_dev: int, num_test: int, input_noise_std: float, seed: int
    ):
        super().__init__(input_noise_std)
        for name, count in {"num_train": num_train, "num_dev": num_dev, "num_test": num_test}.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        self.classes = pattern.classes
        generator = Generator().manual_seed(seed)
        inputs, labels, _ = pattern(num_train, generator)
        self.train = inputs, labels
        inputs, labels, _ = pattern(num_dev, generator)
        self.dev = inputs, labels
        inputs, _, clean = pattern(num_test, generator)
        self.test = inputs, clean
