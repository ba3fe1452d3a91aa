"""A network that predicts many attributes of an image at once."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.nn.cnn import CNN

MAX_RESOLUTION = 1024


class AttributePrediction(NamedTuple):
    """The predicted attributes of N images, by name."""

    values: dict[str, Tensor]  # of the continuous attributes, in their own units: (N,)
    logits: dict[str, Tensor]  # of the categorical attributes: (N, classes)


class AttributeNetwork(nn.Module):
    """A CNN whose last linear layer is divided among the attributes: one number or one logit per class each.

    Args:
        resolution: pixels per side that the CNN sees, up to 1024; other images are resized to it, with antialiasing.
        channels: of the CNN's blocks; the last one is the number of features.
        continuous: name -> [low, high] with low < high.
        categorical: name -> number of classes, at least 2.

    Shape: images (N, 3, H, W) in [0, 1].
    """

    def __init__(
        self, resolution: int, channels: list[int], continuous: dict[str, list[float]], categorical: dict[str, int]
    ):
        super().__init__()
        for name, limits in continuous.items():
            if len(limits) != 2 or not limits[0] < limits[1]:
                raise ValueError(f"continuous.{name} must be [low, high] with low < high, got {limits}")
        for name, classes in categorical.items():
            if classes < 2:
                raise ValueError(f"categorical.{name} must be at least 2 classes, got {classes}")
        if not 1 <= resolution <= MAX_RESOLUTION:
            raise ValueError(f"resolution must be in [1, {MAX_RESOLUTION}], got {resolution}")
        if not continuous and not categorical:
            raise ValueError("continuous and categorical must name at least one attribute")
        self.resolution, self.continuous, self.categorical = resolution, continuous, categorical
        self.sizes = [1] * len(continuous) + list(categorical.values())
        self.cnn = CNN((3, resolution, resolution), sum(self.sizes), channels)

    def forward(self, images: Tensor) -> AttributePrediction:
        return self.read(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """The input of the last layer, (N, 3, H, W) in [0, 1] -> (N, channels[-1])."""
        size = (self.resolution, self.resolution)
        if images.shape[2:] != size:
            images = F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)
        return self.cnn.features(2 * images - 1)

    def read(self, features: Tensor) -> AttributePrediction:
        """The last layer alone: features (N, channels[-1]) -> attributes."""
        parts = self.cnn.classifier(features).float().split(self.sizes, dim=1)
        heads = dict(zip([*self.continuous, *self.categorical], parts, strict=True))
        values = {
            name: (low + high) / 2 + (high - low) / 2 * heads[name][:, 0]
            for name, (low, high) in self.continuous.items()
        }
        return AttributePrediction(values, {name: heads[name] for name in self.categorical})

    def standardized(self, name: str, values: Tensor) -> Tensor:
        """A continuous attribute in units of the standard deviation of the uniform distribution on its range."""
        low, high = self.continuous[name]
        return (values - (low + high) / 2) * (torch.tensor(12.0).sqrt().item() / (high - low))
