"""Edits along directions in W: principal components, or attributes from a file."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.files.bounded import check_file, open_file
from dlcourse.images.tables import Table, enlarged, headed_table
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.ranges import Ranges, check_ranges, describe_range, find_range
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, labels_of, parse_numbers, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

MOST_STRENGTH = 100.0  # beyond it every image has one colour
MAX_BYTES = 2**22  # of a file of attributes: about a hundred thousand seeds
MAX_COLUMNS = 1000

Attributes = dict[str, dict[int, float]]  # name -> seed -> value


@dataclass(eq=False)
class Edit(Sampler):
    """w + strength * direction, in the layers of a range, for several directions and strengths.

    Directions are principal components of W (Harkonen et al. 2020), and attributes from a file: from the mean w without
    to the mean w with the attribute.
    """

    seeds: Seeds  # the images to edit, one row each for each direction
    components: int | list[int]  # how many principal components, from the first, or which ones, from 0
    component_seeds: Seeds  # more than one; the components are those of their w before truncation
    attributes: str | None  # a file, see `read_attributes`
    strengths: list[float]  # one column each; the unit is a standard deviation of a component, or 1 of an attribute
    layers: str  # see `find_range`
    ranges: Ranges
    synthesizer: Synthesizer
    writes_tensors = True

    def __post_init__(self) -> None:
        check_ranges(self.ranges)
        self.latents, self.sampled = parse_seeds(self.seeds), parse_numbers(self.component_seeds)
        chosen = self.components if isinstance(self.components, list) else [self.components]
        if not all(0 <= one < len(self.sampled) for one in chosen):
            raise ValueError(f"components must be in [0, {len(self.sampled)}), got {self.components}")
        self.chosen = chosen if isinstance(self.components, list) else list(range(self.components))
        if not self.strengths:
            raise ValueError("strengths must name at least one, such as [-2,0,2]")
        if max(map(abs, self.strengths)) > MOST_STRENGTH:
            raise ValueError(f"strengths must be in [{-MOST_STRENGTH:g}, {MOST_STRENGTH:g}], got {self.strengths}")
        self.values = {} if self.attributes is None else read_attributes(self.attributes)
        if not self.chosen and not self.values:
            raise ValueError("there are no components and there are no attributes: there is no direction to go")

    def __call__(self, generator: Generator) -> Result:
        first, last = find_range(self.layers, self.ranges, generator.num_layers)
        styles = self.synthesizer.styles(generator, self.latents)
        tables: list[Table[Image.Image]] = []
        singles: dict[str, Image.Image] = {}
        directions = self.directions(generator)
        for name, direction in directions.items():
            cells: Table[Image.Image] = {}
            for label, latent, own in zip(labels_of(self.latents), self.latents, styles, strict=True):
                edited = move(own, direction, self.strengths, first, last)
                images = self.synthesizer.synthesize(generator, edited, latent.noise(generator))
                for strength, image in zip(self.strengths, images, strict=True):
                    cells[f"{name}\n{label}", f"{strength:+g}" if strength else "0, unchanged"] = enlarged(image)
                    singles[f"{name.partition(',')[0]} {label} {strength:+g}"] = to_pil_image(image)
            tables.append(cells)
        heading = (
            f"Editing, w + strength x direction in {describe_range([first, last])}: the unit is a standard deviation "
            "of a principal component, or from without to with an attribute; "
            + self.synthesizer.described(self.latents)
        )
        found = {"directions": {name: direction.cpu() for name, direction in directions.items()}}
        return Result(headed_table(heading, *tables), singles=singles, found=found)

    def directions(self, generator: Generator) -> dict[str, Tensor]:
        """Name -> direction, (w_dim)."""
        found: dict[str, Tensor] = {}
        if self.chosen:
            w = self.synthesizer.w(generator, self.sampled)
            axes, shares = principal_components(w, max(self.chosen) + 1)
            for index in self.chosen:
                if index >= len(axes):
                    raise UserError(f"sampler.components: the last one is {len(axes) - 1}, got {index}")
                found[f"component {index}, {100 * shares[index]:.0f} % of the variance"] = axes[index]
        for name, values in self.values.items():
            w = self.synthesizer.w(generator, list(values))
            found[name] = slope(w, torch.tensor(list(values.values()), device=w.device))
        return found


def move(styles: Tensor, direction: Tensor, strengths: list[float], first: int, last: int) -> Tensor:
    """w + strength * direction in layers first, ..., last - 1; strength 0 gives w to the last bit.

    Shape: (L, w_dim), (w_dim) -> (number of strengths, L, w_dim).
    """
    moved = styles.repeat(len(strengths), 1, 1)
    moved[:, first:last] += torch.tensor(strengths).to(styles)[:, None, None] * direction  # (S, 1, w_dim)
    return moved


def principal_components(w: Tensor, count: int) -> tuple[Tensor, list[float]]:
    """The first eigenvectors of the covariance of w times their standard deviations, and their shares of the variance.

    Their largest entry is positive. Shape: (N, w_dim) -> (count, w_dim), count shares.
    """
    centred = (w - w.mean(0)).double().cpu()
    variances, axes = torch.linalg.eigh(centred.mT @ centred / (len(w) - 1))  # ascending
    variances, axes = variances.flip(0).clamp(min=0), axes.flip(1).mT  # (w_dim), (w_dim, w_dim): one a row
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    scaled = axes * largest.sign() * variances.sqrt()[:, None]
    shares = (variances / variances.sum().clamp(min=1e-300)).tolist()
    return scaled[:count].to(w), shares[:count]


def slope(w: Tensor, values: Tensor) -> Tensor:
    """cov(w, value) / var(value): for values 0 and 1, the difference of the mean w. (N, w_dim), (N) -> (w_dim)."""
    centred = values - values.mean()
    return centred @ (w - w.mean(0)) / centred.square().sum()


def read_attributes(path: str) -> Attributes:
    """The attributes in a CSV file: a column "seed", and one of numbers for each attribute, or of empty cells.

    Such as 1 for "has glasses" and 0 for "has none". ValueError for another file, or an attribute that is the same for
    all seeds.
    """
    check_file("attributes", path)
    try:
        with open_file(Path(path)) as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        table = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""))
        if len(table.fieldnames or ()) > MAX_COLUMNS:  # each would be in every row, even an empty one
            raise ValueError(f"more than {MAX_COLUMNS} columns")
        names = [name for name in table.fieldnames or () if name != "seed"]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"attributes={path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if "seed" not in (table.fieldnames or ()) or not names:
        raise ValueError(f"attributes={path}: needs a column called seed, and one for each attribute")
    found: Attributes = {name: {} for name in names}
    try:
        for line, row in enumerate(table, start=2):
            note(found, row, f"attributes={path}, line {line}")
    except csv.Error as error:
        raise ValueError(f"attributes={path}: cannot be read ({error})") from None
    for name, values in found.items():
        if len(set(values.values())) < 2:
            raise ValueError(f"attributes={path}: {name[:60]} is the same for all seeds")
    return found


def note(attributes: Attributes, row: Mapping[str, str | None], place: str) -> None:
    """Add a row of the file to the attributes; `place` is for the message of a ValueError."""
    for name, values in attributes.items():
        cell = (row[name] or "").strip()
        if not cell:
            continue
        try:
            (seed,) = parse_numbers(row["seed"] or "")
            values[seed] = float(cell)
            if not math.isfinite(values[seed]):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"{place}: seed {str(row['seed'])[:60]!r} and {name[:60]} {cell[:60]!r} must be numbers"
            ) from None
