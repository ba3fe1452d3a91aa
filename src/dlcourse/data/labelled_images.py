"""Pictures in classes, in memory as bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcourse.data.augmentation import FlipRotateCrop
from dlcourse.data.labelled import Arrays, Labelled, Probabilities, stratified_split
from dlcourse.figures import new_figure, to_image, verbatim

SHOWN = 16


class LabelledImages(Labelled):
    """Pictures whose dev set, and test set if there is none yet, are split off the training set, each class alike.

    Args:
        train: pictures uint8 (N, C, H, W) and labels int64 (N,).
        test: likewise, or a share in (0, 1) to be split off `train`.
        classes: a name for each label.
        dev_share: of the training set, in (0, 1), after the test set was split off.
        augment: how training batches are varied.
        seed: of the splits.

    Raises:
        ValueError: a share outside (0, 1), or a class with too few pictures.
    """

    def __init__(
        self,
        train: Arrays,
        test: Arrays | float,
        classes: Sequence[str],
        dev_share: float,
        augment: FlipRotateCrop,
        seed: int,
    ):
        self.classes = classes
        self.vary = augment
        if isinstance(test, float):
            train, test = split(train, test, seed)
        self.train, self.dev = split(train, dev_share, seed)
        self.test = test

    def augment(self, inputs: Tensor) -> Tensor:
        """Each picture flipped, turned or cropped at random."""
        return self.vary(inputs)

    def visualize(self, probabilities: Probabilities) -> dict[str, Tensor]:
        """The dev pictures that the classifier finds hardest, with the truth and what it thinks instead."""
        inputs, labels = self.dev
        chances = torch.cat([probabilities(batch).cpu() for batch in inputs.split(512)])
        hardest = chances.gather(1, labels[:, None])[:, 0].argsort()[:SHOWN]
        truths = [self.classes[label] for label in labels[hardest].tolist()]
        guesses = [self.classes[label] for label in chances[hardest].argmax(1).tolist()]
        captions = [
            f"{truth}, not {guess}" if truth != guess else truth for truth, guess in zip(truths, guesses, strict=True)
        ]
        return {"hardest": captioned(inputs[hardest], captions)}


def split(arrays: Arrays, share: float, seed: int) -> tuple[Arrays, Arrays]:
    """The rest and `share` of the samples."""
    inputs, labels = arrays
    rest, chosen = stratified_split(labels, share, seed)
    return (inputs[rest], labels[rest]), (inputs[chosen], labels[chosen])


def captioned(images: Tensor, captions: Sequence[str]) -> Tensor:
    """Pictures uint8 (N, C, H, W), C = 1 or 3, in rows of four with a caption each: (1, 3, H', W') in [0, 1]."""
    figure = new_figure(6, 1.7 * ((len(images) + 3) // 4))
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        axes = figure.add_subplot((len(images) + 3) // 4, 4, index + 1)
        axes.imshow(image.permute(1, 2, 0).expand(-1, -1, 3).cpu().numpy(), interpolation="nearest")
        axes.set_title(verbatim(caption), fontsize=7)
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    return to_image(figure)
