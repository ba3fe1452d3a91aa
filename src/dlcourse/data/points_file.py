"""The user's own points."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcourse.data.labelled import stratified_split
from dlcourse.data.points import PlanePoints


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
        raise ValueError(f"path={path}: cannot be read ({str(error).partition(chr(10))[0]})") from error
    missing = [name for name in ("x1", "x2", "label") if name not in columns]
    if missing:
        raise ValueError(f"path={path}: has no {', '.join(missing)} (it has {', '.join(columns) or 'nothing'})")
    shapes = {name: columns[name].shape for name in ("x1", "x2", "label")}
    if len(set(shapes.values())) != 1 or len(shapes["x1"]) != 1 or shapes["x1"][0] == 0:
        raise ValueError(f"path={path}: x1, x2 and label must have one shape (N,), got {shapes}")
    return columns


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """A comma-separated table with a header line; a short row gives empty strings."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="", skipinitialspace=True)
        names, rows = reader.fieldnames or (), list(reader)
    return {name.strip(): np.array([row[name].strip() for row in rows]) for name in names}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name; pickled objects are refused."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def finite(column: np.ndarray, name: str, path: str) -> Tensor:
    """A column as float32 (N,), every value a finite number."""
    for row, value in enumerate(column):
        try:
            is_finite = np.isfinite(float(value))
        except ValueError:
            is_finite = False
        if not is_finite:
            raise ValueError(f"path={path}: {name} of sample {row + 1} is {str(value)!r}, not a finite number")
    return torch.from_numpy(column.astype(np.float32))


def numbered(column: np.ndarray, path: str) -> tuple[Tensor, list[str]]:
    """Labels as int64 (N,) and the classes they stand for."""
    for row, value in enumerate(column):
        if str(value) in ("", "nan"):
            raise ValueError(f"path={path}: sample {row + 1} has no label")
    classes, labels = np.unique(column, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"path={path}: only one class, {str(classes[0])!r}; at least 2 are needed")
    return torch.from_numpy(labels.astype(np.int64)), [str(name) for name in classes]
