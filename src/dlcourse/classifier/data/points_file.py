"""The user's own points, from a table or an .npz."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcourse.classifier.data.labelled import stratified_split
from dlcourse.classifier.data.points import PlanePoints
from dlcourse.classifier.data.points_npz import read_npz
from dlcourse.classifier.data.points_table import COLUMNS, Columns, read_table
from dlcourse.datasets.labels import class_name
from dlcourse.errors import check_fraction, reason_of
from dlcourse.files.terminal import printable, say


class PointsFile(PlanePoints):
    """The user's own points, divided into train, dev and test with the same shares of every class.

    Args:
        path: a table (.csv, .tsv) with columns x1, x2, label, or a .npz with x1, x2, label of shape (N,); at most
            a million points. Labels may be numbers or words; their sorted values are the classes.
        dev_fraction, test_fraction: of all points, in (0, 1), together below 1.
        input_noise_std: as in `PlanePoints`.
        seed: of the division.
    """

    def __init__(self, path: str, dev_fraction: float, test_fraction: float, input_noise_std: float, seed: int):
        check_fraction(dev_fraction=dev_fraction, test_fraction=test_fraction)
        if dev_fraction + test_fraction >= 1:
            fractions = f"test_fraction={test_fraction} and dev_fraction={dev_fraction}"
            raise ValueError(f"{fractions} leave no points to train on")
        columns = read_columns(Path(os.path.expanduser(path)), path)  # noqa: PTH111  (pathlib raises for an unknown user)
        super().__init__(input_noise_std)
        labels, self.classes = merge_classes(columns, path)
        inputs = torch.from_numpy(columns.x.astype(np.float32))
        check_digits(columns.x, path)
        report_equal_points(columns.x, path)
        for name, count in zip(self.classes, labels.bincount().tolist(), strict=True):
            if count < 3:
                raise ValueError(
                    f"path={path}: class {name} has {count} sample{'s' * (count > 1)}; at least 3 are needed, "
                    "for train, dev and test"
                )
        rest, test = stratified_split(labels, test_fraction, seed, self.classes)
        train, dev = stratified_split(labels[rest], dev_fraction / (1 - test_fraction), seed, self.classes)
        parts = ((inputs[chosen], labels[chosen]) for chosen in (rest[train], rest[dev], test))
        self.train, self.dev, self.test = parts


def read_columns(path: Path, named: str, needed: Sequence[str] = COLUMNS) -> Columns:
    """The columns of a table or .npz, which messages call `named`.

    `needed` are the columns that must be there: COLUMNS, or without the label.
    """
    readers = {".csv": read_table, ".tsv": read_table, ".npz": read_npz}
    if path.suffix.lower() not in readers:
        raise ValueError(f"path={named}: must end in .csv, .tsv or .npz")
    try:
        columns = readers[path.suffix.lower()](path, needed)
    except ValueError as error:
        raise ValueError(f"path={named}: {error}") from error
    except Exception as error:  # a broken zip, a pickle inside, text that is no table
        raise ValueError(f"path={named}: cannot be read ({printable(reason_of(error))})") from error
    if not len(columns.labels):
        raise ValueError(f"path={named}: has no points; {', '.join(needed)} must have one shape (N,)")
    return columns


def merge_classes(columns: Columns, path: str) -> tuple[Tensor, list[str]]:
    """Labels as int64 (N,), and the sorted classes, each named by its first label in the file.

    If all labels are numbers they are compared as such: 0 and 0.0 are one class.
    """
    keys: list[Any] = [number_or_none(text) for text in columns.texts]
    if None in keys:
        keys = list(columns.texts)
    classes = sorted(set(keys))
    if len(classes) < 2:
        raise ValueError(f"path={path}: only one class, {class_name(columns.texts[0])!r}; at least 2 are needed")
    place = {key: number for number, key in enumerate(classes)}
    names = {key: class_name(text) for key, text in reversed(list(zip(keys, columns.texts, strict=True)))}
    numbers = np.array([place[key] for key in keys])
    return torch.from_numpy(numbers[columns.labels]), [names[key] for key in classes]


def number_or_none(text: str) -> int | float | None:
    """A text as an int or else a float, or None."""
    for kind in (int, float):
        with suppress(ValueError):
            return None if "_" in text else kind(text)  # only Python allows underscores in numbers
    return None


def check_digits(x: np.ndarray, path: str) -> None:
    """Raise ValueError for a column whose values become equal in float32, such as times in seconds."""
    for name, column in zip(("x1", "x2"), x.T, strict=True):
        is_narrow = np.ptp(column) < 1e-3 * np.abs(column).max()
        if is_narrow and 10 * len(np.unique(column.astype(np.float32))) < len(np.unique(column)):
            raise ValueError(
                f"path={path}: {name} is from {column.min():.12g} to {column.max():.12g}: its values do not differ "
                "in the first 7 digits, which are all that is computed with; subtract their mean"
            )


def report_equal_points(x: np.ndarray, path: str) -> None:
    """Print how many points equal another one."""
    points = len(np.unique(np.ascontiguousarray(x).view(np.complex128)))
    if points < len(x):
        copies = f"{len(x) - points} of {len(x)} points lie where another one does"
        say(f"{path}: {copies}; of such, one may be for training and one for the test", file=sys.stderr)
