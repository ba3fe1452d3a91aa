"""What classification learns from."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlcourse.files.terminal import printable

MAX_CLASSES = 1000  # of data that a user brings
Arrays = tuple[Tensor, Tensor]  # inputs (N, ...), labels int64 (N,)
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
        """Images (N, 3, H, W) in [0, 1] of what a classifier makes of the data, by name."""
        return {}


def stratified_split(
    labels: Tensor, share: float, seed: int, classes: Sequence[str] = (), equals: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Indices of the rest and of `share` of the samples, each class divided alike, each in ascending order.

    Args:
        labels: int64 (N,).
        share: in (0, 1).
        seed: of the choice.
        classes: a name for each label, for the message.
        equals: for each sample the first one that equals it, int64 (N,), see `first_equals`; equal samples stay
            together, in the part that the first goes to.

    Raises:
        ValueError: a share outside (0, 1), or a class that is too small to be in both parts.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of the samples must be in (0, 1), got {share}")
    generator = torch.Generator().manual_seed(seed)
    places = torch.arange(len(labels))
    equals = places if equals is None else equals
    is_chosen = torch.zeros(len(labels), dtype=torch.bool)
    first = places[equals == places]
    first = first[labels[first].argsort(stable=True)]  # class by class
    values, counts = labels[first].unique_consecutive(return_counts=True)
    for label, members in zip(values.tolist(), first.split(counts.tolist()), strict=True):
        if len(members) < 2:
            name = printable(classes[label]) if classes else label
            raise ValueError(
                f"class {name} has {len(members)} sample{' that differs' if (labels == label).sum() > 1 else ''}; "
                "at least 2 are needed to divide it"
            )
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        is_chosen[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    is_chosen = is_chosen[equals]
    return places[~is_chosen], places[is_chosen]


def first_equals(inputs: Tensor) -> Tensor:
    """For each sample of (N, ...), on the CPU, the index of the first one that equals it: int64 (N,)."""
    first: dict[bytes, int] = {}
    return torch.tensor([first.setdefault(key, index) for index, key in enumerate(digests(inputs))], dtype=torch.int64)


def digests(inputs: Tensor) -> list[bytes]:
    """For each sample of (N, ...), on the CPU, a hash of its values."""
    return [hashlib.blake2b(sample, digest_size=16).digest() for sample in inputs.contiguous().numpy()]
