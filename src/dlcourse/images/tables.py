"""Draws tables and grids of images with titles, captions and headings, on white."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dlcourse.errors import UserError
from dlcourse.images.fonts import font_for, legible

if TYPE_CHECKING:
    from torch import Tensor

MAX_PIXELS = 10**8  # of a whole sheet
MAX_CELL_PIXELS = 6 * 10**7  # of all cells of a `headed_table` together; larger images are scaled down
MOST_LETTERS = 500  # of a title, caption or heading
SMALLEST_CELL = 96  # pixels per side; smaller images are enlarged by a whole factor

T = TypeVar("T")


class Cell(Protocol):
    """A Pillow image, or an object that reads one when it is copied."""

    @property
    def size(self) -> tuple[int, int]: ...

    def copy(self) -> Image.Image: ...


Table = dict[tuple[str, str], T]  # (row title, column title) -> cell; "" is no title


class Measures:
    """Sizes in pixels of a sheet with cells of `height`: their width, the gap between them, where they begin."""

    def __init__(self, tables: Sequence[Mapping[tuple[str, str], Cell]], height: int):
        titles = [title for table in tables for cell in table for title in cell]
        rows = [row for table in tables for row in rows_of(table)]
        shapes = [image.size for table in tables for image in table.values()]
        self.width, self.height = max(1, *(round(height * w / h) for w, h in shapes)), height
        self.gap = max(6, height // 24)
        self.font = font_for(titles, max(12, height // 14))
        self.line_height = math.ceil(1.3 * self.font.size)
        longest = math.ceil(max(self.font.getlength(line) for row in rows for line in self.fit(row).split("\n")))
        self.left = self.gap + (longest + self.gap if longest else 0)  # of the first column

    def fit(self, title: str) -> str:
        return "\n".join(wrap(title, self.font, self.width))

    def title_height(self, columns: Sequence[str]) -> int:
        """Height of the highest column title and a margin; 0 if there are no titles."""
        lines = max(self.fit(title).count("\n") + 1 for title in columns)
        return lines * self.line_height + self.gap // 2 if any(columns) else 0


def draw_tables(tables: Sequence[Mapping[tuple[str, str], Cell]], height: int) -> Image.Image:
    """Tables beneath each other as an RGB image, column titles above them and row titles to the left.

    The images are fitted into equal cells of `height`, 16 to 4096 pixels, and the width of the widest image; their
    aspect ratios are kept. Rows and columns come in the order of their first mention. UserError for another height, or
    one at which the sheet is too large.
    """
    if not 16 <= height <= 4096:
        raise UserError(f"--height must be from 16 to 4096 pixels, got {height}")
    measures = Measures(tables, height)
    step = measures.width + measures.gap
    axes = [(rows_of(table), columns_of(table)) for table in tables]
    width = measures.left + step * max(len(columns) for _, columns in axes)
    heights = [measures.title_height(columns) + (height + measures.gap) * len(rows) for rows, columns in axes]
    between = 2 * measures.gap  # in addition to the gap that follows each row
    total = measures.gap + sum(heights) + between * (len(tables) - 1)
    if width * total > MAX_PIXELS:
        raise UserError(f"a sheet of {width} x {total} pixels is too large; give a smaller --height than {height}")
    sheet = Image.new("RGB", (width, total), "white")
    top = measures.gap
    for table, block_height in zip(tables, heights, strict=True):
        draw_table(sheet, table, measures, top)
        top += block_height + between
    return sheet


def headed_table(heading: str, *tables: Mapping[tuple[str, str], Image.Image]) -> Image.Image:
    """Tables under a heading; their cells are as high as the highest image, or as MAX_CELL_PIXELS allows."""
    cells = [image for table in tables for image in table.values()]
    highest = max(image.height for image in cells)
    widest = max(image.width / image.height for image in cells)
    height = max(16, min(highest, math.floor(math.sqrt(MAX_CELL_PIXELS / len(cells) / widest))))
    return under(heading, draw_tables(tables, height), max(13, height // 13))


def under(heading: str, image: Image.Image, font_size: int = 13) -> Image.Image:
    """An image with a heading above it, wrapped to its width."""
    font = font_for(heading, font_size)
    margin, line = round(font.size * 0.6), math.ceil(1.35 * font.size)
    lines = wrap(heading, font, image.width - 2 * margin)
    strip = Image.new("RGB", (image.width, line * len(lines) + 2 * margin), "white")
    draw = ImageDraw.Draw(strip)
    for index, text in enumerate(lines):
        draw.text((margin, margin + index * line), text, "black", font)
    return stacked([strip, image])


def labelled_grid(images: "Tensor", labels: Sequence[str], columns: int, least: int = SMALLEST_CELL) -> Image.Image:
    """Images (N, 3, H, W) in [0, 1] in rows of `columns`, each with its label beneath, wrapped to its width.

    Small images are `enlarged` to `least` pixels, so that the labels can be read.
    """
    cells = [enlarged(image, least) for image in images]
    width, height = cells[0].size
    font = font_for(labels, max(11, max(width, height) // 12))
    captions = [wrap(label, font, width) for label in labels]
    first, line = round(1.6 * font.size), math.ceil(1.3 * font.size)
    step = height + first + line * (max(map(len, captions)) - 1)
    sheet = Image.new("RGB", (columns * (width + 4) + 4, math.ceil(len(cells) / columns) * step + 4), "white")
    canvas = ImageDraw.Draw(sheet)
    for index, (image, caption) in enumerate(zip(cells, captions, strict=True)):
        left, top = 4 + index % columns * (width + 4), 4 + index // columns * step
        sheet.paste(image, (left, top))
        for number, text in enumerate(caption):
            place = left + width / 2, top + height + first / 2 - 2 + number * line
            canvas.text(place, text, "black", font, anchor="mm")
    return sheet


def captioned(image: Image.Image, caption: str, size: tuple[int, int]) -> Image.Image:
    """The image on white of (width, height) `size`, with a line of text beneath."""
    width, height = size
    font_size = max(12, width // 30)
    strip = round(1.8 * font_size)
    frame = Image.new("RGB", (width, height + strip), "white")
    frame.paste(image, ((width - image.width) // 2, 0))
    font = font_for(caption, font_size)
    place = width / 2, height + strip / 2
    ImageDraw.Draw(frame).text(place, legible(caption, font), "black", font, anchor="mm")
    return frame


def stacked(images: Sequence[Image.Image]) -> Image.Image:
    """Images beneath each other, centred."""
    width = max(image.width for image in images)
    sheet = Image.new("RGB", (width, sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        sheet.paste(image, ((width - image.width) // 2, top))
        top += image.height
    return sheet


def enlarged(image: "Tensor", least: int = SMALLEST_CELL) -> Image.Image:
    """(3, H, W) in [0, 1] as an image of at least `least` pixels per side, enlarged by a whole factor."""
    from dlcourse.images.tensors import to_pil_image  # here because sheets of image files need no torch

    exact = to_pil_image(image)
    factor = enlargement(min(exact.size), least)
    return exact.resize((exact.width * factor, exact.height * factor), Image.Resampling.NEAREST)


def enlargement(side: int, least: int) -> int:
    """The factor of `enlarged` for an image whose shorter side has `side` pixels."""
    return max(1, math.ceil(least / side))


def heat(values: "Tensor", least: int = SMALLEST_CELL) -> Image.Image:
    """A heat map of (H, W) in [0, 1]: black, red, yellow, white; at least `least` pixels per side."""
    levels = 3 * values.clamp(0, 1) - values.new_tensor([0, 1, 2])[:, None, None]  # red, green, blue
    return enlarged(levels.clamp(0, 1), least)


def gain_for(values: "Tensor") -> float:
    """The factor at which a `heat` map of `values` >= 0 is bright: it makes the 99.5 % quantile 1.

    Rounded down to two digits, and from 1 to 255, where a change by one of 256 levels has the brightest colour.
    """
    import numpy as np

    most = float(np.quantile(values.numpy(), 0.995))  # torch.quantile takes no more than 2^24 values
    gain = min(255.0, 1 / max(most, 1 / 255))
    return max(1.0, float(np.floor(gain * 10) / 10 if gain < 10 else np.floor(gain)))


def unique(labels: Sequence[str]) -> list[str]:
    """The labels, with numbers after those that occur several times, so that a table has a row or column for each."""
    return [
        f"{label} ({labels[: index + 1].count(label)})" if labels.count(label) > 1 else label
        for index, label in enumerate(labels)
    ]


def draw_table(sheet: Image.Image, table: Mapping[tuple[str, str], Cell], measures: Measures, top: int) -> None:
    """Paste one table with its titles, from `top` down."""
    canvas = ImageDraw.Draw(sheet)
    rows, columns = rows_of(table), columns_of(table)
    width, height, gap = measures.width, measures.height, measures.gap
    spacing = measures.line_height - measures.font.getbbox("A")[3]  # Pillow adds it to the height of an A
    top += measures.title_height(columns)
    lefts = {column: measures.left + index * (width + gap) for index, column in enumerate(columns)}
    tops = {row: top + index * (height + gap) for index, row in enumerate(rows)}
    for column, left in lefts.items():
        place = left + width / 2, float(top - gap // 2)
        canvas.text(place, measures.fit(column), "black", measures.font, "md", spacing, align="center")
    for row, y in tops.items():
        place = float(measures.left - gap), y + height / 2
        canvas.text(place, measures.fit(row), "black", measures.font, "rm", spacing, align="right")
    for (row, column), image in table.items():
        fitted = ImageOps.contain(image.copy(), (width, height), Image.Resampling.LANCZOS)
        offset = (width - fitted.width) // 2, (height - fitted.height) // 2
        sheet.paste(fitted, (lefts[column] + offset[0], tops[row] + offset[1]))


def rows_of(table: Mapping[tuple[str, str], object]) -> list[str]:
    return list(dict.fromkeys(row for row, _ in table))


def columns_of(table: Mapping[tuple[str, str], object]) -> list[str]:
    return list(dict.fromkeys(column for _, column in table))


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Legible text in lines of at most `width` pixels, broken at newlines, at spaces, and within words too long.

    What follows the first MOST_LETTERS is left out.
    """
    lines = []
    text = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
    for line in legible(text, font).split("\n"):
        current = ""
        for word in line.split(" "):
            longer = f"{current} {word}" if current else word
            if font.getlength(longer) <= width:
                current = longer
                continue
            if current:
                lines.append(current)
            while len(word) > 1 and font.getlength(word) > width:
                cut = max(1, bisect_right(range(1, len(word)), width, key=lambda n: font.getlength(word[:n])))  # noqa: B023
                lines.append(word[:cut])
                word = word[cut:]
            current = word
        lines.append(current)
    return lines
