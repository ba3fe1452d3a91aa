"""The paths of four optimizers in an elongated bowl, steep in one direction and flat in the other, and on a saddle."""

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
    """A function to minimize."""

    title: str  # the function as a formula
    f: Callable[[Tensor], Tensor]  # points (..., 2) -> values (...)
    start: tuple[float, float]
    optimizers: dict[str, MakeOptimizer]  # with learning rates that suit this function
    max_steps: int  # updates after which an optimizer gives up
    progress: Callable[[Tensor], Tensor]  # points (..., 2) -> (...), how far an optimizer has come
    progress_label: str
    has_arrived: Callable[[Tensor], Tensor]  # a point -> whether it meets the goal
    goal: str  # in words
    view: tuple[float, float, float, float]  # left, right, bottom, top of the maps


def optimizers(sgd_lr: float, rmsprop_lr: float) -> dict[str, MakeOptimizer]:
    """The four optimizers, two of their learning rates given."""
    return {
        "gradient descent": partial(SGD, lr=sgd_lr),
        "momentum": partial(SGD, lr=sgd_lr, momentum=0.9),
        "RMSprop": partial(RMSprop, lr=rmsprop_lr, alpha=0.9),
        "Adam": partial(Adam, lr=0.1),
    }


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
    optimizers=optimizers(0.018, 0.05),  # RMSprop circles the minimum, as its steps stay as long as lr
    max_steps=400,
    progress=bowl,
    progress_label="f",
    has_arrived=lambda point: bowl(point) < 1e-3,
    goal="f < 0.001",
    view=(-5.5, 11.0, -1.3, 1.3),
)
SADDLE = Landscape(
    title="f = x² - y²",
    f=saddle,
    start=(1.0, 1e-6),
    optimizers=optimizers(0.1, 0.1),
    max_steps=100,
    progress=lambda points: points[..., 1].abs(),
    progress_label="|y|",
    has_arrived=lambda point: point[1].abs() > 1,
    goal="|y| > 1",
    view=(-1.1, 1.3, -0.2, 1.6),
)


def path(landscape: Landscape, make_optimizer: MakeOptimizer) -> Tensor:
    """The points that an optimizer visits until it meets the goal or gives up: float64 (steps + 1, 2)."""
    point = torch.tensor(landscape.start, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([point])
    visited = [point.detach().clone()]
    while not landscape.has_arrived(visited[-1]) and len(visited) <= landscape.max_steps:
        optimizer.zero_grad()
        landscape.f(point).backward()
        optimizer.step()
        visited.append(point.detach().clone())
    return torch.stack(visited)


def demonstrate() -> Demonstration:
    """A row for each landscape: maps of the optimizers' paths, and their progress over the steps."""
    figure = new_figure(16, 7)
    lines = []
    for row, landscape in enumerate((BOWL, SADDLE)):
        paths = {name: path(landscape, make) for name, make in landscape.optimizers.items()}
        steps = {
            name: f"{len(visited) - 1} steps"
            if landscape.has_arrived(visited[-1])
            else f"never in {landscape.max_steps}"
            for name, visited in paths.items()
        }
        columns = len(paths) + 1
        for column, ((name, visited), color) in enumerate(zip(paths.items(), COLORS, strict=False)):
            axes = figure.add_subplot(2, columns, row * columns + column + 1, title=f"{name}: {steps[name]}")
            draw_map(axes, landscape, visited, color)
        axes = figure.add_subplot(2, columns, (row + 1) * columns, title=landscape.title)
        for (name, visited), color in zip(paths.items(), COLORS, strict=False):
            axes.semilogy(landscape.progress(visited), color=color, label=name)
        axes.set(xlabel="step", ylabel=landscape.progress_label)
        axes.grid(alpha=0.3)
        listed = ", ".join(f"{name} {count}" for name, count in steps.items())
        lines.append(f"{landscape.title}, until {landscape.goal}: {listed}")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=columns, frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    return Demonstration(to_image(figure), lines)


def draw_map(axes: Axes, landscape: Landscape, visited: Tensor, color: str) -> None:
    """A path on the contour lines of the function."""
    left, right, bottom, top = landscape.view
    y, x = torch.meshgrid(torch.linspace(bottom, top, 200), torch.linspace(left, right, 200), indexing="ij")
    axes.contour(x, y, landscape.f(torch.stack([x, y], -1)), levels=15, colors="0.8", linewidths=0.8, zorder=0)
    axes.plot(*visited.T, color=color, marker=".", markersize=4, linewidth=1)
    axes.scatter(*landscape.start, color="black", zorder=3)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")
