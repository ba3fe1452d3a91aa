"""Activations and gradients through twenty layers, by initialization of the weights."""

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import functional as F

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.classifier.networks import MLP
from dlcourse.images.figures import COLORS, new_figure, to_image

DEPTH, WIDTH = 20, 100  # hidden layers, units of each
NUM_SAMPLES, NUM_CLASSES = 1000, 10
ACTIVATIONS = ("relu", "tanh")
INITS = {  # name in the figure -> init and init_std of the MLP
    "N(0, 0.01²)": ("normal", 0.01),
    "Xavier": ("xavier", 0.0),
    "He": ("he", 0.0),
    "torch's default": ("default", 0.0),
    "N(0, 1)": ("normal", 1.0),
}


def propagate(activation: str, init: str, init_std: float, seed: int) -> tuple[Tensor, Tensor]:
    """Standard deviations, at initialization, of each hidden layer's activations and of its weights' gradient.

    Inputs are N(0, 1), labels are random, the loss is the cross-entropy. Both results are float64 (DEPTH,), first layer
    first; float64 can represent 1e-40 and 1e+40.
    """
    with torch.random.fork_rng(devices=[]):  # an MLP draws its weights from the global generator
        torch.manual_seed(seed)
        model = MLP((WIDTH,), NUM_CLASSES, [WIDTH] * DEPTH, activation, init, init_std, 0.0, "none").double()
        signal = torch.randn(NUM_SAMPLES, WIDTH, dtype=torch.float64)
        labels = torch.randint(NUM_CLASSES, (NUM_SAMPLES,))
    *hidden, output = model.layers  # linear, activation, linear, activation, ..., linear
    spreads = []
    for linear, nonlinearity in zip(hidden[::2], hidden[1::2], strict=True):
        signal = nonlinearity(linear(signal))  # (N, WIDTH)
        spreads.append(signal.detach().std())
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1][:DEPTH]
    gradients = torch.autograd.grad(F.cross_entropy(output(signal), labels), weights)
    return torch.stack(spreads), torch.stack([gradient.std() for gradient in gradients])


def drawable_on_log_axis(values: Tensor) -> Tensor:
    """The values, with NaN (a gap in the line) for 0 and infinity, which a logarithmic axis cannot show."""
    return values.where((values > 0) & values.isfinite(), torch.nan)


def demonstrate() -> Demonstration:
    """ReLU and tanh networks under five initializations."""
    figure = new_figure(11, 8)
    lines = []
    for column, activation in enumerate(ACTIVATIONS):
        measured = {name: propagate(activation, init, std, seed=0) for name, (init, std) in INITS.items()}
        forward, backward = ({name: pair[part] for name, pair in measured.items()} for part in (0, 1))
        draw_layers(figure.add_subplot(2, 2, 1 + column), forward, f"{activation}: activations")
        draw_layers(figure.add_subplot(2, 2, 3 + column), backward, f"{activation}: gradients of the weights")
        lines.append(f"{activation:4} activations, layer {DEPTH}: {listed(forward, DEPTH)}")
        lines.append(f"{activation:4} gradients, layer 1:    {listed(backward, 1)}")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="lower center", ncols=len(INITS), frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    lines.append(f"a gain of 1.5 or 0.5 per layer, 50 layers: {1.5**50:.1e} or {0.5**50:.1e}")
    return Demonstration(to_image(figure), lines)


def draw_layers(axes: Axes, by_init: dict[str, Tensor], title: str) -> None:
    """A line over the layers for each initialization."""
    for (name, values), color in zip(by_init.items(), COLORS, strict=False):
        axes.plot(range(1, DEPTH + 1), drawable_on_log_axis(values), color=color, marker=".", label=name)
    axes.set(yscale="log", xlabel="hidden layer", ylabel="standard deviation", title=title)
    axes.set_xticks(range(0, DEPTH + 1, 5))
    axes.grid(alpha=0.3)


def listed(by_init: dict[str, Tensor], layer: int) -> str:
    """The values of one layer, counted from 1."""
    return ", ".join(f"{name} {values[layer - 1]:.1e}" for name, values in by_init.items())
