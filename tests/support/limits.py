"""The memory that each reader of strangers' files takes on its worst inputs.

`python tests/support/limits.py` measures what the table of docs/untrusted_files.md says; names of readers as arguments
choose some. With --limited, which test_untrusted_files.py asks for, a reader cannot get more memory than its limit, and
with --quick, what takes long is left out.
"""

import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import large_checkpoints
import large_images
import large_sets
from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.reports import animation, runs
from dlcourse.stylegan.interop.files import load_pretrained
from large_sets import ONE, TEN, cells, content, new_names, repeated
from readers import CONFIG, READERS, image_folder

MIB = 2**20
SLACK = 96  # MiB of addresses on top of a limit: stacks of threads, pages of libraries
SECONDS = 60  # of processor time for one file
READ = ""  # the outcome of a file that is read


@dataclass(frozen=True)
class Worst:
    """A file that makes a reader take as much memory as it can.

    Attributes:
        write: writes it at a path.
        outcome: a pattern in the error's message; READ for a file that is read.
        is_slow: whether only `make test-slow` reads it.
    """

    write: Callable[[Path], object]
    outcome: str = READ
    is_slow: bool = False


@dataclass(frozen=True)
class Limit:
    """What a reader may take.

    Attributes:
        mib: MiB at most, beside what the process held before.
        worst: what the files are -> one of them.
        suffix, read: of a reader that is not in READERS.
    """

    mib: int
    worst: dict[str, Worst]
    suffix: str = ""
    read: Callable[[Path], object] | None = None


@dataclass(frozen=True)
class Measured:
    """What became of one file: READ or the error's message, MiB at the peak, seconds of processor time."""

    outcome: str
    mib: float
    seconds: float


def folder_of_images(path: Path) -> None:
    """As many of the largest images as are decoded at once, or more."""
    large_images.saved("RGB", LARGEST, "PNG", compress_level=1)(path)
    for index in range(2):
        path.with_name(f"{index}.png").hardlink_to(path)


def read_folder(path: Path) -> None:
    image_folder(path.parent, 0)


def images_of_a_run(path: Path) -> None:
    """The largest images in a run's folder."""
    images = path.parent / "images"
    images.mkdir()
    large_images.saved("L", LARGEST, "PNG", compress_level=1)(images / "map_0.png")
    for step in range(1, 4):
        (images / f"map_{step}.png").hardlink_to(images / "map_0.png")


def read_film(path: Path) -> None:
    animation.write_animation(runs.images_of(path.parent, None)[1], path, 1.0)


LARGEST, LARGEST_WEBP = 11_585, 7_094  # pixels per side
LARGE, MEDIUM = large_images.kinds(LARGEST), large_images.kinds(2000)
LIMITS: dict[str, Limit] = {
    "image": Limit(
        1600,
        {
            "JPEG, progressive CMYK": Worst(LARGE["JPEG, progressive CMYK"], is_slow=True),
            "PNG, RGBA, turned": Worst(LARGE["PNG, RGBA, turned"], is_slow=True),
            "WebP": Worst(large_images.saved("RGBA", LARGEST_WEBP, "WEBP", lossless=True, method=0), is_slow=True),
            "WebP, a large canvas": Worst(content(large_images.webp_bomb(2**14)), "too large"),
            "TIFF, a large tile": Worst(
                lambda path: path.write_bytes(large_images.tiff(16, 2**14)), "16 x 16 in a strip or tile"
            ),
            "TIFF, many numbers": Worst(
                lambda path: path.write_bytes(large_images.tiff(16, 16, (50_000, 6, 2**28, 8)) + bytes(2**28)),
                "more than 1048576 numbers",
            ),
            "PNG, entries that share their bytes": Worst(content(large_images.exif_bomb(4000, 2**20))),
        },
    ),
    "image of 4 million pixels": Limit(64, {kind: Worst(write) for kind, write in MEDIUM.items()}, ".png", open_image),
    "folder of images": Limit(1700, {"the largest PNGs": Worst(folder_of_images, is_slow=True)}, ".png", read_folder),
    "images of a run": Limit(1600, {"the largest PNGs": Worst(images_of_a_run, is_slow=True)}, ".gif", read_film),
    "archive of images": Limit(
        256,
        {
            "a list of 305 000 files": Worst(large_sets.many_files, is_slow=True),
            "a longer list": Worst(lambda path: large_sets.many_files(path, 2**25), "too many files"),
        },
        ".zip",
        large_sets.read_names,
    ),
    "labels in an archive": Limit(
        224,
        {
            "a long name": Worst(large_sets.long_name, "1 images have no label"),
            "200 000 labels": Worst(large_sets.many_labels, "are of 1 classes"),
            "lists of nothing": Worst(large_sets.many_lists, "has 100663312 bytes; at most 20000100 for 1 images"),
        },
        ".zip",
        large_sets.read_classes,
    ),
    "table of points": Limit(
        192,
        {
            "a million points": Worst(large_sets.many_points, is_slow=True),
            "more points": Worst(large_sets.many_rows, "more than 1000000 samples", is_slow=True),
            "lines of four million cells": Worst(large_sets.many_cells, "only one class"),
        },
        ".csv",
        large_sets.read_points,
    ),
    "arrays of points": Limit(
        320, {"a million long labels": Worst(large_sets.long_words, is_slow=True)}, ".npz", large_sets.read_points
    ),
    "checkpoint": Limit(
        192,
        {
            "a tensor of 128 MiB": Worst(large_checkpoints.tensor(128), "another task"),
            "the same, by an old torch": Worst(large_checkpoints.tensor(128, is_legacy=True), "another task"),
            "half a million sets": Worst(
                large_checkpoints.program(b"\x8f" * 499_990), "not a checkpoint", is_slow=True
            ),
            "a list of 80 000 files": Worst(content(large_checkpoints.many_files(80_000)), "not a checkpoint"),
            "a list of 100 000 files": Worst(content(large_checkpoints.many_files(100_000)), "too many files"),
        },
    ),
    "network pickle": Limit(
        256,
        {
            "40 MiB, shared": Worst(content(large_checkpoints.shared_arrays(40, 4)), "make no network"),
            "40 MiB, shared by many": Worst(content(large_checkpoints.shared_arrays(40, 5)), "more than 4 times"),
        },
        ".pkl",
        load_pretrained,
    ),
    "attributes.csv": Limit(
        320,
        {
            "two million cells": Worst(content(cells(999, 2000)), "is the same for all", is_slow=True),
            "a million columns": Worst(content(b"seed," + b"a," * 10**6 + b"\n" + b"1\n" * 10**6), "more than 1000"),
        },
    ),
    "config.yaml": Limit(128, {"a long list": Worst(content(CONFIG.encode() + b"a: [" + b"1," * 60_000 + b"1]"))}),
    "metrics.jsonl": Limit(
        512,
        {
            "rows of a step": Worst(repeated(ONE, 838_000), is_slow=True),
            "rows of ten numbers": Worst(repeated(TEN, 279_000), is_slow=True),
            "too many rows": Worst(repeated(ONE, 1_000_000), "more than 4194304 numbers", is_slow=True),
            "a line without an end": Worst(repeated(b"a", 2**29), "more than 4194304 numbers or 268435456 bytes"),
        },
    ),
    "metrics to go on": Limit(
        64,
        {
            "rows of new names": Worst(new_names, is_slow=True),
            "a line without an end": Worst(repeated(b"a", 2**28)),
        },
    ),
}


# name in READERS of a reader without a row of its own -> the row that holds for it
SAME = {
    "foreign checkpoint": "network pickle",
    "w": "checkpoint",
    "weights of VGG": "checkpoint",
    "attribute network": "checkpoint",
    "features of reals": "checkpoint",
    "image of a class": "image",
    "archive": "archive of images",
    "labelled archive": "labels in an archive",
    "dataset.json": "labels in an archive",
    "points.csv": "table of points",
    "points.npz": "arrays of points",
    "composed.yaml": "config.yaml",
}
OUR_OWN = {"cached levels"}  # no stranger writes it


def status(name: str) -> float:
    """MiB of one of the sizes in /proc/self/status (proc(5))."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, name
    return int(found[1]) / 1024


def read_here(reader: str, path: Path, limit: int | None) -> Measured:
    """Read a file in this process, which can get no more than `limit` MiB and cannot be used afterwards."""
    own = LIMITS[reader]
    read, errors = (own.read, (ValueError, UserError)) if own.read else (READERS[reader].read, READERS[reader].errors)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = status("VmRSS")
    if limit is not None:
        room = int((status("VmSize") + limit + SLACK) * MIB)
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    start, outcome = time.process_time(), READ
    try:
        read(path)
    except errors as error:
        outcome = str(error) or type(error).__name__
    except BaseException as error:  # MemoryError among them
        outcome = f"{type(error).__name__}: {error}"
    return Measured(outcome, status("VmHWM") - before, time.process_time() - start)


def measure(reader: str, kind: str, limited: bool) -> Measured:
    """Let a reader read its worst file of a kind, in a process of its own."""
    limit = LIMITS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{limit.suffix or READERS[reader].suffix}")
        if (maker := os.fork()) == 0:  # what it takes to make the file is not counted
            limit.worst[kind].write(path)
            os._exit(0)
        assert os.waitpid(maker, 0)[1] == 0, f"{reader}: {kind}"
        end, start = os.pipe()
        if (child := os.fork()) == 0:
            found = read_here(reader, path, limit.mib if limited else None)
            os.write(start, json.dumps(vars(found)).encode()[:60_000])
            os._exit(0)
        os.close(start)
        with os.fdopen(end, "rb") as pipe:
            text = pipe.read()
        status = os.waitpid(child, 0)[1]
        return Measured(**json.loads(text)) if text else Measured(f"ended by signal {status & 127}", 0.0, 0.0)


def measure_all(readers: list[str], limited: bool, slow: bool) -> dict[str, dict[str, Measured]]:
    """Reader -> kind of file -> what became of it; a line for each goes to stderr."""
    found: dict[str, dict[str, Measured]] = {}
    for reader in readers:
        for kind in (kind for kind, worst in LIMITS[reader].worst.items() if slow or not worst.is_slow):
            one = measure(reader, kind, limited)
            found.setdefault(reader, {})[kind] = one
            print(f"{reader}, {kind}: {one.mib:.0f} MiB, {one.seconds:.1f} s {one.outcome[:150]}", file=sys.stderr)
    return found


if __name__ == "__main__":
    limited = "--limited" in sys.argv
    chosen = [word for word in sys.argv[1:] if word in LIMITS] or list(LIMITS)
    found = measure_all(chosen, limited, slow="--quick" not in sys.argv)
    if limited:
        print(json.dumps({reader: {kind: vars(one) for kind, one in kinds.items()} for reader, kinds in found.items()}))
    else:
        for reader, kinds in found.items():
            kind, most = max(kinds.items(), key=lambda pair: pair[1].mib)
            print(f"| {reader} | {kind} | {most.mib:.0f} MiB | {LIMITS[reader].mib} MiB |")
