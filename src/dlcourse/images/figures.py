"""Matplotlib figures without a display, as tensors."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dlcourse.files.terminal import printable
from dlcourse.images.files import save_image
from dlcourse.images.fonts import fallback_for, font_for, legible
from dlcourse.images.tensors import to_pil_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinguishable with common colour-vision deficiencies (Okabe & Ito 2008); the first three are close to RGB.
COLORS = ("#d55e00", "#009e73", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, its sides in hundreds of pixels."""
    from matplotlib.figure import Figure  # here because the import is slow

    return Figure(figsize=(width, height), dpi=100)


def verbatim(text: object) -> str:
    """Text from files for a figure: on one line, legible, with dollar signs escaped, which would start formulas."""
    line = printable(text)
    return legible(line, font_for(line, 20)).replace("$", r"\$")


def to_image(figure: "Figure") -> Tensor:
    """A figure as an image, (1, 3, H, W) in [0, 1]; a second font draws the letters that its own font lacks."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import fontManager, get_font
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # missing letters are drawn below
        canvas.draw()
    texts: list[Any] = figure.findobj(Text)
    if fallback := fallback_for(text.get_text() for text in texts):
        fontManager.addfont(fallback)
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), get_font(fallback).family_name])
        canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255.0


def save_figure(image: Tensor, path: Path) -> None:
    """Write an image (1, 3, H, W) in [0, 1]; format, folder and errors as for `save_image`."""
    save_image(to_pil_image(image[0]), path)
