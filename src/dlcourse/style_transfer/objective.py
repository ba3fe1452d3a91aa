"""The objective of neural style transfer: content loss, style loss, and penalties on the pixels."""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.engine.optimization import Metrics
from dlcourse.nn.vgg import LAYERS, PIXELS, VGG19, down_to_deepest, smallest_side
from dlcourse.style_transfer.inputs import StyleInputs
from dlcourse.style_transfer.losses import range_penalty, total_variation, weighted


class StyleObjective:
    """L = alpha L_content + beta L_style (Gatys et al. 2016, eq. 7) + penalties on the pixels.

    L_content compares the image's features with the content's, L_style statistics of its features with the styles';
    each is a weighted sum over layers. Several styles are blended by averaging their statistics, unless each has its
    own region of the image.

    Args:
        model: makes the network when it is first needed, so that other mistakes are found before its weights are
            downloaded.
        content_layers, style_layers: names of layers; "pixels" is the image itself.
        content_layer_weights, style_layer_weights: of each layer within its term; None is 1.
        content_distance: (features, target) -> scalar.
        style_statistic: (features (N, C, H, W), mask or None) -> (N, S, S), such as the Gram matrix.
        style_distance: (statistic, target) -> scalar.
        content_weight, style_weight: alpha, beta.
        tv_weight, range_weight: of the total variation and of the penalty on values outside [0, 1].
        calibrate: whether the features are first calibrated on the style images (for untrained weights).

    Raises:
        ValueError: an unknown layer, no layer at all, not as many weights as layers, or a weight below 0.
    """

    def __init__(
        self,
        model: Callable[[], VGG19],
        content_layers: list[str],
        content_layer_weights: list[float] | None,
        style_layers: list[str],
        style_layer_weights: list[float] | None,
        content_distance: Callable[[Tensor, Tensor], Tensor],
        style_statistic: Callable[[Tensor, Tensor | None], Tensor],
        style_distance: Callable[[Tensor, Tensor], Tensor],
        content_weight: float,
        style_weight: float,
        tv_weight: float,
        range_weight: float,
        calibrate: bool,
    ):
        known = (PIXELS, *LAYERS)
        unknown = [name for name in (*content_layers, *style_layers) if name not in known]
        if unknown:
            raise ValueError(f"VGG19 has no layer {', '.join(unknown)}; it has {', '.join(known)}")
        if not content_layers and not style_layers:
            raise ValueError("content_layers and style_layers are both empty: there is nothing to optimize")
        weights = {"content_weight": content_weight, "style_weight": style_weight}
        weights |= {"tv_weight": tv_weight, "range_weight": range_weight}
        for name, weight in weights.items():
            if weight < 0:
                raise ValueError(f"{name} must be at least 0, got {weight}")
        self.make_model = model
        self.content_layers = weigh("content_layer_weights", content_layers, content_layer_weights)
        self.style_layers = weigh("style_layer_weights", style_layers, style_layer_weights)
        self.content_distance, self.style_distance = content_distance, style_distance
        self.style_statistic = style_statistic
        self.content_weight, self.style_weight = content_weight, style_weight
        self.tv_weight, self.range_weight = tv_weight, range_weight
        self.calibrate = calibrate

    @cached_property
    def model(self) -> VGG19:
        """The network up to the deepest layer that is used."""
        model = self.make_model()
        model.truncate(self.content_layers | self.style_layers)
        return model

    def to(self, device: torch.device) -> None:
        self.model.to(device)

    def needs(self) -> tuple[tuple[int, str], tuple[int, str]]:
        """For the content and for the styles: pixels needed on each side, and the layer that needs them."""
        of_content = self.content_layers | self.style_layers
        of_styles = of_content if self.calibrate else self.style_layers
        content, styles = (
            (smallest_side(layers), (down_to_deepest(layers) or (PIXELS,))[-1]) for layers in (of_content, of_styles)
        )
        return content, styles

    @torch.no_grad()
    def set_targets(self, images: StyleInputs) -> None:
        """Compute the targets, once for all steps, in float32 whatever the precision of the steps."""
        with torch.autocast(images.content.device.type, enabled=False):
            if self.calibrate:
                layers = self.content_layers | self.style_layers
                self.model.calibrate(images.styles, images.style_masks, images.shares, layers)
            self.size = images.content.shape[-2:]
            self.content_mask, self.regions = images.content_mask, images.regions
            self.content_targets = self.masked(self.model(images.content, self.content_layers))
            styles = [
                self.statistics(self.model(style, self.style_layers), mask)
                for style, mask in zip(images.styles, images.style_masks, strict=True)
            ]
            if self.regions:
                self.style_targets, self.style_shares = styles, images.shares
            else:
                self.style_targets, self.style_shares = [blended(styles, images.shares)], [1.0]

    def masked(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The features of the content layers, weighted by the content mask."""
        return {
            name: weighted(features[name], at_size_of(features[name], self.content_mask))
            for name in self.content_layers
        }

    def statistics(self, features: dict[str, Tensor], mask: Tensor | None) -> dict[str, Tensor]:
        """The statistic of each style layer within the mask."""
        return {
            name: self.style_statistic(features[name], at_size_of(features[name], mask)) for name in self.style_layers
        }

    def __call__(self, image: Tensor) -> Metrics:
        """The loss of an image (1, 3, H, W), and its unweighted terms."""
        features = self.model(image, self.content_layers | self.style_layers)
        content = self.content_loss(features)
        style = self.style_loss(features)
        outside = range_penalty(image)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tv_weight > 0):
            variation = total_variation(image)
        total = self.content_weight * content + self.style_weight * style
        total = total + self.range_weight * outside + self.tv_weight * variation
        return {"loss": total, "content": content, "style": style, "range": outside, "variation": variation}

    def content_loss(self, features: dict[str, Tensor]) -> Tensor:
        """sum_l w_l distance(F_l, P_l) over the content layers   (Gatys et al. 2016, eq. 1)."""
        loss = torch.zeros((), device=self.model.mean.device)
        for name, feature in self.masked(features).items():
            loss = loss + self.content_layers[name] * self.content_distance(feature, self.content_targets[name])
        return loss

    def style_loss(self, features: dict[str, Tensor]) -> Tensor:
        """sum_l w_l distance(G_l, A_l) over the style layers, for each region   (Gatys et al. 2016, eq. 4 and 5)."""
        loss = torch.zeros((), device=self.model.mean.device)
        regions: Sequence[Tensor | None] = self.regions or [None]
        for region, share, targets in zip(regions, self.style_shares, self.style_targets, strict=True):
            for name, statistic in self.statistics(features, region).items():
                loss = loss + share * self.style_layers[name] * self.style_distance(statistic, targets[name])
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


def at_size_of(feature: Tensor, mask: Tensor | None) -> Tensor | None:
    """A mask (1, 1, H, W), averaged down to the size of a feature map."""
    return None if mask is None else F.adaptive_avg_pool2d(mask, feature.shape[-2:])  # type: ignore[arg-type]
