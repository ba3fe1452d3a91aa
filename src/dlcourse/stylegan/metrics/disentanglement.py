"""Which style layers move which attributes, and the colour scheme. Letters: P pairs, A attributes, K swaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.datasets.faces.dataset import ATTRIBUTE_SCALE
from dlcourse.images.figures import new_figure, to_image
from dlcourse.nn.attribute_network import AttributeNetwork, Reading

MOVED = 1 / 6  # of its range: half of what two independent uniform values differ by on average
COLOR_SCHEME = "color_scheme"
SCALES = ATTRIBUTE_SCALE | {COLOR_SCHEME: "fine"}  # what should move what   (Karras et al. 2019, section 3.1)
COLOR_LEVELS = 4  # of each channel


@dataclass(frozen=True)
class Look:
    """What is seen of P images.

    Attributes:
        reading: their attributes, read by a network.
        colors: their histograms, (P, 64), see `color_histograms`.
    """

    reading: Reading
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
        """How often the attribute moved."""
        return float(self.moved[self.attributes.index(attribute), self.swaps.index(swap)])

    def relative(self) -> Tensor:
        """`moved` over that of the whole swap, (A, K); 0 where nothing moves at all."""
        whole = self.moved[:, -1:]
        return torch.where(whole > 0, self.moved / whole.clamp(min=1e-12), 0.0)

    def rows(self) -> list[list[str]]:
        """A table for people: how often, in per cent of the pairs."""
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
        first, second = (look.reading.values[name].clamp(low, high) for look in (before, after))
        distance = (second - first).abs() / (high - low)
        found[name] = (distance > MOVED).double(), distance.double()
    for name in network.categorical:
        differs = (after.reading.logits[name].argmax(1) != before.reading.logits[name].argmax(1)).double()
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
