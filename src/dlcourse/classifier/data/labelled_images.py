"""Images in classes, in memory as bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.labelled import Arrays, Labelled, Probabilities, stratified_split
from dlcourse.files.terminal import printable
from dlcourse.images.tables import labelled_grid
from dlcourse.images.tensors import to_tensor

SHOWN = 16
COLUMNS = 4


class LabelledImages(Labelled):
    """Images whose dev and test sets, where there are none yet, are split off the training set, each class alike.

    Args:
        train: images uint8 (N, C, H, W) and labels int64 (N,).
        test: likewise, or a share in (0, 1) to be split off `train`.
        classes: a name for each label.
        dev: likewise, or a share in (0, 1) to be split off `train`, after the test set was.
        augment: how training batches are varied.
        seed: of the splits.

    Raises:
        ValueError: a share outside (0, 1), or a class with too few images.
    """

    def __init__(
        self,
        train: Arrays,
        test: Arrays | float,
        classes: Sequence[str],
        dev: Arrays | float,
        augment: FlipRotateCrop,
        seed: int,
    ):
        self.classes = classes
        self.vary = augment
        if isinstance(test, float):
            train, test = self.split(train, test, seed)
        if isinstance(dev, float):
            train, dev = self.split(train, dev, seed)
        self.train, self.dev, self.test = train, dev, test

    def split(self, arrays: Arrays, share: float, seed: int) -> tuple[Arrays, Arrays]:
        """The rest and `share` of the samples."""
        inputs, labels = arrays
        rest, chosen = stratified_split(labels, share, seed, self.classes, self.equals(inputs))
        return (inputs[rest], labels[rest]), (inputs[chosen], labels[chosen])

    def equals(self, inputs: Tensor) -> Tensor | None:
        """For each sample the first one that it must stay with, int64 (N,); None: each may go where it will."""
        return None

    def augment(self, inputs: Tensor) -> Tensor:
        """Each image flipped, turned or cropped at random."""
        return self.vary(inputs)

    def visualize(self, probabilities: Probabilities) -> dict[str, Tensor]:
        """The dev images that the classifier finds hardest, with the truth and what it thinks instead."""
        inputs, labels = self.dev
        chances = torch.cat([probabilities(batch).cpu() for batch in inputs.split(512)])
        hardest = chances.gather(1, labels[:, None])[:, 0].argsort()[:SHOWN]
        truths = [self.classes[label] for label in labels[hardest].tolist()]
        guesses = [self.classes[label] for label in chances[hardest].argmax(1).tolist()]
        pairs = zip(truths, guesses, strict=True)
        captions = [printable(f"{truth}, not {guess}" if truth != guess else truth) for truth, guess in pairs]
        images = inputs[hardest].cpu().expand(-1, 3, -1, -1) / 255
        return {"hardest": to_tensor(labelled_grid(images, captions, min(COLUMNS, len(images))))[None]}
