"""The header of a table of points whose columns have other names, or none."""

import csv
import math

from dlcourse.classifier.data.points_table import COLUMNS, SEPARATORS, is_empty, number_or_nan, read_header


def with_header(text: str) -> tuple[str, int]:
    """The table with the header x1, x2, label if it is clear that its first columns are these; lines that were added.

    Clear means: two numbers and a third cell in the first line of points, and no column called x1, x2 or label in
    another place. If there are more than three columns, the third one must not be a number: it could be anything.
    """
    lines = text.splitlines()
    filled = [place for place, line in enumerate(lines) if not is_empty(line)]
    if not filled or has_columns(lines[filled[0]]):
        return text, 0
    first = lines[filled[0]]
    for separator in SEPARATORS:
        cells = cells_of(first, separator)
        if are_points(cells, separator):
            lines.insert(filled[0], separator.join(names_for(cells)))
            return "\n".join(lines), 1
        if len(filled) > 1 and is_other_header(cells, cells_of(lines[filled[1]], separator), separator):
            lines[filled[0]] = separator.join(names_for(cells))
            return "\n".join(lines), 0
    return text, 0


def has_columns(header: str) -> bool:
    """Whether the reader of tables knows this header."""
    try:
        read_header(header, COLUMNS)
    except (ValueError, csv.Error):
        return False
    return True


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line; none if it has a form of its own."""
    try:
        (cells,) = csv.reader([line.strip().removeprefix("#")], delimiter=separator, skipinitialspace=True)
    except (ValueError, csv.Error):
        return []
    return [cell.strip() for cell in cells]


def are_points(cells: list[str], separator: str) -> bool:
    """Whether these are the cells of a point: x1, x2, label, and others."""
    if len(cells) < 3 or not cells[2] or any(math.isnan(number_or_nan(cell, separator)) for cell in cells[:2]):
        return False
    return len(cells) == 3 or math.isnan(number_or_nan(cells[2], separator))


def is_other_header(names: list[str], cells: list[str], separator: str) -> bool:
    """Whether these are names of other columns than COLUMNS over the cells of a point."""
    others = {name.lower() for place, name in enumerate(names) if COLUMNS[place : place + 1] != (name.lower(),)}
    are_words = len(names) >= 3 and all(math.isnan(number_or_nan(name, separator)) for name in names[:3])
    is_clear = are_words and len(names) == len(cells) and not others & set(COLUMNS)
    return is_clear and are_points(cells, separator)


def names_for(cells: list[str]) -> list[str]:
    """Names of the columns, as many as there are cells."""
    return [*COLUMNS, *(f"column{number}" for number in range(4, len(cells) + 1))]
