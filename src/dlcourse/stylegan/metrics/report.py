"""A report of a generator's metrics with two baselines: reals against reals, and the generator before training."""

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
from dlcourse.stylegan.metrics.disentanglement import SCALES, StyleEffects, draw_effects
from dlcourse.stylegan.metrics.diversity import AttributeDiversity
from dlcourse.stylegan.metrics.evaluation import Evaluation, Values
from dlcourse.stylegan.minibatches import ImageDataset
from dlcourse.stylegan.networks.generator import Generator


@dataclass(frozen=True)
class BaselineComparison:
    """The metrics of a generator and of its baselines."""

    value: Values  # of the generator
    reals: Values  # of reals against reals, for metrics of distributions only; no generator should beat them
    untrained: Values  # of a generator of the same configuration with new weights
    effects: StyleEffects | None  # of style layers on attributes, if asked for
    attributes: AttributeDiversity | None  # of the generator's images, if asked for

    def table(self) -> list[str]:
        """The metrics, and the effects of the styles, as lines of text."""
        rows = [["metric", "generator", "real against real", "untrained"]]
        for tag, value in self.value.items():
            baselines = [format_metric(self.reals.get(tag)), format_metric(self.untrained[tag])]
            rows.append([tag.removeprefix("metrics/"), format_metric(value), *baselines])
        lines = aligned(rows)
        if self.effects is not None:
            lines += ["", *aligned(self.effects.rows()), "", *claims(self.effects)]
        if self.attributes is not None:
            lines += ["", "attributes that depend on each other most:", *self.attributes.lines()]
        return lines

    def as_json(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """All values, after the notes, as JSON data."""
        found = {
            tag: {"value": value, "real_against_real": self.reals.get(tag), "untrained": self.untrained[tag]}
            for tag, value in self.value.items()
        }
        whole = {**notes, "metrics": found}
        if self.effects is not None:
            moved, amount = self.effects.moved, self.effects.amount
            whole["styles"] = {"moved": moved, "relative_to_all": self.effects.relative(), "amount": amount}
        if self.attributes is not None:
            whole["associations"] = {f"{a}, {b}": v for (a, b), v in self.attributes.associations.items()}
        return whole


def compare_with_baselines(
    evaluation: Evaluation, generator: Generator, node: dict[str, Any], dataset: ImageDataset
) -> BaselineComparison:
    """Measure a generator and its baselines; `node` is the config that rebuilds it."""
    generator = generator.to(memory_format=torch.channels_last)  # the fastest layout
    found = evaluation.measure(generator, dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evaluation.seed)
        untrained: Generator = build(node, "model.generator")
    untrained = untrained.eval().to(generator.w_avg.device).to(memory_format=torch.channels_last)
    baselines = evaluation.between_reals(dataset), evaluation(untrained, dataset)
    return BaselineComparison(found.values, *baselines, found.effects, found.attributes)


def format_metric(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def claims(effects: StyleEffects) -> list[str]:
    """For each coarse or fine attribute, how often the styles of its scale and of the opposite one move it."""
    opposite = {"coarse": "fine", "fine": "coarse"}
    lines = []
    for name, moved in effects.moved.items():
        own = SCALES[name]
        if own in opposite:
            rates = moved[own], moved[opposite[own]]
            shares = f"{own} styles move it in {rates[0]:.0%} of the pairs, {opposite[own]} ones in {rates[1]:.0%}"
            factor = f"{rates[0] / rates[1]:.1f} times as often" if rates[1] else "while the other never does"
            lines.append(f"{name}: {shares}, {factor}")
    return lines


def write_evaluation(comparison: BaselineComparison, notes: Mapping[str, Any], folder: Path, step: int) -> list[Path]:
    """Write metrics.json, styles.png if there are effects, and TensorBoard's events into a folder of their own."""
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "metrics.json"]
    with atomic_write(written[0]) as temporary:
        temporary.write_text(json.dumps(comparison.as_json(notes), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    with SummaryWriter(str(folder)) as writer:
        for tag, value in comparison.value.items():
            writer.add_scalar(tag, value, step)
        if comparison.effects is not None:
            image = draw_effects(comparison.effects)
            written.append(folder / "styles.png")
            figures.save_figure(image, written[-1])
            writer.add_image("images/styles", image[0], step)
    return written
