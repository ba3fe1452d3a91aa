"""From logits to probabilities; temperature moves them between one-hot and uniform."""

import math

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.images.figures import COLORS, new_figure, to_image

LOGITS = (5.0, 2.0, -1.0, 3.0)
TEMPERATURES = (0.5, 1.0, 2.0, 10.0)


def softmax(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """a_i = e^(z_i / T) / sum_j e^(z_j / T), along the last axis: one-hot as T -> 0, uniform as T -> infinity."""
    return (logits / temperature).softmax(-1)


def entropy(probabilities: Tensor) -> Tensor:
    """H = -sum_i a_i log2 a_i in bits: 0 if one class is certain, log2 C if all are equal; (..., C) -> (...)."""
    return torch.special.entr(probabilities).sum(-1) / math.log(2)


def demonstrate() -> Demonstration:
    """The same four logits at several temperatures, and two classes, for which softmax is the sigmoid."""
    logits = torch.tensor(LOGITS, dtype=torch.float64)
    powers = logits.exp()
    lines = [f"e^z = {', '.join(f'{power:.1f}' for power in powers)}; their sum {powers.sum():.1f}"]
    for temperature in TEMPERATURES:
        probabilities = softmax(logits, temperature)
        listed = ", ".join(f"{probability:.3f}" for probability in probabilities)
        lines.append(f"T = {temperature:<4g} softmax {listed}; entropy {entropy(probabilities):.2f} bits")
    figure = new_figure(13, 4.2)
    draw_bars(figure.add_subplot(1, 3, 1), logits)
    draw_temperatures(figure.add_subplot(1, 3, 2), logits)
    draw_two_classes(figure.add_subplot(1, 3, 3))
    figure.tight_layout()
    return Demonstration(to_image(figure), lines)


def draw_bars(axes: Axes, logits: Tensor) -> None:
    """A group of bars for each class, with a bar for each temperature."""
    width = 0.8 / len(TEMPERATURES)
    for index, temperature in enumerate(TEMPERATURES):
        left = [number - 0.4 + index * width for number in range(len(logits))]
        heights = softmax(logits, temperature).tolist()
        axes.bar(left, heights, width, align="edge", color=COLORS[index], label=f"T = {temperature:g}")
    axes.set_xticks(range(len(logits)), [f"z = {z:g}" for z in logits])
    axes.set(ylabel="probability", title="four logits, four temperatures")
    axes.legend(frameon=False)


def draw_temperatures(axes: Axes, logits: Tensor) -> None:
    """The probability of each class over the temperature."""
    temperatures = torch.logspace(-1, 2, 200, dtype=torch.float64)
    probabilities = softmax(logits, temperatures[:, None])  # (200, C)
    for z, curve, color in zip(logits, probabilities.T, COLORS, strict=False):
        axes.semilogx(temperatures, curve, color=color, label=f"z = {z:g}")
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.set(xlabel="temperature", ylabel="probability", title="from one-hot to uniform")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def draw_two_classes(axes: Axes) -> None:
    """softmax([z, 0]) as a line, sigmoid(z) as dots on it."""
    z = torch.linspace(-6, 6, 121, dtype=torch.float64)
    first, _ = softmax(torch.stack([z, torch.zeros_like(z)], -1), 1.0).unbind(-1)
    axes.plot(z, first, color=COLORS[2], label="softmax([z, 0])₁")
    axes.plot(z[::10], z[::10].sigmoid(), color=COLORS[0], marker="o", linestyle="", label="sigmoid(z)")
    axes.set(xlabel="z", ylabel="probability", title="two classes")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
