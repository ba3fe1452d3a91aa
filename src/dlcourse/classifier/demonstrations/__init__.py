"""Small experiments of a second or two, each of which shows one idea of the course in one image.

Each module has a function `demonstrate`, and is imported only when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

SUMMARIES = {
    "moving_averages": "exponentially weighted averages of a year's temperatures, and bias correction",
    "optimizer_paths": "gradient descent, momentum, RMSprop and Adam in an elongated bowl and on a saddle",
    "signal_propagation": "activations and gradients through twenty layers, by initialization",
    "activation_functions": "sigmoid, tanh, ReLU, leaky ReLU and their derivatives",
    "schedules": "how each schedule moves the learning rate",
    "softmax": "probabilities from logits, by temperature",
    "bias_variance": "an underfitted, a fitted and an overfitted classifier of the same points",
}


class Demonstration(NamedTuple):
    """An image (1, 3, H, W) in [0, 1], and lines of text with the measurements."""

    image: "Tensor"
    lines: list[str]


def demonstrate(name: str) -> Demonstration:
    """Run the demonstration of this name, one of SUMMARIES."""
    return import_module(f"{__name__}.{name}").demonstrate()
