"""The user's own points."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcourse.data.labelled import class_name, stratified_split
from dlcourse.data.points import PlanePoints
from dlcourse.picture_files import open_file
from dlcourse.terminal import printable

MAX_BYTES = 2**26  # of a file, or of an array in it, unpacked: more than a million points
LARGEST = float(np.finfo(np.float32).max)
COLUMNS = ("x1", "x2", "label")


class PointsFile(PlanePoints):
    """The user's own points, divided into train, dev and test, each class alike.

    Args:
        path: a .csv with columns x1, x2, label, or a .npz with x1, x2, label of shape (N,). Labels may be numbers
            or words; their sorted values are the classes.
        dev_share, test_share: of all points, in (0, 1).
        jitter: as in `PlanePoints`.
        seed: of the division.

    Raises:
        ValueError: no such file, a missing column, unequal lengths, a missing label, a value that is no finite number.
    """

    def __init__(self, path: str, dev_share: float, test_share: float, jitter: float, seed: int):
        columns = read_columns(Path(path))
        super().__init__(jitter)
        inputs = torch.stack([finite(columns[name], name, path) for name in ("x1", "x2")], 1)
        labels, self.classes = numbered(columns["label"], path)
        rest, test = stratified_split(labels, test_share, seed)
        train, dev = stratified_split(labels[rest], dev_share / (1 - test_share), seed)
        self.train, self.dev, self.test = (
            (inputs[chosen], labels[chosen]) for chosen in (rest[train], rest[dev], test)
        )


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns x1, x2 and label of a .csv or .npz as strings or numbers, each (N,).

    Raises:
        ValueError: see `PointsFile`.
    """
    readers = {".csv": read_csv, ".npz": read_npz}
    if path.suffix.lower() not in readers:
        raise ValueError(f"path={path}: must end in .csv or .npz")
    try:
        columns = readers[path.suffix.lower()](path)
    except FileNotFoundError:
        raise ValueError(f"path={path}: no such file") from None
    except Exception as error:  # a broken zip, a pickle inside, text that is no table
        raise ValueError(f"path={path}: cannot be read ({str(error).partition(chr(10))[0][:200]})") from error
    missing = [name for name in ("x1", "x2", "label") if name not in columns]
    if missing:
        listed = printable(", ".join(columns)[:100]) or "nothing"
        raise ValueError(f"path={path}: has no {', '.join(missing)} (it has {listed})")
    shapes = {name: columns[name].shape for name in ("x1", "x2", "label")}
    if len(set(shapes.values())) != 1 or len(shapes["x1"]) != 1 or shapes["x1"][0] == 0:
        raise ValueError(f"path={path}: x1, x2 and label must have one shape (N,), got {shapes}")
    return columns


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """A comma-separated table with a header line; a short row gives empty strings."""
    reader = csv.reader(io.StringIO(whole(path).decode("utf-8-sig"), newline=""), skipinitialspace=True)
    places = {name.strip(): place for place, name in enumerate(next(reader, ()))}
    rows = [row for row in reader if row]
    columns = {}
    for name, place in places.items():
        cells = [row[place].strip() if place < len(row) else "" for row in rows] if name in COLUMNS else []
        columns[name] = np.array(cells, dtype=object)  # strings of their own lengths
    return columns


def whole(path: Path) -> bytes:
    """The content of a file of bounded size."""
    with open_file(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name; pickled objects are refused, and arrays that are not asked for stay unread."""
    content = io.BytesIO(whole(path))
    with zipfile.ZipFile(content) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    large = [name for name in COLUMNS if sizes.get(name, 0) > MAX_BYTES]
    if large:
        raise ValueError(f"{large[0]} has more than {MAX_BYTES} bytes")
    content.seek(0)
    with np.load(content, allow_pickle=False) as file:
        columns = {name: np.asarray(file[name]) if name in COLUMNS else np.empty(0) for name in file.files}
    return {name: column.astype(object) if column.dtype.kind in "SU" else column for name, column in columns.items()}


def finite(column: np.ndarray, name: str, path: str) -> Tensor:
    """A column as float32 (N,), every value a finite number."""
    if column.dtype.kind not in "biufO":
        raise ValueError(f"path={path}: {name} is of {column.dtype}, not of numbers")
    for row, value in enumerate(column):
        try:
            is_finite = abs(float(value)) <= LARGEST
        except (ValueError, TypeError, OverflowError):
            is_finite = False
        if not is_finite:
            raise ValueError(f"path={path}: {name} of sample {row + 1} is {str(value)[:60]!r}, not a finite number")
    return torch.from_numpy(column.astype(np.float32))


def numbered(column: np.ndarray, path: str) -> tuple[Tensor, list[str]]:
    """Labels as int64 (N,) and the classes they stand for."""
    for row, value in enumerate(column):
        if str(value) in ("", "nan"):
            raise ValueError(f"path={path}: sample {row + 1} has no label")
    try:
        classes, labels = np.unique(column, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"path={path}: its labels have no order ({error})") from error
    if len(classes) < 2:
        raise ValueError(f"path={path}: only one class, {str(classes[0])[:60]!r}; at least 2 are needed")
    return torch.from_numpy(labels.astype(np.int64)), [class_name(name) for name in classes]
