"""The content and style images of neural style transfer, and their masks."""

import math
from collections.abc import Sized

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dlcourse.images.files import MAX_PIXELS
from dlcourse.images.srgb import rgb_of, to_rgb
from dlcourse.images.tensors import resize, resized, to_tensor
from dlcourse.style_transfer.colors import keep_chroma
from dlcourse.style_transfer.inputs import COLORS, StyleInputs
from dlcourse.style_transfer.named_images import read_image, read_mask

Needed = tuple[str, int]  # name of the layer, fewest pixels on each side of an image that it needs


class ContentAndStyles:
    """A content image and one or more style images, each at its own size and aspect ratio.

    Args:
        content, style: path of an image, or the name of a built-in one; style: also several of them.
        content_size, style_size: pixels on the longer side, or [width, height]; at least 16.
        style_weights: how much each style counts, > 0; None: all the same.
        content_mask: path of a grey image, white where the content counts, or the name of a built-in one; None:
            everywhere.
        style_regions: a mask of the content for each style: where it is painted; empty: every style everywhere.
        style_masks: a mask of each style image: the part to imitate; empty: all of it.
        colors: "free" transfers the style's colours too; "style_to_content" first gives the style images the mean and
            covariance of the content's colours; "content_to_style" gives the content those of the styles;
            "keep_chroma" transfers the luminance and keeps the content's chroma. With regions and masks, colours are
            measured inside them.
        background: RGB in [0, 255] that shows through transparent pixels.
        keep_alpha: whether the result has the content's transparency; the style is transferred to the content on the
            background.
    """

    def __init__(
        self,
        content: str,
        style: str | list[str],
        content_size: int | list[int],
        style_size: int | list[int],
        style_weights: list[float] | None,
        content_mask: str | None,
        style_regions: list[str],
        style_masks: list[str],
        colors: str,
        background: list[int],
        keep_alpha: bool,
    ):
        check_size("content_size", content_size)
        check_size("style_size", style_size)
        if colors not in COLORS:
            raise ValueError(f"colors must be one of {', '.join(COLORS)}, got {colors!r}")
        self.background = rgb_of(background)
        paths = style if isinstance(style, list) else [style]
        if not paths:
            raise ValueError("style must be an image or a list of at least one, got []")
        weights = style_weights or [1.0] * len(paths)
        lists: dict[str, Sized] = {"style_weights": weights, "style_regions": style_regions, "style_masks": style_masks}
        for key, values in lists.items():
            if values and len(values) != len(paths):
                raise ValueError(f"{key} must be one for each of {len(paths)} styles, got {len(values)}")
        if not all(weight > 0 for weight in weights):
            raise ValueError(f"style_weights must be positive, got {weights}")
        self.shares = [weight / sum(weights) for weight in weights]
        self.content_size, self.style_size, self.colors = content_size, style_size, colors
        self.labels = [f"content={content}", *(f"style={path}" for path in paths)]
        self.set_content(read_image("content", content, self.background, keep_alpha))
        self.styles = [self.read_style(path) for path in paths]
        self.content_mask = read_mask("content_mask", content_mask) if content_mask else None
        self.style_regions = [read_mask("style_regions", path) for path in style_regions]
        masks: list[str | None] = [*style_masks] or [None] * len(paths)
        self.style_masks = [read_mask("style_masks", path) if path else None for path in masks]

    def read_style(self, path: str) -> Image.Image:
        """A style image, RGB, whose size is possible."""
        image = read_image("style", path, self.background)
        check_pixels(f"style={path}", "style_size", image, self.style_size)
        return image

    def set_content(self, image: Image.Image) -> None:
        """Take another content image, RGB or RGBA."""
        check_pixels(self.labels[0], "content_size", image, self.content_size)
        self.original, self.content = image, resize(image, self.content_size)
        self.longest_side = max(self.content.size)  # of the content and of the result, pixels

    def at(self, longest_side: int) -> StyleInputs:
        """All images and masks, scaled so that the content has `longest_side` pixels on its longer side."""
        factor = longest_side / self.longest_side
        size = scaled(list(self.content.size), factor)
        content = to_tensor(to_rgb(resize(self.original, size), self.background))[None]
        styles = [to_tensor(resize(image, scaled(self.style_size, factor)))[None] for image in self.styles]
        images = StyleInputs(
            content,
            styles,
            self.shares,
            mask_tensor(self.content_mask, content) if self.content_mask else None,
            [mask_tensor(mask, content) for mask in self.style_regions],
            [mask_tensor(mask, style) if mask else None for mask, style in zip(self.style_masks, styles, strict=True)],
        )
        return COLORS[self.colors](images)

    def too_small(self, longest_side: int, of_content: Needed, of_style: Needed) -> tuple[str, str] | None:
        """The first image too small at this size: what is wrong, and the setting that helps."""
        factor = longest_side / self.longest_side
        content_row = ("content_size", self.content_size, self.original, scaled([*self.content.size], factor))
        style_rows = [("style_size", self.style_size, style, scaled(self.style_size, factor)) for style in self.styles]
        for label, (key, asked, image, size) in zip(self.labels, [content_row, *style_rows], strict=True):
            what_for, needed = of_content if key == "content_size" else of_style
            width, height = resized(image.size, size)
            if min(width, height) < needed:
                enough = math.ceil(needed * max(image.size) / min(image.size))
                wanted = enough if isinstance(asked, int) else [max(side, needed) for side in asked]
                what = f"{label}: an image of {width} x {height} pixels is too small for {what_for}"
                return f"{what}, which needs {needed} on each side", f"dataset.{key}={wanted}".replace(" ", "")
        return None

    def finish(self, image: Tensor) -> Tensor:
        """Enlarge (1, 3, H, W) to full size, with chroma and alpha as configured: (1, 3 or 4, H', W') in [0, 1]."""
        if image.shape[-2:] != self.content.size[::-1]:
            image = F.interpolate(image, self.content.size[::-1], mode="bicubic", antialias=True)
        image = image.clamp(0, 1)
        content = to_tensor(self.content)[None].to(image.device)
        if self.colors == "keep_chroma":
            image = keep_chroma(image, content[:, :3])
        return torch.cat([image, content[:, 3:]], 1)


def check_size(key: str, size: int | list[int]) -> None:
    """Raise ValueError for a size that is not one or two numbers >= 16."""
    sides = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or min(sides) < 16:
        raise ValueError(f"{key} must be at least 16 pixels, or [width, height] of that, got {size}")


def check_pixels(label: str, key: str, image: Image.Image, size: int | list[int]) -> None:
    """Raise ValueError for a size at which an image has more pixels than a file may have."""
    width, height = resized(image.size, size)
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"{key}={size}: {label} would have {width} x {height} pixels; at most {MAX_PIXELS:,} are possible"
        )


def mask_tensor(mask: Image.Image, image: Tensor) -> Tensor:
    """A grey image resized to `image` (1, 3, H, W): (1, 1, H, W) in [0, 1], by averaging, so small spots count too."""
    height, width = image.shape[-2:]
    return to_tensor(mask.convert("F").resize((width, height), Image.Resampling.BOX))[None]


def scaled(size: int | list[int], factor: float) -> int | list[int]:
    """A side, or [width, height], times `factor`: whole pixels, at least 1."""
    sides = [max(1, round(side * factor)) for side in (size if isinstance(size, list) else [size])]
    return sides if isinstance(size, list) else sides[0]
