"""Printing: each message on one line, whatever characters are in the names and values that it quotes."""

import unicodedata
from collections.abc import Sequence
from typing import TextIO


def printable(text: object) -> str:
    r"""Text as one line without anything that controls a terminal.

    Control codes, line breaks, invisible characters, those that change the writing direction, and undecodable bytes
    of file names become escapes such as \x1b; letters and spaces of all languages stay.
    """
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in str(text)
    )


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print each on its own line, to stdout or `file`. The whole project prints with this function."""
    for line in lines:
        print(printable(line), file=file, flush=True)  # noqa: T201


def width(text: str) -> int:
    """Columns that a line takes on a terminal: two for each Chinese, Japanese or Korean letter."""
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text if not letter.isascii())


def padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as lines of text: the first column aligned left, the others right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        right = (" " * (columns - width(cell)) + cell for cell, columns in zip(rest, widths[1:], strict=True))
        cells = [padded(first, widths[0]), *right]
        lines.append("  ".join(cells).rstrip())
    return lines
