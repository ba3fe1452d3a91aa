"""Entanglement of the latents: path lengths, separability, and which style layers move which attributes.

Letters: N images or paths, D dimensions, C classes, P pairs, A attributes, K swaps.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.datasets.faces.dataset import ATTRIBUTE_SCALE
from dlcourse.images.figures import new_figure, to_image
from dlcourse.nn.attribute_network import AttributeNetwork, AttributePrediction

EPSILON = 1e-4  # step of the path lengths
TRIMMED = 0.01  # share of the paths left out at either end, as in the official code
L2 = 1e-3  # regularization of the linear model
ITERATIONS = 100
MOVED = 1 / 6  # change in units of the range beyond which an attribute has moved: half of that of two uniform values
COLOR_SCHEME = "color_scheme"
SCALES = ATTRIBUTE_SCALE | {COLOR_SCHEME: "fine"}  # what should move what   (Karras et al. 2019, section 3.1)
COLOR_LEVELS = 4  # of each channel


def path_lengths(
    first: Tensor,
    second: Tensor,
    t: Tensor,
    between: Callable[[Tensor, Tensor, Tensor], Tensor],
    images: Callable[[Tensor], Tensor],
    features: Callable[[Tensor], Tensor],
) -> Tensor:
    """d(G(a(t)), G(a(t + eps))) / eps^2 of each path, (N), with d = |f - f'|^2   (Karras et al. 2019, eq. 2-3).

    Networks should compute in float64: see `Fakes.in_double_precision`. The paper's d is LPIPS of VGG16.

    Args:
        first, second: the ends of the paths, (N, D).
        t: the position on each path, (N, 1).
        between: lerp or slerp.
        images: latents (N, D) -> images.
        features: images -> (N, F).
    """
    ends = torch.cat([between(first, second, t), between(first, second, t + EPSILON)])
    found = features(images(ends)).double()
    return (found[: len(t)] - found[len(t) :]).square().sum(1) / EPSILON**2


def trimmed_mean(lengths: Tensor) -> float:
    """The mean without the lowest and the highest hundredth."""
    count = int(len(lengths) * TRIMMED)
    return float(lengths.sort().values[count : len(lengths) - count].double().mean())


class Separability(NamedTuple):
    """How uncertain the attributes remain, given a linear model's guess from the latents.

    Attributes:
        score: exp(sum_i H(Y_i | X_i)), 1 at best   (Karras et al. 2019, section 4.2).
        entropy_left: sum_i H(Y_i | X_i) / sum_i H(Y_i), in about [0, 1]. If all images have the same attributes, as an
            untrained generator's do, the score is low but this share is not.
    """

    score: float
    entropy_left: float


def separability(latents: Tensor, labels: Mapping[str, tuple[Tensor, Tensor]]) -> Separability:
    """Linear separability of all attributes at once.

    Y_i is the attribute network's class of an image, X_i a linear model's guess of it from the latent. For each
    attribute, only the half of the images with the higher confidence counts. The linear model is a logistic regression,
    since the paper's SVM has only two classes. It is fitted on every other image and tested on the rest, so that
    memorizing images does not help.

    Args:
        latents: z or w, (N, D), of at least 8 images.
        labels: attribute -> (classes (N) int64, confidence (N)), at least one.
    """
    if len(latents) < 8:
        raise ValueError(f"separability needs at least 8 images, got {len(latents)}")
    left, whole = (sum(terms) for terms in zip(*(entropies(latents, *one) for one in labels.values()), strict=True))
    return Separability(math.exp(left), left / whole if whole else 0.0)


def entropies(latents: Tensor, classes: Tensor, confidence: Tensor) -> tuple[float, float]:
    """H(Y | X) and H(Y) of one attribute in nats, see `separability`."""
    sure = confidence.argsort(descending=True, stable=True)[: len(classes) // 2].sort().values
    x, y = latents[sure].double().cpu(), classes[sure].cpu()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-12)
    weight, bias = logistic_regression(x[::2], y[::2], int(y.max()) + 1)
    guesses = F.linear(x[1::2], weight, bias).argmax(1)
    return conditional_entropy(guesses, y[1::2]), conditional_entropy(torch.zeros_like(guesses), y[1::2])


def logistic_regression(x: Tensor, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Minimise cross-entropy + L2 / 2 |W|^2 by L-BFGS: (N, D), (N) -> W (C, D), b (C)."""
    weight = torch.zeros(num_classes, x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = F.cross_entropy(F.linear(x, weight, bias), y) + L2 / 2 * weight.square().sum()
            loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def conditional_entropy(x: Tensor, y: Tensor) -> float:
    """H(Y | X) = -sum_xy p(x, y) ln p(y | x) of classes (N), (N)."""
    size = int(torch.stack([x, y]).max()) + 1
    joint = (x * size + y).bincount(minlength=size**2).reshape(size, size).double() / len(x)
    given = joint / joint.sum(1, keepdim=True).clamp(min=1e-300)
    return float(-(joint * given.clamp(min=1e-300).log()).sum())


@dataclass(frozen=True)
class Look:
    """Predicted attributes of P images, and their `color_histograms`, (P, 64)."""

    attributes: AttributePrediction
    colors: Tensor


def color_histograms(images: Tensor) -> Tensor:
    """The share of pixels in each of 4 x 4 x 4 colours: (N, 3, H, W) in [0, 1] -> (N, 64), rows of sum 1."""
    levels = (images * COLOR_LEVELS).long().clamp(0, COLOR_LEVELS - 1)
    colors = (levels[:, 0] * COLOR_LEVELS + levels[:, 1]) * COLOR_LEVELS + levels[:, 2]  # (N, H, W)
    return F.one_hot(colors.flatten(1), COLOR_LEVELS**3).double().mean(1)


@dataclass(frozen=True)
class StyleEffects:
    """Changes of the attributes when some layers take their style from another seed.

    Attributes:
        attributes: A names.
        swaps: K names of the layers that were swapped; the last one is the whole style.
        moved: (A, K), how often the attribute moved: to another class, or by more than MOVED of its range; the colour
            scheme by more than half of the average distance of two seeds' images.
        amount: (A, K), the mean change in units of the range; 0 or 1 for classes; for the colour scheme the share of
            pixels whose colour would have to change.
    """

    attributes: Sequence[str]
    swaps: Sequence[str]
    moved: Tensor
    amount: Tensor

    def rate(self, attribute: str, swap: str) -> float:
        return float(self.moved[self.attributes.index(attribute), self.swaps.index(swap)])

    def relative(self) -> Tensor:
        """`moved` divided by that of the whole style, (A, K); 0 where that is 0."""
        whole = self.moved[:, -1:]
        return torch.where(whole > 0, self.moved / whole.clamp(min=1e-12), 0.0)

    def rows(self) -> list[list[str]]:
        """`moved` as a table of text, in per cent of the pairs."""
        head = ["moves, % of pairs", *self.swaps]
        return [head] + [
            [name, *(f"{100 * value:.0f}" for value in row)]
            for name, row in zip(self.attributes, self.moved.tolist(), strict=True)
        ]


def changes(
    network: AttributeNetwork, before: Look, after: Look, color_step: float
) -> dict[str, tuple[Tensor, Tensor]]:
    """Attribute -> (whether it moved (P), by how much (P)) from the looks of P images to those of P others."""
    colors = (after.colors - before.colors).abs().sum(1) / 2  # total variation
    found = {COLOR_SCHEME: ((colors > color_step).double(), colors)}
    for name, (low, high) in network.continuous.items():
        first, second = (look.attributes.values[name].clamp(low, high) for look in (before, after))
        distance = (second - first).abs() / (high - low)
        found[name] = (distance > MOVED).double(), distance.double()
    for name in network.categorical:
        differs = (after.attributes.logits[name].argmax(1) != before.attributes.logits[name].argmax(1)).double()
        found[name] = differs, differs
    return found


def style_effects(
    network: AttributeNetwork, before: Look, after: Mapping[str, Look], order: Sequence[str]
) -> StyleEffects:
    """The effects of each swap in `after`, with the whole style last, on the attributes in this order."""
    *_, whole = after.values()
    color_step = float((whole.colors - before.colors).abs().sum(1).mean()) / 4
    columns = [changes(network, before, look, color_step) for look in after.values()]
    moved, amount = (
        torch.stack([torch.stack([column[name][which].mean().cpu() for column in columns]) for name in order])
        for which in (0, 1)
    )
    return StyleEffects(list(order), list(after), moved, amount)


def draw_effects(effects: StyleEffects, title: str) -> Tensor:
    """A heat map of `moved`, (1, 3, H, W) in [0, 1]: a row for each attribute, a column for each swap."""
    figure = new_figure(2.6 + 0.52 * len(effects.swaps), 1.6 + 0.32 * len(effects.attributes))
    axes = figure.add_subplot()
    axes.imshow(effects.moved.numpy(), cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(effects.swaps)), effects.swaps, rotation=45, ha="right", fontsize=8)
    labels = [f"{name} ({SCALES[name]})" for name in effects.attributes]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    for row, values in enumerate(effects.moved.tolist()):
        for column, value in enumerate(values):
            color = "black" if value > 0.6 else "white"
            axes.text(column, row, f"{100 * value:.0f}", color=color, ha="center", va="center", fontsize=7)
    groups = [SCALES[name] for name in effects.attributes]
    for row in range(1, len(groups)):
        if groups[row] != groups[row - 1]:
            axes.axhline(row - 0.5, color="white", linewidth=2)
    axes.set_xlabel("whose style is swapped: a range, one layer, or all", fontsize=8)
    axes.set_title(title, fontsize=9)
    figure.tight_layout()
    return to_image(figure)
