"""Images in classes, in memory as bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.labelled import Arrays, Labelled, Probabilities, stratified_split
from dlcourse.images.figures import new_figure, to_image, verbatim

SHOWN = 16


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
        captions = [
            f"{truth}, not {guess}" if truth != guess else truth for truth, guess in zip(truths, guesses, strict=True)
        ]
        return {"hardest": captioned(inputs[hardest], captions)}


def captioned(images: Tensor, captions: Sequence[str]) -> Tensor:
    """Images uint8 (N, C, H, W), C = 1 or 3, in rows of four with a caption each: (1, 3, H', W') in [0, 1]."""
    figure = new_figure(6, 1.7 * ((len(images) + 3) // 4))
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        axes = figure.add_subplot((len(images) + 3) // 4, 4, index + 1)
        axes.imshow(image.permute(1, 2, 0).expand(-1, -1, 3).cpu().numpy(), interpolation="nearest")
        axes.set_title(verbatim(caption), fontsize=7)
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    return to_image(figure)
