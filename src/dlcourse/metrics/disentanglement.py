"""Which style layers move which attributes. Letters: P pairs, A attributes, K swaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcourse.figures import new_figure, to_image
from dlcourse.models import AttributeNetwork
from dlcourse.models.attributes import Reading

MOVED = 1 / 6  # of its range: half of what two independent uniform values differ by on average


@dataclass(frozen=True)
class StyleEffects:
    """What happens to the attributes of pictures when some layers take their style from another seed.

    Attributes:
        attributes: names, A of them.
        swaps: names of what was swapped, K of them; the last one is the whole style.
        moved: (A, K), how often the attribute moved: another class, or by more than a sixth of its range.
        amount: (A, K), the mean change in units of the range; of a class, 0 or 1.
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


def changes(network: AttributeNetwork, before: Reading, after: Reading) -> dict[str, tuple[Tensor, Tensor]]:
    """Attribute -> (whether it moved (P), by how much (P)) between two readings of P pictures each."""
    found = {}
    for name, (low, high) in network.continuous.items():
        distance = (after.values[name].clamp(low, high) - before.values[name].clamp(low, high)).abs() / (high - low)
        found[name] = (distance > MOVED).double(), distance.double()
    for name in network.categorical:
        differs = (after.logits[name].argmax(1) != before.logits[name].argmax(1)).double()
        found[name] = differs, differs
    return found


def style_effects(
    network: AttributeNetwork, before: Reading, after: Mapping[str, Reading], order: Sequence[str]
) -> StyleEffects:
    """Effects of each swap in `after`, the whole one last, on the attributes in this order."""
    columns = [changes(network, before, reading) for reading in after.values()]
    moved, amount = (
        torch.stack([torch.stack([column[name][which].mean() for column in columns]) for name in order]).cpu()
        for which in (0, 1)
    )
    return StyleEffects(list(order), list(after), moved, amount)


def draw(effects: StyleEffects, scales: Mapping[str, str], title: str) -> Tensor:
    """A heat map, (1, 3, H, W) in [0, 1]: rows are attributes in the groups of `scales`, columns what was swapped."""
    figure = new_figure(2.6 + 0.52 * len(effects.swaps), 1.6 + 0.32 * len(effects.attributes))
    axes = figure.add_subplot()
    axes.imshow(effects.moved.numpy(), cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(effects.swaps)), effects.swaps, rotation=45, ha="right", fontsize=8)
    labels = [f"{name} ({scales[name]})" for name in effects.attributes]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    for row, values in enumerate(effects.moved.tolist()):
        for column, value in enumerate(values):
            color = "black" if value > 0.6 else "white"
            axes.text(column, row, f"{100 * value:.0f}", color=color, ha="center", va="center", fontsize=7)
    groups = [scales[name] for name in effects.attributes]
    for row in range(1, len(groups)):
        if groups[row] != groups[row - 1]:
            axes.axhline(row - 0.5, color="white", linewidth=2)
    axes.set_xlabel("whose style is swapped: a range, one layer, or all", fontsize=8)
    axes.set_title(title, fontsize=9)
    figure.tight_layout()
    return to_image(figure)
