"""Reads tables of points: cells separated by commas, semicolons, tabs, bars or spaces, in UTF-8 or UTF-16."""

import codecs
import csv
import io
import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

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
LARGEST = 1e18  # absolute value of a coordinate: its square fits into float32
SEPARATORS = (",", ";", "\t", "|", " ")


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
        if file.seek(0, io.SEEK_END) > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES} bytes")
        file.seek(0)
        encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
        file.seek(0)
        try:
            with io.TextIOWrapper(file, encoding, newline="") as text:
                return read_rows(bounded_lines(text), needed)
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


def read_rows(lines: Iterator[str], needed: Sequence[str]) -> Columns:
    """The columns of a table.

    Numbers that are not finite or too large, and two decimal marks in one table (one of them may divide thousands), are
    errors. Cells missing at the end of a row, and those of a missing column, are empty.
    """
    before, header = next(((count, line) for count, line in enumerate(lines, 1) if not is_empty(line)), (0, ""))
    separator, names = read_header(header, needed)
    width = len(names)
    places = [names.index(name) if name in names else width for name in COLUMNS]
    x, labels, texts, mark = array("d"), array("q"), dict[str, int](), ""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        sample, line = len(labels) + 1, before + reader.line_num
        if any(map(str.strip, cells[width:])):
            raise ValueError(f"line {line} has {len(cells)} cells, and the header {width}")
        cells += [""] * (width + 1 - len(cells))
        *numbers, label = (cells[place] for place in places)
        for name, text in zip(COLUMNS, numbers, strict=False):
            value = number_or_nan(text, separator)
            if not abs(value) <= LARGEST:
                wrong = f"{name} of sample {sample} is {printable(text)[:60]!r}"
                raise ValueError(f"{wrong}, not a finite number of at most {LARGEST:g} (line {line})")
            own_mark = "," if "," in text else "." if "." in text else mark
            if mark and own_mark != mark:
                raise ValueError(f"{name} of sample {sample} is {text!r}, but {mark!r} was used before (line {line})")
            mark = own_mark
            x.append(value)
        label = label.strip()
        if label.lower() in ("", "nan") and "label" in needed:
            raise ValueError(f"sample {sample} has no label (line {line})")
        labels.append(texts.setdefault(label, len(texts)))
        if len(texts) > MAX_CLASSES:
            raise ValueError(f"more than {MAX_CLASSES} different labels; they must be classes")
        if len(labels) > MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} samples")
    return Columns(np.array(x).reshape(-1, 2), np.array(labels), list(texts))


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
    listed = printable(", ".join(filter(None, names))[:100]) or "no columns"
    return f"has no {', '.join(missing)} (it has {listed})" if missing else ""


def number_or_nan(text: str, separator: str) -> float:
    """A text as a number, or NaN; it may have a decimal comma unless commas separate the columns."""
    try:
        return math.nan if "_" in text else float(text if separator == "," else text.replace(",", "."))
    except ValueError:  # only Python allows underscores in numbers
        return math.nan
