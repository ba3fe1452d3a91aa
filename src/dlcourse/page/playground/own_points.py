"""Points that the page's user set with the mouse or brought as a table."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from dlcourse.classifier.data.points_file import merge_classes, read_columns
from dlcourse.classifier.data.points_table import LARGEST
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.page.fields import Fields, plain, refused

MOST_POINTS = 2000
MOST_COLORS = 6
MOST_LETTERS = 200_000  # of a table
FOLDER = Path("runs/explore/points")
NAME = "points.csv"  # of a table that was pasted, in messages

Point = tuple[float, float, int]  # x1, x2, number of the class


def read_points(state: Fields) -> list[Point]:
    """The points of a state, a list of [x1, x2, class]; UserError for another one."""
    listed = state.values.get("own", [])
    if not isinstance(listed, list) or len(listed) > MOST_POINTS:
        raise refused("own", f"a list of at most {MOST_POINTS} points", listed)
    return [read_point(one) for one in listed]


def read_point(given: Any) -> Point:
    """A point from [x1, x2, class]."""
    if not isinstance(given, list) or len(given) != 3:
        raise refused("own", "a list of [x1, x2, class]", given)
    named = Fields(dict(zip(("x1", "x2", "class"), given, strict=True)))
    x1, x2 = (plain(named.number(name, -LARGEST, LARGEST)) for name in ("x1", "x2"))
    return x1, x2, named.whole("class", 0, MOST_COLORS - 1)


def colors_of(points: list[Point]) -> list[int]:
    """For each class, in the order of the data set, the number of its colour in the page."""
    return sorted({number for _, _, number in points})


def table_of(points: list[Point]) -> str:
    """The points as a table; labels are 1, 2, ... as the keys that choose them."""
    return "".join(["x1,x2,label\n", *(f"{x1},{x2},{number + 1}\n" for x1, x2, number in points)])


def path_of(points: list[Point]) -> Path:
    """The file of these points, which need not exist: equal points, equal name."""
    return FOLDER / f"points_{hashlib.sha256(table_of(points).encode()).hexdigest()[:10]}.csv"


def write(points: list[Point]) -> bool:
    """Write the points to their file; whether it was not there before."""
    path = path_of(points)
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(table_of(points))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error
    return True


def read_table_text(text: str) -> dict[str, Any]:
    """The points of a table with x1, x2, label, read as `dataset=points_file` reads them, and their classes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_text(text, encoding="utf-8", errors="replace")
        columns = read_columns(path, NAME)
    labels, classes = merge_classes(columns, NAME)
    if len(labels) > MOST_POINTS or len(classes) > MOST_COLORS:
        found = f"{len(labels)} points in {len(classes)} classes"
        command = f"dlcourse train dataset=points_file dataset.path={NAME}"
        raise UserError(f"{found}: at most {MOST_POINTS} in {MOST_COLORS} here; for more: {command}")
    pairs = zip(columns.x.tolist(), labels.tolist(), strict=True)
    return {"points": [[plain(x1), plain(x2), label] for (x1, x2), label in pairs], "classes": list(classes)}
