"""Tables of points as programs write them: separated by commas, semicolons, tabs, bars or spaces, in any UTF."""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

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
LARGEST = 1e18  # of a coordinate: its square fits into float32
SEPARATORS = (",", ";", "\t", "|", " ")
ENCODINGS = {  # what a file begins with -> how it goes on
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Columns:
    """Points as they are read.

    Attributes:
        x: the coordinates, float64 (N, 2).
        labels: the number of each label in `texts`, int64 (N,).
        texts: labels as they are in the file, in the order of their first samples.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, texts: list[str]):
        self.x, self.labels, self.texts = x, labels, texts


def read_table(path: Path) -> Columns:
    """The columns x1, x2, label of a table with a header line; others are left aside, and so are empty lines.

    The separator is the first of SEPARATORS by which the header has these columns, in small or capital letters.
    Numbers may have decimal commas where no commas separate.

    Raises:
        ValueError: what is wrong, with its line.
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
                return read_rows(bounded_lines(text))
        except UnicodeDecodeError as error:
            raise ValueError(f"is no text in UTF-8 or UTF-16 ({error.reason}); save it as CSV UTF-8") from error


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text, which are at most MAX_LINES of MAX_LINE letters."""
    count = 0
    while line := text.readline(MAX_LINE):
        count += 1
        if len(line) == MAX_LINE or count > MAX_LINES:
            raise ValueError(f"has a line of more than {MAX_LINE} letters, or more than {MAX_LINES} lines")
        yield line


def read_rows(lines: Iterator[str]) -> Columns:
    """The columns of a table, a thousand rows at a time: that is faster than one by one."""
    before, header = next(((count, line) for count, line in enumerate(lines, 1) if not is_empty(line)), (0, ""))
    separator, names = read_header(header)
    numbers = Numbers(has_commas=separator != ",")
    x, labels, texts = [np.empty((0, 2))], list[int](), dict[str, int]()
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    rows = chosen_cells(reader, before, names)
    while chunk := list(islice(rows, CHUNK)):
        lines_of, x1, x2, words = zip(*chunk, strict=True)
        place = Place(len(labels) + 1, lines_of)
        x.append(np.stack([numbers.read(x1, "x1", place), numbers.read(x2, "x2", place)], 1))
        found = [word.strip() for word in words]
        if without := [index for index, word in enumerate(found) if word.lower() in ("", "nan")]:
            raise ValueError(f"{place.sample(without[0])} has no label ({place.line(without[0])})")
        labels += [texts.setdefault(word, len(texts)) for word in found]
        if len(texts) > MAX_CLASSES:
            raise ValueError(f"more than {MAX_CLASSES} different labels; they must be classes")
        if len(labels) > MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} samples")
    return Columns(np.concatenate(x), np.array(labels, dtype=np.int64), list(texts))


@dataclass(frozen=True)
class Place:
    """Where some rows are: the number of the first sample, and the line of each."""

    first: int
    lines: Sequence[int]

    def sample(self, index: int) -> str:
        """Which sample one of them is."""
        return f"sample {self.first + index}"

    def line(self, index: int) -> str:
        """Where it is in the file."""
        return f"line {self.lines[index]}"


def chosen_cells(reader: Any, before: int, names: list[str]) -> Iterator[tuple[int, str, str, str]]:
    """The line of each row that is not empty, and its cells of x1, x2, label; "" for what a short row has not.

    Args:
        reader: csv.reader of the rows.
        before: lines before its first one.
        names: of all columns.
    """
    first, second, third = map(names.index, COLUMNS)
    width = len(names)
    for cells in reader:
        if len(cells) == width:
            if any(cells):
                yield before + reader.line_num, cells[first], cells[second], cells[third]
        elif any(map(str.strip, cells)):
            if any(map(str.strip, cells[width:])):
                raise ValueError(f"line {before + reader.line_num} has {len(cells)} cells, and the header {width}")
            cells += [""] * (width - len(cells))
            yield before + reader.line_num, cells[first], cells[second], cells[third]


def is_empty(line: str) -> bool:
    """Whether a line before the header says nothing: Excel may begin with `sep=;`."""
    return not line.strip() or line.lower().startswith("sep=")


def read_header(header: str) -> tuple[str, list[str]]:
    """The separator, and the columns' names in small letters; NumPy begins the line with a number sign.

    Raises:
        ValueError: a column is missing, or there twice.
    """
    if len(header) > MAX_HEADER:
        raise ValueError(f"has no {', '.join(COLUMNS)} in a header of at most {MAX_HEADER} letters")
    found: dict[str, list[str]] = {}
    for separator in SEPARATORS:
        (cells,) = csv.reader([header.strip().removeprefix("#")], delimiter=separator, skipinitialspace=True)
        names = found[separator] = [cell.strip().lower() for cell in cells]
        if set(COLUMNS) <= set(names):
            twice = [name for name in COLUMNS if names.count(name) > 1]
            if twice:
                raise ValueError(f"has two columns {twice[0]}")
            return separator, names
    likely = max(found.values(), key=lambda names: len(set(names)))
    raise ValueError(why_missing(likely))


def why_missing(names: Collection[str]) -> str:
    """Which columns are not among the names, or nothing."""
    missing = [name for name in COLUMNS if name not in names]
    listed = printable(", ".join(filter(None, names))[:100]) or "nothing"
    return f"has no {', '.join(missing)} (it has {listed})" if missing else ""


class Numbers:
    """Reads coordinates, which have decimal points throughout, or decimal commas.

    Args:
        has_commas: whether there may be any.
    """

    def __init__(self, has_commas: bool):
        self.has_commas = has_commas
        self.mark = ""  # the one that was found first

    def read(self, texts: Sequence[str], name: str, place: Place) -> np.ndarray:
        """Numbers as float64 (N,).

        Raises:
            ValueError: one that is not finite, or has another decimal mark than one before.
        """
        try:
            values = np.array(list(map(float, self.with_points(texts))), dtype=np.float64)
        except ValueError:
            values = np.array([value_of(*self.with_points([text])) for text in texts])
        wrong = ~(np.abs(values) <= LARGEST)
        if "_" in "".join(texts):  # Python's own way to write thousands
            wrong |= np.array(["_" in text for text in texts])
        if wrong.any():
            index = int(wrong.argmax())
            raise ValueError(
                f"{name} of {place.sample(index)} is {printable(texts[index])[:60]!r}, "
                f"not a finite number of at most {LARGEST:g} ({place.line(index)})"
            )
        if self.has_commas:
            self.check_one_mark(texts, name, place)
        return values

    def with_points(self, texts: Sequence[str]) -> Sequence[str]:
        """The texts with decimal points."""
        return [text.replace(",", ".") for text in texts] if self.has_commas else texts

    def check_one_mark(self, texts: Sequence[str], name: str, place: Place) -> None:
        """Raise ValueError where decimal commas and points are mixed: one of them may divide thousands."""
        for index, text in enumerate(texts):
            for mark in ",.":
                self.mark = self.mark or (mark if mark in text else "")
                if mark in text and mark != self.mark:
                    raise ValueError(
                        f"{name} of {place.sample(index)} is {text!r}, but {self.mark!r} was used before "
                        f"({place.line(index)})"
                    )


def value_of(text: str) -> float:
    """The number that a text says, or not a number."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
