"""Fast style transfer of images and videos: content and styles are read, painted by a stylizer, and finished."""

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from dlcourse.engine.device import autocast
from dlcourse.errors import UserError
from dlcourse.files.locations import ADAIN_DECODER
from dlcourse.images.srgb import BACKGROUND, to_rgb
from dlcourse.images.tensors import to_pil_image, to_tensor
from dlcourse.style_transfer.dataset import ContentAndStyles, check_size
from dlcourse.style_transfer.inputs import StyleInputs
from dlcourse.style_transfer.named_images import longest_side
from dlcourse.style_transfer.stylizer import SMALLEST, Style, Stylizer, load_stylizer

UNCHANGED = ("free", "content_to_style")  # choices of `colors` that leave the style as it is, whatever the content


class Painter:
    """Paints image files; the network is loaded once, and a style's statistics are computed once where that is exact.

    Args:
        decoder: path of a run of experiment=adain_style or of its checkpoint; None: the bundled one.
        strength: in [0, 1]; 0 is the content as the decoder draws it.
        grain: factor on the styles' own, in [0, 3]; 0 leaves flat areas smooth.
        size: pixels on the longer side, or [width, height], at least 16; None: the content's own.
        style_size, style_weights, style_regions, colors: as in `ContentAndStyles`.
    """

    def __init__(
        self,
        decoder: str | None,
        strength: float,
        grain: float,
        size: int | list[int] | None,
        style_size: int | list[int],
        style_weights: list[float] | None,
        style_regions: list[str],
        colors: str,
    ):
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be in [0, 1], got {strength}")
        if not 0 <= grain <= 3:
            raise ValueError(f"grain must be in [0, 3], got {grain}")
        if size is not None:
            check_size("size", size)
        self.strength, self.grain, self.size, self.style_size = strength, grain, size, style_size
        self.style_weights, self.style_regions, self.colors = style_weights, style_regions, colors
        self.decoder = ADAIN_DECODER if decoder is None else decoder
        self.stylizer = stylizer_of(self.decoder)
        self.device, self.precision = torch.device("cpu"), "fp32"
        self.known: dict[str, list[Style]] = {}  # the statistics of styles that do not depend on the content

    def to(self, device: torch.device, precision: str) -> "Painter":
        """Move the network to `device`, and compute there in `precision`; returns itself."""
        self.device, self.precision = device, precision
        self.stylizer.to(device)
        return self

    def __call__(self, content: str, style: str | list[str]) -> Image.Image:
        """The content in a style, or in the mean of several, RGB or with the content's transparency.

        ValueError, "content=PATH: reason" and the like, for an image that cannot be read or is too small; UserError as
        `paint`.
        """
        dataset, is_fixed = self.dataset(content, style, self.size_for(content)), self.colors in UNCHANGED
        image, statistics = self.paint(dataset, self.known.get(str(style)) if is_fixed else None)
        if is_fixed:
            self.known[str(style)] = statistics
        return image

    def size_for(self, content: str) -> int | list[int]:
        """The size of a result: pixels on the longer side, or [width, height]; ValueError if there is no such image."""
        return self.size or max(SMALLEST, longest_side(content))

    def dataset(self, content: str, style: str | list[str], size: int | list[int]) -> ContentAndStyles:
        """The content, at a size, and its styles; ValueError for an image that is too small or too large then."""
        try:
            dataset = ContentAndStyles(
                content,
                style,
                content_size=size,
                style_size=self.style_size,
                style_weights=self.style_weights,
                content_mask=None,
                style_regions=self.style_regions,
                style_masks=[],
                colors=self.colors,
                background=[*BACKGROUND],
                keep_alpha=True,
            )
        except ValueError as error:
            raise ValueError(str(error).replace("content_size=", "size=", 1)) from error
        needed = ("the network", SMALLEST)
        if small := dataset.too_small(dataset.longest_side, needed, needed):
            what, cure = small
            raise ValueError(f"{what}; {cure.replace('dataset.content_', '').replace('dataset.', '')} is enough")
        return dataset

    def paint(self, dataset: ContentAndStyles, styles: list[Style] | None) -> tuple[Image.Image, list[Style]]:
        """The content in its styles, and their statistics, which are computed if they are None.

        UserError for a decoder whose image is not finite.
        """
        images = dataset.at(dataset.longest_side).to(self.device)
        own = to_tensor(to_rgb(dataset.content))[None].to(self.device)
        content = torch.lerp(own, images.content, self.strength)  # its colours change as far as it is painted
        with autocast(self.device, self.precision):
            styles = styles or self.statistics(images)
            painted = self.stylizer(content, styles, self.strength, images.regions).float()
        if not painted.isfinite().all():
            cure = "its training has diverged" if self.precision == "fp32" else "try precision=fp32"
            raise UserError(f"decoder={self.decoder}: its image is not finite; {cure}")
        return to_pil_image(dataset.finish(painted)[0]), styles

    def statistics(self, images: StyleInputs) -> list[Style]:
        """The statistics of the styles together, or of each if there are regions."""
        groups = [([one], [1.0]) for one in images.styles] if images.regions else [(images.styles, images.shares)]
        found = [self.stylizer.style_of(*group) for group in groups]
        return [replace(style, grain=self.grain * style.grain) for style in found]


def stylizer_of(decoder: Path | str) -> Stylizer:
    """`load_stylizer`, whose messages begin with the key."""
    try:
        return load_stylizer(decoder)
    except UserError as error:
        raise UserError(f"decoder={error}") from error


class FramePainter:
    """Paints the frames of a video, in order, with the style's statistics at the first of them.

    So they are computed once, and the style does not flicker if its colours are matched to those of the content.
    """

    def __init__(self, painter: Painter, style: str | list[str]):
        self.painter, self.style = painter, style
        self.dataset: ContentAndStyles | None = None
        self.statistics: list[Style] | None = None

    def __call__(self, frame: Image.Image) -> Image.Image:
        if self.dataset is None:
            stand_in = self.style if isinstance(self.style, str) else self.style[0]  # for the content, which is no file
            self.dataset = self.painter.dataset(stand_in, self.style, self.painter.size or max(SMALLEST, *frame.size))
        self.dataset.set_content(frame)
        image, self.statistics = self.painter.paint(self.dataset, self.statistics)
        return image
