"""What classification learns from."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlcourse.terminal import printable

Arrays = tuple[Tensor, Tensor]  # inputs (N, ...), labels int64 (N,)
LONGEST = 40  # letters of a class's name
Probabilities = Callable[[Tensor], Tensor]  # inputs (N, ...) -> (N, C), rows sum to 1


class Labelled:
    """Three sets of labelled samples in memory.

    Attributes:
        train: what the updates see; augmented anew for every batch.
        dev: what early stopping, plateaus, and the person at the keyboard decide by.
        test: what is looked at once, at the end. Its labels are free of the noise that a set may add to the others.
        classes: a name for each label.
    """

    train: Arrays
    dev: Arrays
    test: Arrays
    classes: Sequence[str]

    def augment(self, inputs: Tensor) -> Tensor:
        """A training batch as it is varied at random; here: not at all."""
        return inputs

    def visualize(self, probabilities: Probabilities) -> dict[str, Tensor]:
        """Pictures (N, 3, H, W) in [0, 1] of what a classifier makes of the data, by name."""
        return {}


def class_name(text: object) -> str:
    """What a file calls a class, as tables and pictures show it: on one line, and not too long for them."""
    name = printable(text)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."


def stratified_split(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the rest and of `share` of the samples, each class divided alike, each in ascending order.

    Args:
        labels: int64 (N,).
        share: in (0, 1).
        seed: of the choice.

    Raises:
        ValueError: a share outside (0, 1), or a class that is too small to be in both parts.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of the samples must be in (0, 1), got {share}")
    generator = torch.Generator().manual_seed(seed)
    rest, chosen = [], []
    for label in labels.unique().tolist():
        members = torch.nonzero(labels == label)[:, 0]
        if len(members) < 2:
            raise ValueError(f"class {label} has {len(members)} sample; at least 2 are needed to divide it")
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        members = members[torch.randperm(len(members), generator=generator)]
        chosen.append(members[:count])
        rest.append(members[count:])
    return torch.cat(rest).sort().values, torch.cat(chosen).sort().values
