"""The data sets of classification: labelled samples in memory."""

import hashlib
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from PIL import Image
from torch import Tensor

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.errors import check_at_least, check_fraction
from dlcourse.files.terminal import printable
from dlcourse.images.tables import labelled_grid, under

SHOWN, COLUMNS = 16, 4  # of the hardest images
MAX_CLASSES = 1000  # of the user's own data
Arrays = tuple[Tensor, Tensor]  # inputs (N, ...), labels int64 (N,)
Probabilities = Callable[[Tensor], Tensor]  # inputs (N, ...) -> (N, C), rows sum to 1


class Labelled:
    """Three sets of labelled samples in memory."""

    train: Arrays  # for the updates; augmented anew for every batch
    dev: Arrays  # for early stopping, plateau schedules and the choice of hyperparameters
    test: Arrays  # for the measurement at the end; without the label noise that a data set may add to the others
    classes: Sequence[str]  # a name for each label
    example: ClassVar[str] = "PHOTO.jpg"  # what dlcourse predict may be given

    def augment(self, inputs: Tensor) -> Tensor:
        """Vary a training batch at random; by default not at all."""
        return inputs

    def visualize(self, probabilities: Probabilities) -> dict[str, Image.Image]:
        """Images of a classifier's predictions, by name."""
        return {}


class OneBatch(Labelled):
    """A few training samples of a data set, without augmentation, which are its dev and test sets, too.

    A network that cannot learn them by heart has a mistake. They are spread over the training set, which is often in
    the order of its classes; `num_samples` >= 1, at most all.
    """

    def __init__(self, dataset: Labelled, num_samples: int):
        check_at_least(1, overfit=num_samples)
        inputs, labels = dataset.train
        chosen = torch.linspace(0, len(labels) - 1, min(num_samples, len(labels))).long()
        self.train = self.dev = self.test = inputs[chosen], labels[chosen]
        dataset.train = dataset.dev = self.train  # which its `visualize` shows
        self.classes, self.visualize = dataset.classes, dataset.visualize  # type: ignore[method-assign]


class LabelledImages(Labelled):
    """Images; dev and test sets that are given as shares are split off the training set, by the same share per class.

    Args:
        train: images uint8 (N, C, H, W) and labels int64 (N,).
        test: the same, or a share in (0, 1) to be split off `train`.
        classes: a name for each label.
        dev: the same, or a share in (0, 1) of what is left of `train` without the test set.
        augment: variation of the training batches.
        seed: of the splits.
        copies_together: whether equal images are split off together.
    """

    def __init__(
        self,
        train: Arrays,
        test: Arrays | float,
        classes: Sequence[str],
        dev: Arrays | float,
        augment: FlipRotateCrop,
        seed: int,
        copies_together: bool = False,
    ):
        self.classes, self.vary, self.copies_together = classes, augment, copies_together
        if not isinstance(test, tuple):
            check_fraction(test_fraction=test)
            train, test = self.split(train, test, seed)
        if not isinstance(dev, tuple):
            check_fraction(dev_fraction=dev)
            train, dev = self.split(train, dev, seed)
        self.train, self.dev, self.test = train, dev, test

    def split(self, arrays: Arrays, share: float, seed: int) -> tuple[Arrays, Arrays]:
        """Divide the samples into the rest and `share` of them."""
        inputs, labels = arrays
        equals = first_equals(inputs) if self.copies_together else None
        rest, chosen = stratified_split(labels, share, seed, self.classes, equals)
        return (inputs[rest], labels[rest]), (inputs[chosen], labels[chosen])

    def augment(self, inputs: Tensor) -> Tensor:
        return self.vary(inputs)

    def visualize(self, probabilities: Probabilities) -> dict[str, Image.Image]:
        """The dev images whose true class has the lowest probability, with the true and the predicted class."""
        inputs, labels = self.dev
        chances = torch.cat([probabilities(batch).cpu() for batch in inputs.split(512)])
        hardest = chances.gather(1, labels[:, None])[:, 0].argsort()[:SHOWN]
        sure, guesses = chances[hardest].max(1)
        named = lambda labels: [printable(self.classes[label]) for label in labels.tolist()]
        rows = zip(named(labels[hardest]), named(guesses), sure.tolist(), strict=True)
        captions = [f"true: {truth}\npredicted: {guess}, {chance:.2f}" for truth, guess, chance in rows]
        images = inputs[hardest].cpu().expand(-1, 3, -1, -1) / 255
        grid = labelled_grid(images, captions, min(COLUMNS, len(images)), least=128)
        return {"hardest": under("The dev images whose true class is the least probable", grid)}


def stratified_split(
    labels: Tensor, share: float, seed: int, classes: Sequence[str] = (), equals: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Indices, in ascending order, of the rest and of `share` of the samples, with the same share of every class.

    `classes` are the names of the labels, for messages. `equals` is `first_equals` of the samples, if equal samples are
    to stay together. ValueError for a share outside (0, 1), or a class that is too small for both parts.

    Shape: labels and equals int64 (N,).
    """
    check_fraction(share=share)
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
    """For each sample of (N, ...), on the CPU, the index of the first sample that equals it: int64 (N,)."""
    first: dict[bytes, int] = {}
    return torch.tensor([first.setdefault(key, index) for index, key in enumerate(digests(inputs))], dtype=torch.int64)


def digests(inputs: Tensor) -> list[bytes]:
    """For each sample of (N, ...), on the CPU, a hash of its values."""
    return [hashlib.blake2b(sample, digest_size=16).digest() for sample in inputs.contiguous().numpy()]
