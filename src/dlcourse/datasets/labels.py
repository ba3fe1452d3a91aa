"""Which class the user's images are of: by NVIDIA's dataset.json, or by folder."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from dlcourse.datasets.class_folders import find_class_folders, shown
from dlcourse.datasets.sources import LABELS, Source, slashes
from dlcourse.files.terminal import printable, say

MAX_LABELS = 200_000  # in dataset.json, beyond one for each image
BYTES_PER_LABEL = 100
LONGEST = 40  # letters of a class's name

WhyUnusable = Callable[[str], str]  # name of an image -> why it cannot be used, or nothing


def find_classes(source: Source, num_classes: int, why_unusable: WhyUnusable) -> tuple[list[str], dict[str, int]]:
    """The names of the classes and, for each image, the number of its class; both empty for a num_classes of 0.

    By dataset.json where there is one, whose names of images count from its own folder; otherwise by folders in the
    order of their names (see `find_class_folders`), images of all splits together.

    Raises:
        ValueError: an image that can be used has no class, or there are not `num_classes` classes.
    """
    if num_classes == 0:
        return [], {}
    numbers, names = listed_labels(source) if source.label_files else folder_labels(source)
    check_labelled(source, numbers, why_unusable)
    count = len(names) or max(numbers.values()) + 1  # dataset.json may name any number
    if count != num_classes:
        raise ValueError(
            f"num_classes={num_classes}, but the images of root={source.root} are of {count} classes"
            f"{f' ({shown(names)})' if names else ''}; set num_classes={count}, or 0 to train without labels"
        )
    return names or [str(number) for number in range(count)], numbers


def listed_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Classes by dataset.json, which gives them no names."""
    if len(source.label_files) > 1:
        raise ValueError(
            f"root={source.root}: has {len(source.label_files)} files of labels ({shown(source.label_files)}); give as "
            "root the folder of one of them, keep one, or set num_classes=0"
        )
    (name,) = source.label_files
    listed = read_labels(source, name)
    if listed is None:
        raise ValueError(f"root={source.root}: its {LABELS} has no labels; set num_classes=0")
    return {name: listed[name] for name in source.stamps if name in listed}, []


def folder_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Classes by folder, and their names."""
    folders = find_class_folders(source)
    label_of = {name: place[1] for name in source.stamps if (place := folders.place(name))}
    names = sorted(set(label_of.values()))
    number = {name: index for index, name in enumerate(names)}
    if folders.splits.keys() != {"all"}:
        say(f"{source.root}: the folders in {shown(folders.splits.values())} are the classes", file=sys.stderr)
    return {name: number[label] for name, label in label_of.items()}, names


def check_labelled(source: Source, numbers: dict[str, int], why_unusable: WhyUnusable) -> None:
    """Raise ValueError for images without a label, unless they cannot be used anyhow."""
    without = [name for name in source.stamps if name not in numbers]
    whole = next((name for name in without if not why_unusable(name)), None)
    if whole is None and numbers:
        return
    example = printable(whole or without[0])
    if source.label_files:
        raise ValueError(
            f"root={source.root}: {len(without)} images have no label in {LABELS}, such as {example}; "
            "add them, or set num_classes=0"
        )
    raise ValueError(
        f"root={source.root}: labels need a folder for each class, or a {LABELS}; {len(without)} images are in no "
        f"such folder, such as {example}; move them, or set num_classes=0"
    )


def check_classes_filled(root: str, class_names: Sequence[str], listed: set[int], found: set[int]) -> None:
    """Raise ValueError for a class of listed images none of which could be read."""
    for number in sorted(listed - found):
        raise ValueError(f"root={root}: class {printable(class_names[number])} has no image that can be used")


def read_labels(source: Source, file_name: str) -> dict[str, int] | None:
    """Name -> class by NVIDIA's dataset.json, {"labels": [["00000/img00000000.png", 6], ...]}; None for null.

    Raises:
        ValueError: it is not of this form, or holds much more than labels for the images.
    """
    try:
        text = read_text(source, file_name)
        content: Any = json.loads(text)
        labels = content["labels"]
        if labels is None:
            return None
        folder = file_name.removesuffix(LABELS)
        found = {folder + slashes(name): label for name, label in labels}
        wrong = next((label for label in found.values() if type(label) is not int or label < 0), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'root={source.root}: its {LABELS} must hold {{"labels": [["NAME", CLASS], ...]}} or null '
            f"({type(error).__name__}: {printable(str(error))})"
        ) from error
    if wrong is not None:
        raise ValueError(f"root={source.root}: a class in {LABELS} must be a whole number >= 0, got {wrong!r}")
    return found


def read_text(source: Source, file_name: str) -> bytes:
    """The content of a file of labels, bounded by what labels for the images may take.

    A label has three parts, list, name and number. Parts are what takes memory: `[],` of three bytes takes seventy.
    """
    entries = MAX_LABELS + len(source.stamps)  # it may be one of a larger set than there is
    most = entries * BYTES_PER_LABEL
    if source.label_files[file_name] > most:
        raise ValueError(f"has {source.label_files[file_name]} bytes; at most {most} for {len(source.stamps)} images")
    with source.open(file_name) as file:
        text = file.read(most + 1)
    if len(text) > most or sum(text.count(letter) for letter in b"[{,") > 4 * entries:
        raise ValueError(f"lists more than {entries} labels; there are {len(source.stamps)} images")
    return text


def class_name(text: object) -> str:
    """The name of a class from a file, as tables and images show it: one line of at most LONGEST letters."""
    name = printable(text)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
