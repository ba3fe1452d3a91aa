"""The predictions of a trained classifier, and figures of them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageColor
from torch import Tensor

from dlcourse.classifier.data.points_file import number_or_none
from dlcourse.classifier.data.unlabelled import ImageSamples, Sample
from dlcourse.classifier.decision_map import decision_map
from dlcourse.classifier.trained import TrainedClassifier
from dlcourse.datasets.labels import class_name
from dlcourse.errors import UserError
from dlcourse.files.terminal import printable
from dlcourse.images.tables import labelled_grid, under

MAX_SHOWN = {1: 2000, 3: 60}  # samples in a figure: points, images
FRAME, FRAME_COLOR = 6, "#e69f00"  # of uncertain images, pixels
LONGEST_NAME = 20  # letters of a file's name below its image


class Prediction(NamedTuple):
    """What a classifier says about one input."""

    sample: Sample
    probabilities: Tensor  # (C,)
    label: int  # the class with the highest probability
    second: int  # the class with the next

    def probability(self) -> float:
        return float(self.probabilities[self.label])

    def is_uncertain(self, threshold: float) -> bool:
        """Whether no class has a probability of at least `threshold`."""
        return self.probability() < threshold


def predictions(
    classifier: TrainedClassifier, samples: Iterable[Sample], batch_size: int
) -> Iterator[list[Prediction]]:
    """Classify batch by batch; no more than one batch is in memory. UserError for outputs that are not finite."""
    remaining = iter(samples)
    while batch := list(islice(remaining, batch_size)):
        probabilities = classifier.probabilities(torch.stack([sample.values for sample in batch]))
        is_finite = probabilities.isfinite().all(1)
        if not is_finite.all():
            name = batch[int(is_finite.long().argmin())].name
            raise UserError(
                f"{name}: the classifier's outputs are no finite numbers: its weights are damaged, its training "
                "diverged, or the input is far from all that it was trained on"
            )
        ranked = probabilities.topk(2).indices.tolist()
        yield [
            Prediction(*row, *pair) for row, pair in zip(zip(batch, probabilities, strict=True), ranked, strict=True)
        ]


def classes_of(labels: Iterable[str], classes: Sequence[str]) -> dict[str, int]:
    """Label of a file -> class of this name or number; where no name is a number, the number counts classes from 0."""
    named = {name: index for index, name in enumerate(classes)}
    numbers = {number_or_none(name): index for index, name in enumerate(classes)}
    numbers.pop(None, None)
    numbers = numbers or {index: index for index in range(len(classes))}
    found = {label: named.get(class_name(label), numbers.get(number_or_none(label))) for label in labels}
    return {label: index for label, index in found.items() if index is not None}


def figure(
    shown: Sequence[Prediction], classifier: TrainedClassifier, samples: Any, threshold: float, count: int
) -> Image.Image:
    """The contact sheet of images, or the decision map of points; `shown` are the first of `count` predictions."""
    if len(classifier.shape) == 1:
        return point_map(shown, classifier, count)
    return contact_sheet(shown, samples, classifier.classes, threshold, count)


def point_map(shown: Sequence[Prediction], classifier: TrainedClassifier, count: int) -> Image.Image:
    """The decision map and the points on it, in the colours of the predicted classes."""
    points = torch.stack([one.sample.values for one in shown])
    labels = torch.tensor([one.label for one in shown])
    note = f"{part_of(len(shown), count, 'points')}, coloured by predicted class"
    return decision_map(classifier.probabilities, points, labels, classifier.classes, note, classifier.region)


def contact_sheet(
    shown: Sequence[Prediction], samples: ImageSamples, classes: Sequence[str], threshold: float, count: int
) -> Image.Image:
    """Images in the order given, each with its class, probability and name; uncertain ones in a frame."""
    images = torch.stack([samples.thumbnail(one.sample) for one in shown])
    captions = []
    for image, one in zip(images, shown, strict=True):
        lines = [f"{classes[one.label]}: {one.probability():.2f}"]
        if one.is_uncertain(threshold):
            lines.append(f"or {classes[one.second]}: {one.probabilities[one.second]:.2f}")
            paint_frame(image)
        captions.append("\n".join([*lines, short_name(one.sample.name)]))
    heading = part_of(len(shown), count, "images")
    if any(one.is_uncertain(threshold) for one in shown):
        heading += f"; orange frame: uncertain (highest probability below {threshold:g})"
    grid = labelled_grid(images, captions, columns=min(10, len(images), math.ceil(math.sqrt(1.5 * len(images)))))
    return under(heading, grid, 16)


def part_of(shown: int, count: int, what: str) -> str:
    return f"the first {shown} of {count} {what}" if shown < count else f"{count} {what if count > 1 else what[:-1]}"


def paint_frame(image: Tensor) -> None:
    """Paint the margin of an image (3, H, W) in [0, 1], in place."""
    color = torch.tensor(ImageColor.getrgb(FRAME_COLOR))[:, None, None] / 255
    for edge in (image[:, :FRAME], image[:, -FRAME:], image[:, :, :FRAME], image[:, :, -FRAME:]):
        edge[:] = color


def short_name(path: str) -> str:
    """The end of a path, its middle left out if it is long."""
    name = printable(path.rpartition("/")[2])
    half = (LONGEST_NAME - 3) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"
