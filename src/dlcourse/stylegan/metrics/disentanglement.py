"""Entanglement of the latents: path lengths, separability, and which style layers move which attributes.

Letters: N images or paths, D dimensions, C classes, P pairs, A attributes, K swaps.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    first: Tensor,  # one end of each path, (N, D)
    second: Tensor,
    t: Tensor,  # the position on each path, (N, 1)
    between: Callable[[Tensor, Tensor, Tensor], Tensor],  # lerp or slerp
    images: Callable[[Tensor], Tensor],  # of latents (N, D)
    features: Callable[[Tensor], Tensor],  # of images, (N, F)
) -> Tensor:
    """d(G(a(t)), G(a(t + eps))) / eps^2 of each path, (N), with d = |f - f'|^2   (Karras et al. 2019, eq. 2-3).

    Networks should compute in float64: see `Fakes.in_double_precision`. The paper's d is LPIPS of VGG16.
    """
    ends = torch.cat([between(first, second, t), between(first, second, t + EPSILON)])
    found = features(images(ends)).double()
    return (found[: len(t)] - found[len(t) :]).square().sum(1) / EPSILON**2


def trimmed_mean(lengths: Tensor) -> float:
    """The mean without the lowest and the highest hundredth."""
    count = int(len(lengths) * TRIMMED)
    return float(lengths.sort().values[count : len(lengths) - count].double().mean())


def separability(latents: Tensor, labels: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Linear separability of all attributes: the score exp(sum_i H(Y_i | X_i)), 1 at best, and the entropy left.

    Y_i is the attribute network's class of an image, X_i a linear model's guess of it from the latent   (Karras et al.
    2019, section 4.2). For each attribute, only the half of the images with the higher confidence counts. The linear
    model is a logistic regression, since the paper's SVM has only two classes. It is fitted on every other image and
    tested on the rest, so that memorizing images does not help. The entropy left is sum_i H(Y_i | X_i) / sum_i H(Y_i),
    in about [0, 1]. If all images have the same attributes, as an untrained generator's do, the score is low but this
    share is not.

    Latents are z or w, (N, D), of at least 8 images; labels are attribute -> (classes (N) int64, confidence (N)).
    """
    if len(latents) < 8:
        raise ValueError(f"separability needs at least 8 images, got {len(latents)}")
    left, whole = (sum(terms) for terms in zip(*(entropies(latents, *one) for one in labels.values()), strict=True))
    return math.exp(left), left / whole if whole else 0.0


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


Effects = dict[str, dict[str, float]]  # attribute -> swapped layers, the last of which are all -> number


@dataclass(frozen=True)
class StyleEffects:
    """Changes of the attributes when some layers take their style from another seed.

    An attribute has moved if it is of another class, or has changed by more than MOVED of its range; the colour scheme,
    by more than half of the average distance of two seeds' images. The amount is the mean change in units of the range;
    0 or 1 for classes; for the colour scheme the share of pixels whose colour would have to change.
    """

    moved: Effects  # how often the attribute moved
    amount: Effects

    def relative(self) -> Effects:
        """`moved` divided by that of the whole style; 0 where that is 0."""
        found = {}
        for name, rates in self.moved.items():
            *_, whole = rates.values()
            found[name] = {swap: rate / whole if whole else 0.0 for swap, rate in rates.items()}
        return found

    def rows(self) -> list[list[str]]:
        """`moved` as a table of text, in per cent of the pairs."""
        rows = [["moves, % of pairs", *next(iter(self.moved.values()))]]
        for name, rates in self.moved.items():
            rows.append([name, *(f"{100 * rate:.0f}" for rate in rates.values())])
        return rows


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
    found = {swap: changes(network, before, look, color_step) for swap, look in after.items()}
    moved, amount = (
        {name: {swap: float(change[name][which].mean()) for swap, change in found.items()} for name in order}
        for which in (0, 1)
    )
    return StyleEffects(moved, amount)


def draw_effects(effects: StyleEffects) -> Tensor:
    """A heat map of `moved`, (1, 3, H, W) in [0, 1]: a row for each attribute, a column for each swap."""
    values, swaps = [[*rates.values()] for rates in effects.moved.values()], [*next(iter(effects.moved.values()))]
    figure = new_figure(2.6 + 0.52 * len(swaps), 1.6 + 0.32 * len(values))
    axes = figure.add_subplot()
    axes.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(swaps)), swaps, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(values)), [f"{name} ({SCALES[name]})" for name in effects.moved], fontsize=8)
    for row, rates in enumerate(values):
        for column, rate in enumerate(rates):
            color = "black" if rate > 0.6 else "white"
            axes.text(column, row, f"{100 * rate:.0f}", color=color, ha="center", va="center", fontsize=7)
    groups = [SCALES[name] for name in effects.moved]
    for row, (above, below) in enumerate(pairwise(groups)):
        if above != below:
            axes.axhline(row + 0.5, color="white", linewidth=2)
    axes.set_xlabel("whose style is swapped: a range, one layer, or all", fontsize=8)
    axes.set_title("How often an attribute moves when layers take another style, % of pairs", fontsize=9)
    figure.tight_layout()
    return to_image(figure)
