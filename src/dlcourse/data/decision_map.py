"""What a classifier of points in the plane decides, as a picture."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

# Distinguishable with the common colour-vision deficiencies (Okabe & Ito 2008), close to red, green, blue.
COLORS = ("#d55e00", "#009e73", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")
GRID = 100


def decision_map(predict: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor, classes: Sequence[str]) -> Tensor:
    """The predicted class on a 100 x 100 grid, with the points on top, axes and legend.

    Args:
        predict: inputs (N, 2) -> classes (N,).
        inputs, labels: the points (N, 2) and their true classes (N,).
        classes: a name for each class.

    Returns:
        A picture (1, 3, H, W) in [0, 1].
    """
    low, high = inputs.amin(0), inputs.amax(0)
    margin = 0.05 * (high - low)
    (x_low, y_low), (x_high, y_high) = (low - margin).tolist(), (high + margin).tolist()
    grid = torch.cartesian_prod(torch.linspace(y_low, y_high, GRID), torch.linspace(x_low, x_high, GRID)).flip(1)
    regions = predict(grid).reshape(GRID, GRID).cpu()
    return draw(regions, (x_low, x_high, y_low, y_high), inputs, labels, classes)


def draw(
    regions: Tensor,
    extent: tuple[float, float, float, float],
    inputs: Tensor,
    labels: Tensor,
    classes: Sequence[str],
) -> Tensor:
    """Regions (rows upwards) within `extent` (left, right, bottom, top) under the points: (1, 3, H, W)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: a run without points needs none of it
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.1, 0.86, 0.8))
    colors = ListedColormap(COLORS[: len(classes)])
    axes.imshow(
        regions.numpy(),
        origin="lower",
        extent=extent,
        cmap=colors,
        vmin=0,
        vmax=len(classes) - 1,
        alpha=0.35,
        aspect="auto",
    )
    for index, name in enumerate(classes):
        x, y = inputs[labels == index].T.numpy()
        axes.scatter(x, y, s=14, color=COLORS[index], edgecolors="white", linewidths=0.4, label=name)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x1", ylabel="x2")
    figure.legend(loc="upper center", ncols=min(len(classes), 4), frameon=False)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255.0
