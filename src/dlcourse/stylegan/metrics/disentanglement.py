"""How entangled the latents are: path lengths, separability, and which style layers move which attributes.

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
TRIMMED = 0.01  # share of the paths that is left out at either end, as in the official code
L2 = 1e-3  # of the linear model's weights, per sample
ITERATIONS = 100
MOVED = 1 / 6  # of its range: half of what two independent uniform values differ by on average
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
    """d(G(a(t)), G(a(t + eps))) / eps^2 of each path, with d = |f - f'|^2   (Karras et al. 2019, eq. 2-3).

    Networks should compute in float64: see `Fakes.in_double_precision`. The paper's d is LPIPS of VGG16.

    Args:
        first, second: the ends of the paths, (N, D).
        t: where on each path, (N, 1).
        between: lerp or slerp.
        images: latents (N, D) -> images.
        features: images -> (N, F).

    Returns:
        (N).
    """
    ends = torch.cat([between(first, second, t), between(first, second, t + EPSILON)])
    found = features(images(ends)).double()
    return (found[: len(t)] - found[len(t) :]).square().sum(1) / EPSILON**2


def trimmed_mean(lengths: Tensor) -> float:
    """The mean without the lowest and the highest hundredth."""
    count = int(len(lengths) * TRIMMED)
    return float(lengths.sort().values[count : len(lengths) - count].double().mean())


class Separability(NamedTuple):
    """How much of the attributes a linear model of the latents leaves open.

    Attributes:
        score: exp(sum_i H(Y_i | X_i)), 1 at best   (Karras et al. 2019, section 4.2).
        entropy_left: sum_i H(Y_i | X_i) / sum_i H(Y_i), in about [0, 1]. The score is low also where all images have
            the same attributes, as those of an untrained generator; this share is not.
    """

    score: float
    entropy_left: float


def separability(latents: Tensor, labels: Mapping[str, tuple[Tensor, Tensor]]) -> Separability:
    """Linear separability of all attributes at once.

    Y_i is what the attribute network says of an image, X_i what a linear model guesses from its latent. Of each
    attribute only the surer half of the images counts. The linear model is a multinomial logistic regression
    where the paper has an SVM: it serves attributes of many classes too, and is fitted by L-BFGS. It is fitted on every
    other image and judged on the rest, so that it cannot gain by learning few images by heart.

    Args:
        latents: z or w, (N, D).
        labels: attribute -> (classes (N) int64, confidence (N)), at least one.

    Raises:
        ValueError: fewer than 8 images.
    """
    if len(latents) < 8:
        raise ValueError(f"separability needs at least 8 images, got {len(latents)}")
    left, whole = (sum(terms) for terms in zip(*(entropies(latents, *one) for one in labels.values()), strict=True))
    return Separability(math.exp(left), left / whole if whole else 0.0)


def entropies(latents: Tensor, classes: Tensor, confidence: Tensor) -> tuple[float, float]:
    """H(Y | X) and H(Y) in nats of one attribute, on the surer half of the images, every other of which teaches."""
    sure = confidence.argsort(descending=True, stable=True)[: len(classes) // 2].sort().values
    x, y = latents[sure].double().cpu(), classes[sure].cpu()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-12)
    weight, bias = logistic_regression(x[::2], y[::2], int(y.max()) + 1)
    guesses = F.linear(x[1::2], weight, bias).argmax(1)
    return conditional_entropy(guesses, y[1::2]), conditional_entropy(torch.zeros_like(guesses), y[1::2])


def logistic_regression(x: Tensor, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Minimise cross-entropy + L2 / 2 |W|^2, (N, D), (N) -> W (C, D), b (C)."""
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
    """Attributes of P images, as a network predicts them, and their `color_histograms`, (P, 64)."""

    attributes: AttributePrediction
    colors: Tensor


def color_histograms(images: Tensor) -> Tensor:
    """The shares of the pixels that have each of 4 x 4 x 4 colours, wherever they lie.

    Shape: (N, 3, H, W) in [0, 1] -> (N, 64), rows of sum 1.
    """
    levels = (images * COLOR_LEVELS).long().clamp(0, COLOR_LEVELS - 1)
    colors = (levels[:, 0] * COLOR_LEVELS + levels[:, 1]) * COLOR_LEVELS + levels[:, 2]  # (N, H, W)
    return F.one_hot(colors.flatten(1), COLOR_LEVELS**3).double().mean(1)


@dataclass(frozen=True)
class StyleEffects:
    """What happens to the attributes of images when some layers take their style from another seed.

    Attributes:
        attributes: names, A of them.
        swaps: names of what was swapped, K of them; the last one is the whole style.
        moved: (A, K), how often the attribute moved: another class, or by more than a sixth of its range; the colour
            scheme by more than half of what images of two seeds differ by on average.
        amount: (A, K), the mean change in units of the range; of a class, 0 or 1; of the colour scheme, the share of
            pixels whose colour would have to change.
    """

    attributes: Sequence[str]
    swaps: Sequence[str]
    moved: Tensor
    amount: Tensor

    def rate(self, attribute: str, swap: str) -> float:
        return float(self.moved[self.attributes.index(attribute), self.swaps.index(swap)])

    def relative(self) -> Tensor:
        """`moved` over that of the whole swap, (A, K); 0 where nothing moves at all."""
        whole = self.moved[:, -1:]
        return torch.where(whole > 0, self.moved / whole.clamp(min=1e-12), 0.0)

    def rows(self) -> list[list[str]]:
        """A table of text: how often each attribute moved, in per cent of the pairs."""
        head = ["moves, % of pairs", *self.swaps]
        return [head] + [
            [name, *(f"{100 * value:.0f}" for value in row)]
            for name, row in zip(self.attributes, self.moved.tolist(), strict=True)
        ]


def changes(
    network: AttributeNetwork, before: Look, after: Look, color_step: float
) -> dict[str, tuple[Tensor, Tensor]]:
    """Attribute -> (whether it moved (P), by how much (P)) between two looks at P images each."""
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
    """Effects of each swap in `after`, the whole one last, on the attributes in this order."""
    *_, whole = after.values()
    color_step = float((whole.colors - before.colors).abs().sum(1).mean()) / 4
    columns = [changes(network, before, look, color_step) for look in after.values()]
    moved, amount = (
        torch.stack([torch.stack([column[name][which].mean().cpu() for column in columns]) for name in order])
        for which in (0, 1)
    )
    return StyleEffects(list(order), list(after), moved, amount)


def draw(effects: StyleEffects, title: str) -> Tensor:
    """A heat map, (1, 3, H, W) in [0, 1]: rows are attributes in the groups of SCALES, columns what was swapped."""
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
