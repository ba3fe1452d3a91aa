"""Neural style transfer: descend on the pixels until features agree (Gatys, Ecker, Bethge 2016)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dlcourse.data import ImagePair
from dlcourse.losses.style import gram, range_penalty
from dlcourse.models.vgg import LAYERS, VGG19
from dlcourse.schedules import Schedule
from dlcourse.tasks.base import Descent, Images, MakeOptimizer, Metrics, Stateful, Task

INITS = ("content", "noise")


class StyleTransfer(Task):
    """L = alpha * L_content + beta * L_style (eq. 7), L_layer summed over weighted layers.

    Args:
        model: features.
        dataset: the two pictures.
        optimizer, scheduler: of the pixels.
        distance: between features (content) or Gram matrices (style) and their target, to a scalar.
        content_layers, style_layers: layer name -> weight within its term.
        content_weight, style_weight: alpha, beta.
        range_weight: of the soft wall around [0, 1].
        init: "content" or "noise": the first picture.
        calibrate: whether the features are first calibrated on the style picture (for untrained weights).

    Raises:
        ValueError: an unknown layer or init, or no layer at all.
    """

    def __init__(
        self,
        model: VGG19,
        dataset: ImagePair,
        optimizer: MakeOptimizer,
        scheduler: Schedule,
        distance: Callable[[Tensor, Tensor], Tensor],
        content_layers: dict[str, float],
        style_layers: dict[str, float],
        content_weight: float,
        style_weight: float,
        range_weight: float,
        init: str,
        calibrate: bool,
    ):
        unknown = [name for name in (*content_layers, *style_layers) if name not in LAYERS]
        if unknown:
            raise ValueError(f"VGG19 has no layer {', '.join(unknown)}; it has {', '.join(LAYERS)}")
        if not content_layers and not style_layers:
            raise ValueError("content_layers and style_layers are both empty: there is nothing to optimise")
        if init not in INITS:
            raise ValueError(f"init must be one of {', '.join(INITS)}, got {init!r}")
        self.model, self.dataset, self.distance = model, dataset, distance
        self.make_optimizer, self.schedule = optimizer, scheduler
        self.content_layers, self.style_layers = content_layers, style_layers
        self.content_weight, self.style_weight, self.range_weight = content_weight, style_weight, range_weight
        self.init, self.calibrate = init, calibrate

    def setup(self, device: torch.device) -> None:
        """Compute the targets once and put the first picture on the easel."""
        content, style = self.dataset.content.to(device), self.dataset.style.to(device)
        self.model.to(device).to(memory_format=torch.channels_last)
        if self.calibrate:
            self.model.calibrate(style, self.content_layers | self.style_layers)
        with torch.no_grad():
            self.content_targets = self.model(content, self.content_layers)
            style_features = self.model(style, self.style_layers)
            self.style_targets = {name: gram(feature) for name, feature in style_features.items()}
        self.canvas = Canvas(content if self.init == "content" else torch.rand_like(content))
        self.descent = Descent(self.canvas.parameters(), self.make_optimizer, self.schedule)

    def step(self) -> Metrics:
        """One update of the picture."""
        terms = self.descent.step(self.losses)
        return {f"train/{name}": value for name, value in terms.items()}

    def losses(self) -> Metrics:
        """The total and its unweighted terms."""
        image = self.canvas.image
        features = self.model(image, self.content_layers | self.style_layers)
        content = sum(
            (
                weight * self.distance(features[name], self.content_targets[name])
                for name, weight in self.content_layers.items()
            ),
            start=image.new_zeros(()),
        )
        style = sum(
            (
                weight * self.distance(gram(features[name]), self.style_targets[name])
                for name, weight in self.style_layers.items()
            ),
            start=image.new_zeros(()),
        )
        outside = range_penalty(image)
        total = self.content_weight * content + self.style_weight * style + self.range_weight * outside
        return {"loss": total, "content": content, "style": style, "range": outside}

    def state(self) -> dict[str, Stateful]:
        """The picture and the optimizer's memory."""
        return {"canvas": self.canvas, "descent": self.descent}

    def visualize(self) -> Images:
        """The picture as it is."""
        return {"picture": self.canvas.image.detach().clamp(0, 1)}


class Canvas(nn.Module):
    """A picture whose pixels are the parameters, (1, 3, H, W)."""

    def __init__(self, image: Tensor):
        super().__init__()
        self.image = nn.Parameter(image.clone(memory_format=torch.contiguous_format))
