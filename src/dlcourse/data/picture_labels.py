"""Which class the user's pictures are of: by NVIDIA's dataset.json, or by folder."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from dlcourse.data.picture_sources import LABELS, Source, slashes
from dlcourse.terminal import printable

MAX_JSON_BYTES = 2**27  # of dataset.json: labels for about three million pictures
NAMED = 10  # so many classes in a message


def find_classes(source: Source, label_size: int) -> tuple[list[str], dict[str, int]]:
    """The names of the classes and, for each picture, the number of its class.

    By dataset.json where there is one, which numbers the classes; otherwise by the topmost folder that not all
    pictures share, in the order of the folders' names. Nothing at all for a label_size of 0.

    Raises:
        ValueError: a picture without a class, or not `label_size` classes.
    """
    if label_size == 0:
        return [], {}
    numbers, names = listed_labels(source) if source.has_labels() else folder_labels(source)
    count = len(names) or max(numbers.values()) + 1  # dataset.json may name any number
    if count != label_size:
        some = ", ".join(map(printable, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
        raise ValueError(
            f"label_size={label_size}, but the pictures of root={source.root} are of {count} classes"
            f"{f' ({some})' if some else ''}; set label_size={count}, or 0 to train without labels"
        )
    return names or [str(number) for number in range(count)], numbers


def listed_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Classes by dataset.json, which gives them no names."""
    listed = read_labels(source)
    if listed is None:
        raise ValueError(f"root={source.root}: its {LABELS} has no labels; set label_size=0")
    missing = [name for name in source.stamps if name not in listed]
    if missing:
        raise ValueError(
            f"root={source.root}: {len(missing)} pictures have no label in {LABELS}, such as {printable(missing[0])}; "
            "add them, or set label_size=0"
        )
    return {name: listed[name] for name in source.stamps}, []


def folder_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Classes by folder, and their names."""
    folders = {name: tuple(name.split("/")[:-1]) for name in source.stamps}
    depth = shared_depth(folders.values())
    loose = [name for name, folder in folders.items() if len(folder) <= depth]
    if loose:
        raise ValueError(
            f"root={source.root}: labels need a folder for each class, or a {LABELS}; {len(loose)} pictures are in no "
            f"such folder, such as {printable(loose[0])}; move them, or set label_size=0"
        )
    names = sorted({folder[depth] for folder in folders.values()})
    number = {name: index for index, name in enumerate(names)}
    return {name: number[folder[depth]] for name, folder in folders.items()}, names


def shared_depth(folders: Iterable[tuple[str, ...]]) -> int:
    """How many of the first folders all paths share, as in an archive of one folder; the classes' are not counted."""
    depth = 0
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        depth += 1
    return depth


def refuse_empty_classes(root: str, class_names: Sequence[str], listed: set[int], found: set[int]) -> None:
    """Raise ValueError for a class of listed pictures none of which could be read."""
    for number in sorted(listed - found):
        raise ValueError(f"root={root}: class {printable(class_names[number])} has no picture that can be used")


def read_labels(source: Source) -> dict[str, int] | None:
    """Name -> class by NVIDIA's dataset.json, {"labels": [["00000/img00000000.png", 6], ...]}; None for null.

    Raises:
        ValueError: it is not of this form.
    """
    try:
        with source.open(LABELS) as file:
            text = file.read(MAX_JSON_BYTES + 1)
        if len(text) > MAX_JSON_BYTES:
            raise ValueError(f"more than {MAX_JSON_BYTES} bytes")
        content: Any = json.loads(text)
        labels = content["labels"]
        if labels is None:
            return None
        found = {slashes(name): label for name, label in labels}
        wrong = next((label for label in found.values() if type(label) is not int or label < 0), None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'root={source.root}: its {LABELS} must hold {{"labels": [["NAME", CLASS], ...]}} or null '
            f"({type(error).__name__}: {printable(str(error))})"
        ) from error
    if wrong is not None:
        raise ValueError(f"root={source.root}: a class in {LABELS} must be a whole number >= 0, got {wrong!r}")
    return found
