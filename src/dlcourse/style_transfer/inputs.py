"""The inputs of neural style transfer at one size, and how their colours are matched."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dlcourse.style_transfer.colors import (
    color_moments,
    luminance,
    match_luminance,
    match_moments,
    match_statistics,
    mixture,
)


@dataclass(frozen=True)
class StyleInputs:
    """The images and masks of a transfer at one size, all in [0, 1]."""

    content: Tensor  # (1, 3, H, W)
    styles: list[Tensor]  # one or more of any sizes, (1, 3, h, w)
    shares: list[float]  # how much each style counts; their sum is 1
    content_mask: Tensor | None  # where the content counts, (1, 1, H, W); None: everywhere
    regions: list[Tensor]  # where each style is painted, (1, 1, H, W); empty: all styles everywhere
    style_masks: list[Tensor | None]  # which part of each style is imitated, (1, 1, h, w); None: all of it

    def compose(self, images: list[Tensor]) -> Tensor:
        """Combine one image per style, all of the content's size, into one.

        Each image fills its style's region, and the content the rest; without regions, the result is the mean
        weighted by `shares`.
        """
        if not self.regions:
            return torch.stack([share * image for share, image in zip(self.shares, images, strict=True)]).sum(0)
        covered = torch.stack(self.regions).sum(0)  # more than 1 where regions overlap
        parts = [region * image for region, image in zip(self.regions, images, strict=True)]
        return torch.stack(parts).sum(0) / covered.clamp(min=1) + self.content * (1 - covered).clamp(min=0)

    def to(self, device: torch.device) -> "StyleInputs":
        """A copy on `device`."""
        return StyleInputs(
            self.content.to(device),
            [style.to(device) for style in self.styles],
            self.shares,
            None if self.content_mask is None else self.content_mask.to(device),
            [region.to(device) for region in self.regions],
            [None if mask is None else mask.to(device) for mask in self.style_masks],
        )


def styles_to_content(images: StyleInputs) -> StyleInputs:
    """Give each style the colours of the content, measured in the style's region."""
    return replace(images, styles=[style.clamp(0, 1) for style in matched(images, match_statistics)])


def content_to_styles(images: StyleInputs) -> StyleInputs:
    """Give each region of the content the colours of its style; without regions, those of all styles together."""
    content, of_styles = images.content, list(map(color_moments, images.styles, images.style_masks))
    if not images.regions:
        of_styles = [mixture(of_styles, images.shares)] * len(of_styles)
    contents = [
        match_moments(content, color_moments(content, region), target).clamp(0, 1)
        for region, target in zip(places(images), of_styles, strict=True)
    ]
    return replace(images, content=images.compose(contents))


def without_chroma(images: StyleInputs) -> StyleInputs:
    """All images in grey; each style gets the brightness and contrast of the content in the style's region."""
    styles = [grey(style).clamp(0, 1) for style in matched(images, match_luminance)]
    return replace(images, content=grey(images.content), styles=styles)


def matched(images: StyleInputs, match: Callable[..., Tensor]) -> list[Tensor]:
    """The styles after `match(style, content, style mask, region)`."""
    rows = zip(images.styles, images.style_masks, places(images), strict=True)
    return [match(style, images.content, mask, region) for style, mask, region in rows]


def places(images: StyleInputs) -> list[Tensor | None]:
    """The region of each style in the content; None: everywhere."""
    return [*images.regions] or [None] * len(images.styles)


def grey(images: Tensor) -> Tensor:
    """The luminance as three equal channels, (N, 3, H, W)."""
    return luminance(images).expand(-1, 3, -1, -1)


# Setting `colors` -> how the inputs are changed before the transfer
COLORS: dict[str, Callable[[StyleInputs], StyleInputs]] = {
    "free": lambda images: images,
    "style_to_content": styles_to_content,
    "content_to_style": content_to_styles,
    "keep_chroma": without_chroma,
}
