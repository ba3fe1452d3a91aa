"""Reads points from NumPy's .npz; the header of each array is checked before its memory is allocated."""

import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dlcourse.classifier.data.labelled import MAX_CLASSES
from dlcourse.classifier.data.points_table import COLUMNS, LARGEST, MAX_BYTES, MAX_ROWS, Columns, why_missing
from dlcourse.datasets.sources import why_unsafe
from dlcourse.errors import reason_of
from dlcourse.files.bounded import open_archive, open_file
from dlcourse.files.terminal import printable

MAX_LIST = 2**20  # bytes, of the list of files in an .npz
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, needed: Sequence[str] = COLUMNS) -> Columns:
    """The arrays x1, x2 and label, without unpickling; other arrays are not read. `needed` as in `read_table`."""
    with open_file(path) as file, open_archive(file, MAX_LIST) as archive:
        found = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if reason := why_missing(found, needed):
            raise ValueError(reason)
        x1, x2 = (read_array(archive, found[name], name) for name in COLUMNS[:2])
        label = read_array(archive, found["label"], "label") if "label" in found else np.full(len(x1), "")
    if not x1.shape == x2.shape == label.shape:
        shapes = dict(zip(COLUMNS, (x1.shape, x2.shape, label.shape), strict=True))
        raise ValueError(f"x1, x2 and label must have one shape (N,), got {shapes}")
    x = np.stack([finite_column(x1, "x1"), finite_column(x2, "x2")], 1)
    if label.dtype.kind not in "biufSU":
        raise ValueError(f"label is of {label.dtype}, not of numbers or words")
    values, labels = np.unique(label, return_inverse=True)
    words = (value.decode() if isinstance(value, bytes) else str(value) for value in values[: MAX_CLASSES + 1])
    texts = [word.strip() for word in words]
    if len(texts) > MAX_CLASSES:
        raise ValueError(f"more than {MAX_CLASSES} different labels; they must be classes")
    for number, text in enumerate(texts):
        if text.lower() in ("", "nan") and "label" in needed:
            raise ValueError(f"sample {int((labels == number).argmax()) + 1} has no label")
    return Columns(x, labels.astype(np.int64), texts)


def read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """An array (N,) of an .npz (numpy.lib.format); ValueError for another shape, a too large or a damaged one."""
    if info.file_size > MAX_BYTES:
        raise ValueError(f"{name} has more than {MAX_BYTES} bytes")
    if reason := why_unsafe(info):
        raise ValueError(f"{name} is {reason}")
    try:
        with archive.open(info) as packed:
            content = io.BytesIO(packed.read(info.file_size))
        shape, _, dtype = HEADERS[np.lib.format.read_magic(content)](content)
        if dtype.hasobject:
            raise TypeError("an array of objects, which allow_pickle would run")
        if math.prod(shape) * dtype.itemsize != info.file_size - content.tell():
            raise EOFError("cut short")
        if len(shape) == 1 and shape[0] <= MAX_ROWS:  # empty strings take no bytes, however many there are
            content.seek(0)
            return np.lib.format.read_array(content, allow_pickle=False)
    except Exception as error:  # damaged files raise exceptions of many kinds
        raise ValueError(f"{name} cannot be read ({printable(reason_of(error))})") from error
    raise ValueError(f"{name} has the shape {shape}; x1, x2 and label must have one shape (N,), N at most {MAX_ROWS}")


def finite_column(column: np.ndarray, name: str) -> np.ndarray:
    """A column as float64 (N,); ValueError for a value that is not finite or too large."""
    if column.dtype.kind not in "biuf":
        raise ValueError(f"{name} is of {column.dtype}, not of numbers")
    values = column.astype(np.float64)
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if len(wrong):
        sample = int(wrong[0])
        raise ValueError(
            f"{name} of sample {sample + 1} is {str(column[sample])!r}, not a finite number of at most {LARGEST:g}"
        )
    return values
