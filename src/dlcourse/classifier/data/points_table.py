"""Reads tables of points: cells separated by commas, semicolons, tabs, bars or spaces, in UTF-8 or UTF-16."""

import codecs
import csv
import io
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlcourse.classifier.data.labelled import MAX_CLASSES
from dlcourse.files.bounded import open_file
from dlcourse.files.terminal import printable

COLUMNS = ("x1", "x2", "label")
MAX_BYTES = 2**26  # of a file, or of an array in it, unpacked
MAX_ROWS = 1_000_000
MAX_LINES = 2 * MAX_ROWS
MAX_LINE = 2**22  # letters
MAX_HEADER = 2**16
CHUNK = 1000  # rows
LARGEST = 1e18  # absolute value of a coordinate: its square fits into float32
SEPARATORS = (",", ";", "\t", "|", " ")
ENCODINGS = {  # first bytes of a file -> its encoding
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Columns(NamedTuple):
    """The points of a file; where it has no label and need not have one, the text is ""."""

    x: np.ndarray  # float64 (N, 2)
    labels: np.ndarray  # int64 (N,), indices into `texts`
    texts: list[str]  # the different labels


def read_table(path: Path, needed: Sequence[str] = COLUMNS) -> Columns:
    """The columns x1, x2, label of a table with a header line; other columns and empty lines are ignored.

    `needed` are those that must be there: COLUMNS, or without the label.

    The separator is the first of SEPARATORS that splits the header into these columns; case does not matter. Numbers
    may have decimal commas unless commas are the separator. ValueError with the line for a table of another form.
    """
    with open_file(path) as file:
        size = file.seek(0, io.SEEK_END)
        if size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES} bytes")
        file.seek(0)
        start = file.read(3)
        file.seek(0)
        encoding = next((name for mark, name in ENCODINGS.items() if start.startswith(mark)), "utf-8")
        try:
            with io.TextIOWrapper(file, encoding, newline="") as text:
                return read_row_chunks(bounded_lines(text), needed)
        except UnicodeDecodeError as error:
            raise ValueError(f"is no text in UTF-8 or UTF-16 ({error.reason}); save it as CSV UTF-8") from error


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text; ValueError for more than MAX_LINES, or one of MAX_LINE letters."""
    count = 0
    while line := text.readline(MAX_LINE):
        count += 1
        if len(line) == MAX_LINE or count > MAX_LINES:
            raise ValueError(f"has a line of more than {MAX_LINE} letters, or more than {MAX_LINES} lines")
        yield line


def read_row_chunks(lines: Iterator[str], needed: Sequence[str]) -> Columns:
    """The columns of a table, read CHUNK rows at a time."""
    before, header = next(((count, line) for count, line in enumerate(lines, 1) if not is_empty(line)), (0, ""))
    separator, names = read_header(header, needed)
    x, labels, texts = [np.empty((0, 2))], list[int](), dict[str, int]()
    marks = list[str]()  # the decimal mark, once one was found
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    rows = chosen_cells(reader, before, names)
    while chunk := list(islice(rows, CHUNK)):
        line_numbers, x1, x2, words = zip(*chunk, strict=True)
        places = list(enumerate(line_numbers, len(labels) + 1))
        columns = [read_numbers(cells, name, places, separator, marks) for name, cells in (("x1", x1), ("x2", x2))]
        x.append(np.stack(columns, 1))
        for word, (sample, line) in zip(map(str.strip, words), places, strict=True):
            if word.lower() in ("", "nan") and "label" in needed:
                raise ValueError(f"sample {sample} has no label (line {line})")
            labels.append(texts.setdefault(word, len(texts)))
        if len(texts) > MAX_CLASSES:
            raise ValueError(f"more than {MAX_CLASSES} different labels; they must be classes")
        if len(labels) > MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} samples")
    return Columns(np.concatenate(x), np.array(labels, dtype=np.int64), list(texts))


def chosen_cells(reader: Any, before: int, names: list[str]) -> Iterator[tuple[int, str, str, str]]:
    """The line number and the cells x1, x2, label of each row of a csv.reader that is not empty.

    Cells missing at the end of a row, and those of a missing column, are "". `before` is the number of lines before the
    reader's first; `names` are those of all columns.
    """
    width = len(names)
    places = [names.index(name) if name in names else width for name in COLUMNS]
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        if any(map(str.strip, cells[width:])):
            raise ValueError(f"line {before + reader.line_num} has {len(cells)} cells, and the header {width}")
        cells += [""] * (width + 1 - len(cells))
        x1, x2, label = (cells[place] for place in places)
        yield before + reader.line_num, x1, x2, label


def is_empty(line: str) -> bool:
    """Whether a line before the header is to be skipped; Excel may write `sep=;` there."""
    return not line.strip() or line.lower().startswith("sep=")


def read_header(header: str, needed: Sequence[str]) -> tuple[str, list[str]]:
    """The separator, and the columns' names in lower case; ValueError if a column is missing or there twice."""
    if len(header) > MAX_HEADER:
        raise ValueError(f"has no {', '.join(needed)} in a header of at most {MAX_HEADER} letters")
    found: dict[str, list[str]] = {}
    for separator in SEPARATORS:
        text = header.strip().removeprefix("#")  # NumPy writes a number sign
        (cells,) = csv.reader([text], delimiter=separator, skipinitialspace=True)
        names = found[separator] = [cell.strip().lower() for cell in cells]
        if set(needed) <= set(names):
            if twice := [name for name in COLUMNS if names.count(name) > 1]:
                raise ValueError(f"has two columns {twice[0]}")
            return separator, names
    raise ValueError(why_missing(max(found.values(), key=lambda names: len(set(names))), needed))


def why_missing(names: Collection[str], needed: Sequence[str]) -> str:
    """The message that some of the `needed` are not among the names, or ""."""
    missing = [name for name in needed if name not in names]
    listed = printable(", ".join(filter(None, names))[:100]) or "nothing"
    return f"has no {', '.join(missing)} (it has {listed})" if missing else ""


def read_numbers(
    texts: Sequence[str], name: str, places: Sequence[tuple[int, int]], separator: str, marks: list[str]
) -> np.ndarray:
    """The cells of the column `name` as float64 (N,); `places` are the sample and the line of each.

    ValueError for a number that is not finite or too large, or has another decimal mark than an earlier one. `marks`
    holds the mark of earlier cells, if any, and is updated; decimal commas are allowed unless they separate columns.
    """
    has_commas = separator != ","
    values = np.array([number_or_nan(text.replace(",", ".") if has_commas else text) for text in texts])
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        index = int(wrong.argmax())
        sample, line = places[index]
        text = printable(texts[index])[:60]
        raise ValueError(
            f"{name} of sample {sample} is {text!r}, not a finite number of at most {LARGEST:g} (line {line})"
        )
    for text, (sample, line) in zip(texts, places, strict=True) if has_commas else ():
        for mark in ",.":
            if mark in text:
                if marks and mark not in marks:  # one of the two may divide thousands
                    place = f"{name} of sample {sample}"
                    raise ValueError(f"{place} is {text!r}, but {marks[0]!r} was used before (line {line})")
                marks[:] = [mark]
    return values


def number_or_nan(text: str) -> float:
    """A text as a number, or NaN."""
    try:
        return math.nan if "_" in text else float(text)  # only Python allows underscores in numbers
    except ValueError:
        return math.nan
