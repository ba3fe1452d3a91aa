"""Whether there is a folder, and what to say of a path at which there is nothing."""

import difflib
import os
from itertools import islice
from os.path import lexists as exists
from pathlib import Path

MOST_NAMES = 5000  # of a folder; those of larger ones are not compared, which takes long


def is_folder(path: str) -> bool:
    """Whether there is a folder of this name, which may be longer than the system allows."""
    return os.path.isdir(path)  # noqa: PTH112  (pathlib raises then)


def nothing_at(path: str | Path, what: str = "no such file") -> str:
    """`what`, and a similar path or the folder that is not there either: "no such file; did you mean photo.jpg?"."""
    if similar := similar_path(Path(path)):
        return f"{what}; did you mean {similar}?"
    folder = Path(path).parent
    return what if exists(folder) else f"{what}; there is no folder {folder}"


def similar_path(path: Path) -> Path | None:
    """The path with its first part that does not exist replaced by a similar one beside it; None if there is none."""
    first = next((part for part in reversed([path, *path.parents]) if not exists(part)), None)
    if first is None:
        return None
    try:
        with os.scandir(first.parent) as entries:
            names = {entry.name.lower(): entry.name for entry in islice(entries, MOST_NAMES + 1)}
    except (OSError, ValueError):  # no folder, no permission, or a null byte
        return None
    if len(names) > MOST_NAMES:
        return None
    close = difflib.get_close_matches(first.name.lower(), names, n=1, cutoff=0.75)
    if not close:
        return None
    found = first.with_name(names[close[0]])
    whole = found / path.relative_to(first)
    return whole if exists(whole) else found
