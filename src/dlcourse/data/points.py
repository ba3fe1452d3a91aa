"""Coloured points in the plane."""

from collections.abc import Callable

import torch
from torch import Tensor

from dlcourse.data.decision_map import decision_map

Arrays = tuple[Tensor, Tensor]  # inputs (N, ...), labels (N,) int64


class ColoredPoints:
    """Points of the unit square in three classes: 0 above sqrt(x), 1 between x^2 and sqrt(x), 2 below x^2.

    Each class has a third of the area. All three sets come from the same distribution, from one seed.

    Args:
        num_train, num_dev, num_test: points per set, >= 1.
        seed: of the points.

    Attributes:
        train, dev, test: (inputs float (N, 2), labels int64 (N,)).

    Raises:
        ValueError: a count below 1.
    """

    classes = ("y > √x", "between", "y < x²")

    def __init__(self, num_train: int, num_dev: int, num_test: int, seed: int):
        counts = {"num_train": num_train, "num_dev": num_dev, "num_test": num_test}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        generator = torch.Generator().manual_seed(seed)
        points = torch.rand(sum(counts.values()), 2, generator=generator)
        labels = three_classes(points)
        inputs_of = points.split(list(counts.values()))
        labels_of = labels.split(list(counts.values()))
        self.train, self.dev, self.test = zip(inputs_of, labels_of, strict=True)

    def visualize(self, predict: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """The decision map: what `predict` (inputs (N, 2) -> classes (N,)) says all over the square."""
        return {"decision_map": decision_map(predict, *self.train, self.classes)}


def three_classes(points: Tensor) -> Tensor:
    """The class of each point, (N, 2) -> int64 (N,)."""
    x, y = points.unbind(1)
    return (y <= x.sqrt()).long() + (y < x.square()).long()
