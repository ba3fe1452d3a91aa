"""The activation functions and their derivatives, which are factors of the gradients of all earlier layers."""

from collections.abc import Callable

import torch
from torch import Tensor

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.classifier.networks import ACTIVATIONS
from dlcourse.images.figures import COLORS, new_figure, to_image

REACH = 5.0  # the figure shows z in [-REACH, REACH]
PROBE = -4.0  # z at which saturation is measured


def derivative(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """g'(z) of an elementwise function; any shape -> the same shape."""
    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(function(z).sum(), z)
    return gradient


def demonstrate() -> Demonstration:
    """Each activation function of the multilayer perceptron: g and g'."""
    z = torch.linspace(-REACH, REACH, 1001, dtype=torch.float64)
    figure = new_figure(13, 3.8)
    lines = []
    for index, (name, make) in enumerate(ACTIVATIONS.items()):
        g = make()
        slopes = derivative(g, z)
        at_probe = float(derivative(g, torch.tensor(PROBE, dtype=torch.float64)))
        lines.append(f"{name:<10} largest derivative {slopes.max():.3g}, at z = {PROBE:g} {at_probe:.3g}")
        axes = figure.add_subplot(1, len(ACTIVATIONS), 1 + index, title=name, xlabel="z")
        axes.plot(z, g(z), color=COLORS[2], label="g(z)")
        axes.plot(z, slopes, color=COLORS[0], linestyle="--", label="g'(z)")
        axes.set_ylim(-1.2, 2.2)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    return Demonstration(to_image(figure), lines)
