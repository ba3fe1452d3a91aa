"""Labelled images that need no preparation: they come with a package, are downloaded, or are drawn."""

from pathlib import Path

import torch
from torch import Tensor

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.labelled import LabelledImages
from dlcourse.datasets.faces.canvas import HAIR_STYLES
from dlcourse.datasets.faces.dataset import CATEGORICAL, Faces
from dlcourse.errors import reason_of

ATTRIBUTE_CLASSES = {
    "glasses": ("no glasses", "glasses"),
    "mouth_open": ("closed", "open"),
    "hair_style": tuple(HAIR_STYLES),
}
DOWNLOADABLE = ("MNIST", "FashionMNIST", "CIFAR10")


class Digits(LabelledImages):
    """Scikit-learn's 1797 handwritten digits of 8 x 8 grey pixels (Alpaydin & Kaynak 1998); see `LabelledImages`."""

    def __init__(self, dev_fraction: float, test_fraction: float, augment: FlipRotateCrop, seed: int):
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise ValueError("the digits come with scikit-learn, which is missing: pip install scikit-learn") from None
        inputs, labels = load_digits(return_X_y=True)
        images = torch.from_numpy(inputs).reshape(-1, 1, 8, 8) * (255 / 16)  # grey values are 0..16 there
        arrays = images.round().to(torch.uint8), torch.from_numpy(labels).long()
        super().__init__(arrays, test_fraction, [str(digit) for digit in range(10)], dev_fraction, augment, seed)


class FaceAttributes(LabelledImages):
    """The procedural faces, with a categorical `attribute` such as glasses as the class; see `LabelledImages`."""

    def __init__(
        self,
        faces: Faces,
        attribute: str,
        dev_fraction: float,
        test_fraction: float,
        augment: FlipRotateCrop,
        seed: int,
    ):
        if attribute not in CATEGORICAL:
            raise ValueError(f"attribute must be one of {', '.join(CATEGORICAL)}, got {attribute!r}")
        classes = ATTRIBUTE_CLASSES.get(attribute, [str(index) for index in range(CATEGORICAL[attribute])])
        arrays = faces.images, faces.attributes[attribute]
        super().__init__(arrays, test_fraction, classes, dev_fraction, augment, seed)


class Torchvision(LabelledImages):
    """MNIST, FashionMNIST or CIFAR10, with its own test set; see `LabelledImages`.

    ValueError if the files are not in the folder `root` and are not to be downloaded, or cannot be.
    """

    def __init__(
        self, name: str, root: str, dev_fraction: float, augment: FlipRotateCrop, seed: int, download: bool = True
    ):
        import torchvision

        if name not in DOWNLOADABLE:
            raise ValueError(f"name must be one of {', '.join(DOWNLOADABLE)}, got {name!r}")
        make = getattr(torchvision.datasets, name)
        try:
            train, test = (make(str(Path(root)), train=is_train, download=download) for is_train in (True, False))
        except (OSError, RuntimeError, AssertionError, ValueError, EOFError) as error:
            why = f"cannot be downloaded ({reason_of(error)})" if download else "is downloaded for new runs only"
            raise ValueError(f"{name} is not in root={root} and {why}") from error
        train_set, test_set = ((as_images(one.data), torch.as_tensor(one.targets)) for one in (train, test))
        super().__init__(train_set, test_set, train.classes, dev_fraction, augment, seed)


def as_images(data: Tensor) -> Tensor:
    """(N, H, W) grey or (N, H, W, C) -> uint8 (N, C, H, W)."""
    images = torch.as_tensor(data)
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
