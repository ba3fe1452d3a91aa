"""A generator's metrics beside two baselines: reals against reals, and the same generator before training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dlcourse.engine.build import build
from dlcourse.files.atomic import atomic_write
from dlcourse.files.terminal import aligned
from dlcourse.images import figures
from dlcourse.stylegan.metrics.disentanglement import SCALES, StyleEffects, draw
from dlcourse.stylegan.metrics.evaluation import Evaluation, Values
from dlcourse.stylegan.metrics.samples import Images
from dlcourse.stylegan.networks.generator import Generator


@dataclass(frozen=True)
class Comparison:
    """Each metric three times.

    Attributes:
        value: of the generator.
        reals: of real images in its place, where that makes sense: no generator of the same data can do better.
        untrained: of a generator of the same configuration with new weights.
        effects: of style layers on attributes, if asked for.
    """

    value: Values
    reals: Values
    untrained: Values
    effects: StyleEffects | None

    def table(self) -> list[str]:
        """The metrics, and the effects of the styles, as lines of text."""
        rows = [["metric", "generator", "real against real", "untrained"]]
        for tag, value in self.value.items():
            baselines = [shown(self.reals.get(tag)), shown(self.untrained[tag])]
            rows.append([tag.removeprefix("metrics/"), shown(value), *baselines])
        lines = aligned(rows)
        if self.effects is not None:
            lines += ["", *aligned(self.effects.rows()), "", *claims(self.effects)]
        return lines

    def as_json(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """All values, after the notes, as JSON data."""
        found = {
            tag: {"value": value, "real_against_real": self.reals.get(tag), "untrained": self.untrained[tag]}
            for tag, value in self.value.items()
        }
        return {**notes, "metrics": found} | ({} if self.effects is None else {"styles": effects_as_json(self.effects)})


def compare(evaluation: Evaluation, generator: Generator, node: dict[str, Any], dataset: Images) -> Comparison:
    """Measure a generator and its baselines.

    Args:
        evaluation: what is measured, and how.
        generator: the trained one.
        node: the config that rebuilds it.
        dataset: the reals.
    """
    generator = generator.to(memory_format=torch.channels_last)  # the fastest layout
    result = evaluation.measure(generator, dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evaluation.seed)
        untrained: Generator = build(node, "model.generator")
    untrained = untrained.eval().to(generator.w_avg.device).to(memory_format=torch.channels_last)
    return Comparison(result.values, evaluation.between_reals(dataset), evaluation(untrained, dataset), result.effects)


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def claims(effects: StyleEffects) -> list[str]:
    """How often coarse and fine styles move the attributes of their own scale, compared with each other."""
    opposite = {"coarse": "fine", "fine": "coarse"}
    lines = []
    for name in effects.attributes:
        own = SCALES[name]
        if own in opposite:
            rates = [effects.rate(name, swap) for swap in (own, opposite[own])]
            factor = f"{rates[0] / rates[1]:.1f} times as often" if rates[1] else "while the other never does"
            lines.append(
                f"{name}: {own} styles move it in {rates[0]:.0%} of the pairs, {opposite[own]} ones in {rates[1]:.0%}, "
                f"{factor}"
            )
    return lines


def effects_as_json(effects: StyleEffects) -> dict[str, Any]:
    """Attribute -> swap -> how often it moved, that over the whole swap's, and how much it changed."""
    tables = {"moved": effects.moved, "relative_to_all": effects.relative(), "amount": effects.amount}
    return {
        title: {
            name: dict(zip(effects.swaps, row, strict=True))
            for name, row in zip(effects.attributes, table.tolist(), strict=True)
        }
        for title, table in tables.items()
    }


def write(comparison: Comparison, notes: Mapping[str, Any], folder: Path, step: int) -> list[Path]:
    """metrics.json, styles.png if there is something to see, and TensorBoard's events, in a folder of their own."""
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "metrics.json"]
    with atomic_write(written[0]) as temporary:
        temporary.write_text(json.dumps(comparison.as_json(notes), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    with SummaryWriter(str(folder)) as writer:
        for tag, value in comparison.value.items():
            writer.add_scalar(tag, value, step)
        if comparison.effects is not None:
            title = "How often an attribute moves when layers take another style, % of pairs"
            image = draw(comparison.effects, title)
            written.append(folder / "styles.png")
            figures.save(image, written[-1])
            writer.add_image("images/styles", image[0], step)
    return written
