"""What a classifier of points in the plane decides, as a picture."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlcourse.figures import COLORS, new_figure, to_image

GRID = 100


def to_rgb(color: str) -> list[float]:
    """ "#rrggbb" -> three values in [0, 1]."""
    return [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def decision_map(
    probabilities: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor, classes: Sequence[str]
) -> Tensor:
    """How probable each class is on a 100 x 100 grid, as a mixture of their colours, with the points on top.

    Args:
        probabilities: inputs (N, 2) -> (N, C).
        inputs, labels: the points (N, 2) and their true classes (N,).
        classes: a name for each class.

    Returns:
        A picture (1, 3, H, W) in [0, 1].
    """
    low, high = inputs.amin(0), inputs.amax(0)
    margin = 0.05 * (high - low).clamp(min=1e-3)
    (x_low, y_low), (x_high, y_high) = (low - margin).tolist(), (high + margin).tolist()
    grid = torch.cartesian_prod(torch.linspace(y_low, y_high, GRID), torch.linspace(x_low, x_high, GRID)).flip(1)
    palette = torch.tensor([to_rgb(COLORS[index % len(COLORS)]) for index in range(len(classes))])
    mixture = probabilities(grid).float().cpu() @ palette  # (GRID * GRID, 3)
    return draw(mixture.reshape(GRID, GRID, 3), (x_low, x_high, y_low, y_high), inputs, labels, classes)


def draw(
    regions: Tensor,
    extent: tuple[float, float, float, float],
    inputs: Tensor,
    labels: Tensor,
    classes: Sequence[str],
) -> Tensor:
    """Colours (H, W, 3), rows upwards, within `extent` (left, right, bottom, top) under the points: (1, 3, H, W)."""
    figure = new_figure(6, 5)
    axes = figure.add_axes((0.1, 0.1, 0.86, 0.8))
    pale = 1 - 0.4 * (1 - regions.clamp(0, 1))
    axes.imshow(pale.numpy(), origin="lower", extent=extent, aspect="auto")
    for index, name in enumerate(classes):
        x, y = inputs[labels == index].T.numpy()
        axes.scatter(x, y, s=14, color=COLORS[index % len(COLORS)], edgecolors="white", linewidths=0.4, label=name)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x1", ylabel="x2")
    figure.legend(loc="upper center", ncols=min(len(classes), 4), frameon=False)
    return to_image(figure)
