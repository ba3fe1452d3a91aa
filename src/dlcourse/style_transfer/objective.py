"""The objective of neural style transfer: content loss, style loss, and penalties on the pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dlcourse.engine.optimization import Metrics
from dlcourse.errors import UserError
from dlcourse.nn.vgg import LAYERS, PIXELS, VGG
from dlcourse.style_transfer.inputs import StyleInputs
from dlcourse.style_transfer.losses import range_penalty, total_variation, weighted


@dataclass(eq=False, repr=False)
class StyleObjective:
    """L = alpha L_content + beta L_style (Gatys et al. 2016, eq. 7) + penalties on the pixels.

    L_content compares the image's features with the content's, L_style statistics of its features with the styles';
    each is a weighted sum over layers. Several styles are blended by averaging their statistics, unless each has its
    own region of the image.
    """

    model: Callable[[], VGG]  # called when first needed: other mistakes are found before weights are downloaded
    content_layers: list[str]  # "pixels" is the image itself
    content_layer_weights: list[float] | None  # of each layer within the content loss; None: 1
    style_layers: list[str]
    style_layer_weights: list[float] | None
    content_distance: Callable[[Tensor, Tensor], Tensor]  # (features, target) -> scalar
    style_statistic: Callable[[Tensor, Tensor | None], Tensor]  # (features, mask) -> (N, S, S), such as the Gram matrix
    style_distance: Callable[[Tensor, Tensor], Tensor]  # (statistic, target) -> scalar
    content_weight: float  # alpha
    style_weight: float  # beta
    tv_weight: float  # of the total variation
    range_weight: float  # of the penalty on values outside [0, 1]
    calibrate: bool  # whether the features are first calibrated on the style images (for untrained weights)

    def __post_init__(self) -> None:
        known = (PIXELS, *LAYERS)
        unknown = [name for name in (*self.content_layers, *self.style_layers) if name not in known]
        if unknown:
            raise ValueError(f"VGG has no layer {', '.join(unknown)}; it has {', '.join(known)}")
        if not self.content_layers and not self.style_layers:
            raise ValueError("content_layers and style_layers are both empty: there is nothing to optimize")
        for name in ("content_weight", "style_weight", "tv_weight", "range_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        self.weight_in_content = weigh("content_layer_weights", self.content_layers, self.content_layer_weights)
        self.weight_in_style = weigh("style_layer_weights", self.style_layers, self.style_layer_weights)
        self.layers = self.weight_in_content | self.weight_in_style

    @cached_property
    def network(self) -> VGG:
        """The network up to the deepest layer that is used; UserError if its weights do not reach so deep."""
        network = self.model()
        try:
            network.truncate(self.layers)
        except ValueError as error:
            raise UserError(f"objective: {error}; choose other layers, or other model.weights") from error
        return network

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    @torch.no_grad()
    def set_targets(self, images: StyleInputs) -> None:
        """Compute the targets, once for all steps, in float32 whatever the precision of the steps."""
        with torch.autocast(images.content.device.type, enabled=False):
            if self.calibrate:
                self.network.calibrate(images.styles, images.style_masks, images.shares, self.layers)
            self.size = images.content.shape[-2:]
            self.content_mask, self.regions = images.content_mask, images.regions
            self.content_targets = self.masked(self.network(images.content, self.content_layers))
            styles = [
                self.statistics(self.network(style, self.style_layers), mask)
                for style, mask in zip(images.styles, images.style_masks, strict=True)
            ]
            if self.regions:
                self.style_targets, self.style_shares = styles, images.shares
            else:
                self.style_targets, self.style_shares = [blended(styles, images.shares)], [1.0]

    def masked(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The features of the content layers, weighted by the content mask."""
        return {name: weighted(features[name], self.content_mask) for name in self.content_layers}

    def statistics(self, features: dict[str, Tensor], mask: Tensor | None) -> dict[str, Tensor]:
        """The statistic of each style layer within the mask."""
        return {name: self.style_statistic(features[name], mask) for name in self.style_layers}

    def __call__(self, image: Tensor) -> Metrics:
        """The loss of an image (1, 3, H, W), and its unweighted terms."""
        features = self.network(image, self.layers)
        content, style, outside = self.content_loss(features), self.style_loss(features), range_penalty(image)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tv_weight > 0):
            variation = total_variation(image)
        total = self.content_weight * content + self.style_weight * style
        total = total + self.range_weight * outside + self.tv_weight * variation
        return {"loss": total, "content": content, "style": style, "range": outside, "variation": variation}

    def content_loss(self, features: dict[str, Tensor]) -> Tensor:
        """sum_l w_l distance(F_l, P_l) over the content layers   (Gatys et al. 2016, eq. 1)."""
        loss = torch.zeros((), device=self.network.mean.device)
        for name, feature in self.masked(features).items():
            loss = loss + self.weight_in_content[name] * self.content_distance(feature, self.content_targets[name])
        return loss

    def style_loss(self, features: dict[str, Tensor]) -> Tensor:
        """sum_l w_l distance(G_l, A_l) over the style layers, for each region   (Gatys et al. 2016, eq. 4 and 5)."""
        loss = torch.zeros((), device=self.network.mean.device)
        regions: Sequence[Tensor | None] = self.regions or [None]
        for region, share, targets in zip(regions, self.style_shares, self.style_targets, strict=True):
            for name, statistic in self.statistics(features, region).items():
                loss = loss + share * self.weight_in_style[name] * self.style_distance(statistic, targets[name])
        return loss


def weigh(key: str, layers: list[str], weights: list[float] | None) -> dict[str, float]:
    """Layer -> weight; ValueError if there are not as many weights as layers, or one is below 0."""
    if weights is None:
        return dict.fromkeys(layers, 1.0)
    if len(weights) != len(layers):
        raise ValueError(f"{key} must be one for each of {len(layers)} layers, or null, got {weights}")
    if not all(weight >= 0 for weight in weights):
        raise ValueError(f"{key} must be at least 0, got {weights}")
    return dict(zip(layers, weights, strict=True))


def blended(statistics: list[dict[str, Tensor]], shares: list[float]) -> dict[str, Tensor]:
    """The average of each layer's statistic over the styles, weighted by `shares`, which sum to 1."""
    return {
        name: torch.stack([share * found[name] for share, found in zip(shares, statistics, strict=True)]).sum(0)
        for name in statistics[0]
    }
