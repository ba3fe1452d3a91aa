"""Matplotlib figures without a display, as tensors."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dlcourse.images import to_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinguishable with the common colour-vision deficiencies (Okabe & Ito 2008); the first three are close to red,
# green and blue.
COLORS = ("#d55e00", "#009e73", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many hundreds of pixels."""
    from matplotlib.figure import Figure  # here: a run that draws no figure does not wait for it

    return Figure(figsize=(width, height), dpi=100)


def to_image(figure: "Figure") -> Tensor:
    """A figure as a picture, (1, 3, H, W) in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255.0


def save(picture: Tensor, path: Path) -> None:
    """Write a picture (1, 3, H, W) in [0, 1] as a PNG atomically, in a folder that exists."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        to_picture(picture[0]).save(temporary, format="PNG")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def confusion_figure(counts: Tensor, classes: Sequence[str]) -> Tensor:
    """A confusion matrix, (C, C), rows true and columns predicted, as a picture (1, 3, H, W) in [0, 1]."""
    figure = new_figure(5, 4.5)
    axes = figure.add_axes((0.25, 0.2, 0.7, 0.75))
    rates = counts / counts.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(rates.cpu().numpy(), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts.cpu().numpy()):
        axes.text(
            column, row, str(count), ha="center", va="center", color="white" if rates[row, column] > 0.5 else "black"
        )
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    return to_image(figure)
