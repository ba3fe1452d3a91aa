"""Archives and tables that take as much memory as their readers allow, in small files."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlcourse.classifier.data.points_file import PointsFile
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.datasets.sources import MAX_LIST
from mixed_images import drawing, png_bytes

ONE, TEN = b'{"step": 1}\n', b'{"step": 1, ' + b", ".join(b'"%d": 1.5' % tag for tag in range(10)) + b"}\n"


def content(data: bytes) -> Callable[[Path], object]:
    """What writes these bytes."""
    return lambda path: path.write_bytes(data)


def repeated(row: bytes, count: int) -> Callable[[Path], object]:
    """What writes so many rows."""
    return lambda path: path.write_bytes(row * count)


def cells(columns: int, count: int) -> bytes:
    """A table of attributes."""
    names = ",".join(f"{index:x}" for index in range(columns))
    row = ",1" * columns
    return "\n".join([f"seed,{names}", *(f"{seed}{row}" for seed in range(count))]).encode()


def new_names(path: Path) -> None:
    """Rows of which each has names of its own."""
    row = '{{"step": 1, "{0}a": 1, "{0}b": 1}}\n'
    path.write_text("".join(map(row.format, range(500_000))))


def many_files(path: Path, size: int = MAX_LIST) -> None:
    """An archive whose list of files has so many bytes."""
    header = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0, 0, 0)
    listed = b"".join(header + b"%05x.png" % index for index in range(size // (len(header) + 9)))
    path.write_bytes(b"PK\3\4" + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, len(listed), 4, 0))


def labelled(path: Path, text: bytes) -> None:
    """An archive of one image and labels."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", png_bytes(drawing(0, 16, 16)))
        archive.writestr("dataset.json", b'{"labels": [' + text + b"]}")


def many_labels(path: Path) -> None:
    labelled(path, b",".join(b'["%d.png",%d]' % (index, index % 2) for index in range(200_000)))


def many_lists(path: Path) -> None:
    labelled(path, b"[]," * 2**25 + b"[]")


def long_name(path: Path) -> None:
    labelled(path, b'["\xf0\x9f\x98\x80' + b"a" * 19_000_000 + b'",1]')


def many_points(path: Path) -> None:
    path.write_bytes(b"x1,x2,label\n" + b"".join(b"%d,%d,%d\n" % (i, i, i % 1000) for i in range(1_000_000)))


def many_rows(path: Path) -> None:
    path.write_bytes(b"x1,x2,label\n" + b"1,1,a\n" * 10_000_000)


def many_cells(path: Path) -> None:
    path.write_bytes(b"x1,x2,label\n" + (b"1,1,a" + b"," * (2**22 - 9) + b"\n") * 3)


def arrays(path: Path, label: np.ndarray) -> None:
    x = np.arange(len(label), dtype=np.float64)
    np.savez_compressed(path, x1=x, x2=x, label=label)


def long_words(path: Path) -> None:
    arrays(path, np.array([b"%d" % (index % 1000) + b"a" * 60 for index in range(1_000_000)]))


def read_names(path: Path) -> None:
    ImageFolder(str(path), 8, "crop", 1, [255, 255, 255], 0, None)


def read_classes(path: Path) -> None:
    ImageFolder(str(path), 8, "crop", 1, [255, 255, 255], 2, None)


def read_points(path: Path) -> None:
    PointsFile(str(path), 0.2, 0.2, 0.0, 0)
