"""The paths of four optimizers: down an elongated bowl, steep one way and flat the other, and off a saddle."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.optim import SGD, Adam, RMSprop

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.images.figures import COLORS, new_figure, to_image

MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
KAPPA = 100.0  # condition number of the bowl: its greatest curvature over its least


@dataclass(frozen=True)
class Landscape:
    """A function to descend on.

    Attributes:
        title: the function as a formula.
        f: points (..., 2) -> values (...).
        start: the first point (x, y).
        optimizers: name -> factory, with a learning rate that suits this function.
        max_steps: updates after which an optimizer gives up.
        progress: points (..., 2) -> (...), the quantity that tells how far it has come, and `progress_label`, its name.
        is_reached: values of `progress` -> whether that is far enough, and `goal`, the same in words.
        view: left, right, bottom, top of the maps.
    """

    title: str
    f: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    optimizers: dict[str, MakeOptimizer]
    max_steps: int
    progress: Callable[[Tensor], Tensor]
    progress_label: str
    is_reached: Callable[[Tensor], Tensor]
    goal: str
    view: tuple[float, float, float, float]


def bowl(points: Tensor) -> Tensor:
    """f = (x^2 + kappa y^2) / 2. Gradient descent diverges for learning rates above 2 / kappa; (..., 2) -> (...)."""
    x, y = points.unbind(-1)
    return (x.square() + KAPPA * y.square()) / 2


def saddle(points: Tensor) -> Tensor:
    """f = x^2 - y^2: flat at the origin, which is no minimum; (..., 2) -> (...)."""
    x, y = points.unbind(-1)
    return x.square() - y.square()


BOWL = Landscape(
    title=f"f = (x² + {KAPPA:g} y²) / 2",
    f=bowl,
    start=(10.0, 1.0),
    optimizers={
        "gradient descent": partial(SGD, lr=0.018),
        "momentum": partial(SGD, lr=0.018, momentum=0.9),
        "RMSprop": partial(RMSprop, lr=0.05, alpha=0.9),  # near the bottom its steps stay as long as lr: it circles
        "Adam": partial(Adam, lr=0.1),
    },
    max_steps=400,
    progress=bowl,
    progress_label="f",
    is_reached=lambda f: f < 1e-3,
    goal="f < 0.001",
    view=(-5.5, 11.0, -1.3, 1.3),
)
SADDLE = Landscape(
    title="f = x² - y²",
    f=saddle,
    start=(1.0, 1e-6),
    optimizers={
        "gradient descent": partial(SGD, lr=0.1),
        "momentum": partial(SGD, lr=0.1, momentum=0.9),
        "RMSprop": partial(RMSprop, lr=0.1, alpha=0.9),
        "Adam": partial(Adam, lr=0.1),
    },
    max_steps=100,
    progress=lambda points: points[..., 1].abs(),
    progress_label="|y|",
    is_reached=lambda distance: distance > 1,
    goal="|y| > 1",
    view=(-1.1, 1.3, -0.2, 1.6),
)


def path(landscape: Landscape, make_optimizer: MakeOptimizer) -> Tensor:
    """The points an optimizer visits from the start until it is there or gives up: float64 (steps + 1, 2)."""
    point = torch.tensor(landscape.start, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([point])
    visited = [point.detach().clone()]
    while not has_arrived(landscape, visited[-1]) and len(visited) <= landscape.max_steps:
        optimizer.zero_grad()
        landscape.f(point).backward()
        optimizer.step()
        visited.append(point.detach().clone())
    return torch.stack(visited)


def has_arrived(landscape: Landscape, point: Tensor) -> bool:
    """Whether a point (2,) meets the goal."""
    return bool(landscape.is_reached(landscape.progress(point)))


def duration(landscape: Landscape, visited: Tensor) -> str:
    """How many steps a path took to the goal."""
    return f"{len(visited) - 1} steps" if has_arrived(landscape, visited[-1]) else f"never in {landscape.max_steps}"


def demonstrate() -> Demonstration:
    """A row for each landscape: the map of every optimizer's path, and how far they have come after so many steps."""
    figure = new_figure(16, 7)
    lines = []
    for row, landscape in enumerate((BOWL, SADDLE)):
        paths = {name: path(landscape, make) for name, make in landscape.optimizers.items()}
        steps = {name: duration(landscape, visited) for name, visited in paths.items()}
        columns = len(paths) + 1
        for column, ((name, visited), color) in enumerate(zip(paths.items(), COLORS, strict=False)):
            axes = figure.add_subplot(2, columns, row * columns + column + 1, title=f"{name}: {steps[name]}")
            draw_map(axes, landscape, visited, color)
        axes = figure.add_subplot(2, columns, (row + 1) * columns, title=landscape.title)
        draw_progress(axes, landscape, paths)
        listed = ", ".join(f"{name} {count}" for name, count in steps.items())
        lines.append(f"{landscape.title}, until {landscape.goal}: {listed}")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=columns, frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    return Demonstration(to_image(figure), lines)


def draw_map(axes: Axes, landscape: Landscape, visited: Tensor, color: str) -> None:
    """A path over lines of equal height."""
    left, right, bottom, top = landscape.view
    y, x = torch.meshgrid(torch.linspace(bottom, top, 200), torch.linspace(left, right, 200), indexing="ij")
    axes.contour(x, y, landscape.f(torch.stack([x, y], -1)), levels=15, colors="0.8", linewidths=0.8, zorder=0)
    axes.plot(*visited.T, color=color, marker=".", markersize=4, linewidth=1)
    axes.scatter(*landscape.start, color="black", zorder=3)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")


def draw_progress(axes: Axes, landscape: Landscape, paths: dict[str, Tensor]) -> None:
    """How far each optimizer has come after so many steps."""
    for (name, visited), color in zip(paths.items(), COLORS, strict=False):
        axes.semilogy(landscape.progress(visited), color=color, label=name)
    axes.set(xlabel="step", ylabel=landscape.progress_label)
    axes.grid(alpha=0.3)
