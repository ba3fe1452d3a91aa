"""What the page draws of a classifier in training: the plane, the units, the weights, the losses."""

import base64
import math
from typing import Any

import torch
from PIL import ImageColor
from torch import Tensor, nn

from dlcourse.classifier.networks import ACTIVATIONS
from dlcourse.classifier.task import Classification, eval_mode
from dlcourse.images.figures import COLORS

GRID = 60  # points per side where the classes' probabilities are asked for
THIN = 3  # of these points, every third one for a unit
SHOWN = 10  # units of a layer
SHOWN_POINTS = 2000
SHOWN_DEV = 400  # all dev points among 2000 own ones
FAINT = 0.1  # a unit that varies by less over the plane is drawn so much paler

Plane = tuple[float, float, float, float]  # left, right, bottom, top


class View:
    """Looks at a classifier of points without touching its training.

    Args:
        task: it is set up.
        plane: the part of the plane that is drawn; None: where the points are.
        colors: for each class the number of its colour; None: as in the decision map of a run.
    """

    def __init__(self, task: Classification, plane: Plane | None, colors: list[int] | None):
        self.task = task
        self.plane = plane or plane_of(torch.cat([task.train_set[0], task.dev_set[0]]))
        self.colors = colors or [index % len(COLORS) for index in range(len(task.dataset.classes))]
        left, right, bottom, top = self.plane
        across, down = torch.linspace(left, right, GRID), torch.linspace(top, bottom, GRID)
        self.grid = torch.cartesian_prod(down, across).flip(1)  # (GRID^2, 2), line by line from the top
        rgb = [ImageColor.getrgb(COLORS[color]) for color in self.colors]
        self.palette = torch.tensor(rgb, dtype=torch.float32)  # (C, 3)
        modules = list(task.model.modules())
        self.linear = [module for module in modules if isinstance(module, nn.Linear)]
        self.hidden = [module for module in modules if type(module) in ACTIVATIONS.values()]

    def first(self) -> dict[str, Any]:
        """What does not change."""
        named = zip(self.task.dataset.classes, self.colors, strict=True)
        return {
            "train_points": self.points(self.task.train_set, SHOWN_POINTS),
            "dev_points": self.points(self.task.dev_set, SHOWN_DEV),
            "sizes": [len(one[0]) for one in (self.task.train_set, self.task.dev_set, self.task.test_set)],
            "plane": self.plane,
            "classes": [{"name": str(name), "color": color} for name, color in named],
            "grid": GRID,
            "thin": GRID // THIN,
        }

    def points(self, arrays: tuple[Tensor, ...], most: int) -> list[list[float]]:
        """At most so many points as [x, y, number of the colour]."""
        inputs, labels = arrays
        pairs = zip(inputs[:most].tolist(), labels[:most].tolist(), strict=True)
        return [[round_to(x, 5), round_to(y, 5), self.colors[label]] for (x, y), label in pairs]

    def now(self) -> dict[str, Any]:
        """What changes with every step."""
        task = self.task
        measured = {"train": task.measure(*task.train_set), "dev": task.measure(*task.dev_set)}
        return {name: {key: finite(value) for key, value in found.items()} for name, found in measured.items()} | {
            "lr": finite(task.descent.lr()),
            "gradients": self.gradients(),
            "weights": [rounded(layer.weight[: self.shown(layer), :SHOWN]) for layer in self.linear],
            "skipped": task.descent.skipped,
            **self.maps(),
        }

    def shown(self, layer: nn.Linear) -> int:
        """How many of a layer's outputs are drawn: SHOWN of the hidden ones, every class."""
        return layer.out_features if layer is self.linear[-1] else SHOWN

    def gradients(self) -> list[float | None]:
        """For each layer, the Euclidean norm of the last gradient of its weights; none before the first step."""
        found = [layer.weight.grad for layer in self.linear]
        return [None if gradient is None else finite(gradient.norm()) for gradient in found]

    @torch.no_grad()
    def maps(self) -> dict[str, Any]:
        """The classes' colours mixed by their probabilities, RGB, and the activation of every hidden unit, as bytes."""
        outputs: list[Tensor] = []
        handles = [layer.register_forward_hook(lambda _l, _i, output: outputs.append(output)) for layer in self.hidden]
        with eval_mode(self.task.model):
            mixture = self.task.model(self.grid).softmax(1) @ self.palette  # (GRID^2, 3)
        for handle in handles:
            handle.remove()
        units = [unit_maps(output, layer) for output, layer in zip(outputs, self.hidden, strict=True)]
        return {"map": encoded(mixture), "units": [encoded(one) for one in units]}


def unit_maps(outputs: Tensor, layer: nn.Module) -> Tensor:
    """Activations (GRID^2, width) as small maps (SHOWN, GRID / THIN, GRID / THIN) in [0, 255].

    127.5 is the activation of an input of 0; the strongest deviation from it is 0 or 255.
    """
    thinned = outputs[:, :SHOWN].reshape(GRID, GRID, -1)[THIN // 2 :: THIN, THIN // 2 :: THIN].permute(2, 0, 1)
    deviation = thinned - layer(torch.zeros(()))
    scale = deviation.abs().amax((1, 2), keepdim=True).clamp(min=FAINT)
    return 127.5 * (1 + deviation / scale)


def encoded(values: Tensor) -> str:
    """Numbers in [0, 255] as bytes in base64; those that are not finite are 0."""
    whole = values.nan_to_num(0, 255, 0).clamp(0, 255).round().byte().contiguous()
    return base64.b64encode(whole.numpy().tobytes()).decode()


def plane_of(points: Tensor) -> Plane:
    """The rectangle around points (N, 2), with a margin."""
    low, high = points.aminmax(dim=0)
    margin = (0.05 * (high - low).clamp(min=1e-3)).maximum(1e-6 * high.abs())
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return left, right, bottom, top


def rounded(matrix: Tensor) -> list[list[float | None]]:
    return [[finite(value) for value in row] for row in matrix.tolist()]


def finite(value: Any) -> float | None:
    """A number with four digits; None, JSON's null, for one that is not finite."""
    number = float(value)
    return round_to(number, 4) if math.isfinite(number) else None


def round_to(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")
