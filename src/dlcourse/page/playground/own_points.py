"""Points that the page's user set with the mouse or brought as a table."""

import csv
import hashlib
import io
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from dlcourse.classifier.data.points_file import merge_classes, number_or_none, read_columns
from dlcourse.classifier.data.points_table import LARGEST
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.files.terminal import printable
from dlcourse.page.commands import command_line, quoted
from dlcourse.page.fields import Fields, plain, refused
from dlcourse.page.playground.headers import with_header

MOST_POINTS = 2000
MOST_COLORS = 6
MOST_LETTERS = 200_000  # of a table
LONGEST = 40  # letters of a class's name
FOLDER = Path("runs/explore/points")
NAME = "points.csv"  # of a table, while it is read

Point = tuple[float, float, int]  # x1, x2, number of the class


class OwnPoints(NamedTuple):
    """Points, and for each of the MOST_COLORS classes the label that it has in a table."""

    points: list[Point]
    labels: list[str]


def read_points(state: Fields) -> OwnPoints:
    """The points of a state, a list of [x1, x2, class], with its names of classes; UserError for another one."""
    listed = state.values.get("own", [])
    if not isinstance(listed, list) or len(listed) > MOST_POINTS:
        raise refused("own", f"a list of at most {MOST_POINTS} points", listed)
    return OwnPoints([read_point(one) for one in listed], labels_of(read_names(state)))


def read_point(given: Any) -> Point:
    """A point from [x1, x2, class]."""
    if not isinstance(given, list) or len(given) != 3:
        raise refused("own", "a list of [x1, x2, class]", given)
    named = Fields(dict(zip(("x1", "x2", "class"), given, strict=True)))
    x1, x2 = (plain(named.number(name, -LARGEST, LARGEST)) for name in ("x1", "x2"))
    return x1, x2, named.whole("class", 0, MOST_COLORS - 1)


def read_names(state: Fields) -> list[str]:
    """The names of the first classes, those of a table that was loaded; none if it is missing."""
    names = state.values.get("names", [])
    wanted = f"a list of at most {MOST_COLORS} different names of classes"
    if not isinstance(names, list) or len(names) > MOST_COLORS or not all(map(is_name, names)):
        raise refused("names", wanted, names)
    if len({key_of(name) for name in names}) < len(names):
        raise refused("names", wanted, names)
    return names


def is_name(given: Any) -> bool:
    """Whether a table may hold it as a label."""
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST:
        return False
    return given == given.strip() == printable(given) and given.lower() != "nan"


def key_of(label: str) -> Any:
    """What two labels of one class have in common: 3 and 3.0 are one."""
    number = number_or_none(label)
    return label if number is None else number


def labels_of(names: list[str]) -> list[str]:
    """A label for every class: its name, else 1, 2, ... as the keys that choose it, or the next number that is free."""
    labels = list(names)
    while len(labels) < MOST_COLORS:
        taken, number = {key_of(label) for label in labels}, len(labels) + 1
        while number in taken:
            number += 1
        labels.append(str(number))
    return labels


def colors_of(own: OwnPoints) -> list[int]:
    """For each class, in the order of the data set, the number of its colour in the page."""
    used = sorted({number for _, _, number in own.points})
    are_numbers = all(number_or_none(own.labels[number]) is not None for number in used)
    return sorted(used, key=lambda number: key_of(own.labels[number]) if are_numbers else own.labels[number])


def table_of(own: OwnPoints) -> str:
    """The points as a table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["x1", "x2", "label"])
    writer.writerows([x1, x2, own.labels[number]] for x1, x2, number in own.points)
    return text.getvalue()


def path_of(own: OwnPoints) -> Path:
    """The file of these points, which need not exist: equal points, equal name."""
    return FOLDER / f"points_{hashlib.sha256(table_of(own).encode()).hexdigest()[:10]}.csv"


def write(own: OwnPoints) -> bool:
    """Write the points to their file; whether it was not there before."""
    path = path_of(own)
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(table_of(own), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error
    return True


def read_table_text(text: str, name: str = NAME) -> dict[str, Any]:
    """The points of a table as `dataset=points_file` reads them, and their classes; messages call it `name`.

    The columns x1, x2, label may have other names, or none: see `with_header`.
    """
    whole, lines_added = with_header(text)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, NAME)
            path.write_text(whole, encoding="utf-8", errors="replace")
            columns = read_columns(path, NAME)
        labels, classes = merge_classes(columns, NAME)
    except ValueError as error:
        reason = str(error).removeprefix(f"path={NAME}: ")
        reason = re.sub(r"\bline (\d+)", lambda found: f"line {int(found[1]) - lines_added}", reason)
        raise UserError(f"{printable(name)}: {reason}") from error
    if len(labels) > MOST_POINTS or len(classes) > MOST_COLORS:
        found = f"{len(labels)} points in {len(classes)} classes"
        command = command_line(["train", "dataset=points_file", f"dataset.path={quoted(name)}"])
        raise UserError(f"{found}: at most {MOST_POINTS} in {MOST_COLORS} here; for more: {command}")
    pairs = zip(columns.x.tolist(), labels.tolist(), strict=True)
    return {
        "points": [[plain(x1), plain(x2), label] for (x1, x2), label in pairs],
        "classes": list(classes),
        "names": names_of(list(classes)),
    }


def names_of(classes: list[str]) -> list[str]:
    """The names that a state keeps: none if they are 1, 2, ... anyway, or if one of them cannot be kept."""
    usual = [str(number + 1) for number in range(len(classes))]
    is_kept = all(map(is_name, classes)) and len({key_of(name) for name in classes}) == len(classes)
    return classes if classes != usual and is_kept else []
