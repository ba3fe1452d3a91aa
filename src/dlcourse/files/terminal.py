"""What the commands print: each message on one line, whatever the files, names and configs it speaks of hold."""

import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO


def prepare() -> None:
    """Let stdout and stderr show a character that their encoding lacks as an escape, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where something else stands in its place
            stream.reconfigure(errors="backslashreplace")


def printable(text: object) -> str:
    r"""Text as one line that a terminal shows and does not obey.

    Control codes, line breaks, invisible characters, those that change the direction of writing, and raw bytes of a
    file name become escapes such as \x1b; letters and spaces of all languages stay.
    """
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in str(text)
    )


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print each on a line of its own, to stdout or to `file`. The project prints by this function alone."""
    for line in lines:
        print(printable(line), file=file, flush=True)  # noqa: T201


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the first column to the left, the others to the right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
