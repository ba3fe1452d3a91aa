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


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as lines of text: the first column aligned left, the others right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
