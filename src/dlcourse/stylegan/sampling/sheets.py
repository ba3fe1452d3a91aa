"""Images from tensors, in labelled tables under a heading."""

import math
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from dlcourse.images import tables
from dlcourse.images.tables import Table, under
from dlcourse.images.tensors import to_pil_image

SMALLEST_CELL = 96  # pixels; smaller images are enlarged by a whole factor
MOST_PIXELS = 6 * 10**7  # of all cells of a table together; larger images are reduced


def enlarged(image: Tensor, least: int = SMALLEST_CELL) -> Image.Image:
    """(3, H, W) in [0, 1] as an image of at least so many pixels per side, each pixel a whole square."""
    exact = to_pil_image(image)
    factor = max(1, math.ceil(least / min(exact.size)))
    return exact.resize((exact.width * factor, exact.height * factor), Image.Resampling.NEAREST)


def table(heading: str, cells: Table[Image.Image]) -> Image.Image:
    """A table with titles of rows and columns under a heading.

    Args:
        heading: what is seen, in a sentence or two.
        cells: (title of the row, title of the column) -> image, at least one.
    """
    height = cell_height(list(cells.values()))
    return under(heading, tables.draw([cells], height), max(13, height // 13))


def cell_height(images: Sequence[Image.Image]) -> int:
    """The height of the highest, or what keeps the whole table within MOST_PIXELS."""
    highest = max(image.height for image in images)
    widest = max(image.width / image.height for image in images)
    return max(16, min(highest, math.floor(math.sqrt(MOST_PIXELS / len(images) / widest))))


def stacked(images: Sequence[Image.Image]) -> Image.Image:
    """Images beneath each other on white, centred."""
    width = max(image.width for image in images)
    sheet = Image.new("RGB", (width, sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        sheet.paste(image, ((width - image.width) // 2, top))
        top += image.height
    return sheet


def heat(values: Tensor, least: int = SMALLEST_CELL) -> Image.Image:
    """(H, W) in [0, 1] as an image: black, red, yellow, white."""
    level = values.clamp(0, 1) * 3
    return enlarged(torch.stack([level, level - 1, level - 2]).clamp(0, 1), least)


def unique(labels: Sequence[str]) -> list[str]:
    """Labels for a table, in which a title that comes again would be the same row or column."""
    seen: dict[str, int] = {}
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
    counts: dict[str, int] = {}
    found = []
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
        found.append(f"{label} ({counts[label]})" if seen[label] > 1 else label)
    return found
