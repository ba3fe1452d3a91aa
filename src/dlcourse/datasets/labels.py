"""The classes of the user's images, by NVIDIA's dataset.json or by folder."""

import json
import sys
from typing import Any

from dlcourse.datasets.class_folders import find_class_folders, shown_names
from dlcourse.datasets.decoding import Square
from dlcourse.datasets.sources import LABELS, Source, slashes
from dlcourse.files.terminal import printable, say

MAX_LABELS = 200_000  # in dataset.json, beyond one for each image
BYTES_PER_LABEL = 100
LONGEST = 40  # letters of a class's name


def find_classes(source: Source, num_classes: int, square: Square) -> tuple[list[str], dict[str, int]]:
    """The names of the classes, and image -> number of its class; both empty if num_classes is 0.

    By dataset.json if there is one (its paths are relative to its own folder), else by folders in alphabetical order
    (see `find_class_folders`), the images of all splits together. ValueError if an image that `square` can use has
    no class, or there are not `num_classes` classes.
    """
    if num_classes == 0:
        return [], {}
    numbers, names = listed_labels(source) if source.label_files else folder_labels(source)
    check_labelled(source, numbers, square)
    count = len(names) or max(numbers.values()) + 1  # dataset.json may name any number
    if count != num_classes:
        raise ValueError(
            f"num_classes={num_classes}, but the images of root={source.root} are of {count} classes"
            f"{f' ({shown_names(names)})' if names else ''}; "
            f"set dataset.num_classes={count}, or 0 to train without labels"
        )
    return names or [str(number) for number in range(count)], numbers


def listed_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Image -> class by dataset.json; the list of names is empty, because dataset.json has none."""
    if len(source.label_files) > 1:
        raise ValueError(
            f"root={source.root}: has {len(source.label_files)} files of labels ({shown_names(source.label_files)}); "
            "give as root the folder of one of them, keep one, or set dataset.num_classes=0"
        )
    (name,) = source.label_files
    listed = read_labels(source, name)
    if listed is None:
        raise ValueError(f"root={source.root}: its {LABELS} has no labels; set dataset.num_classes=0")
    return {name: listed[name] for name in source.stamps if name in listed}, []


def folder_labels(source: Source) -> tuple[dict[str, int], list[str]]:
    """Image -> class by folder, and the names of the classes."""
    folders = find_class_folders(source)
    label_of = {name: place[1] for name in source.stamps if (place := folders.place(name))}
    names = sorted(set(label_of.values()))
    number = {name: index for index, name in enumerate(names)}
    if folders.splits.keys() != {"all"}:
        say(f"{source.root}: the folders in {shown_names(folders.splits.values())} are the classes", file=sys.stderr)
    return {name: number[label] for name, label in label_of.items()}, names


def check_labelled(source: Source, numbers: dict[str, int], square: Square) -> None:
    """Raise ValueError if a usable image has no label, or no image has one."""
    without = [name for name in source.stamps if name not in numbers]
    whole = next((name for name in without if not square.read(source, name)[2]), None)
    if whole is None and numbers:
        return
    example = printable(whole or without[0])
    if source.label_files:
        reason = f"{len(without)} images have no label in {LABELS}, such as {example}; add them"
    else:
        reason = (
            f"labels need a folder for each class, or a {LABELS}; {len(without)} images are in no such folder, "
            f"such as {example}; move them"
        )
    raise ValueError(f"root={source.root}: {reason}, or set dataset.num_classes=0")


def read_labels(source: Source, file_name: str) -> dict[str, int] | None:
    """Image -> class by NVIDIA's dataset.json, {"labels": [["00000/img00000000.png", 6], ...]}; None for null.

    ValueError if it has another form, or its bytes or its JSON values are too many for labels of the images. The values
    are counted because memory depends on them: `[],`, three bytes, becomes an object of seventy.
    """
    count = len(source.stamps)
    entries = MAX_LABELS + count  # more labels than images: the images may be a part of a larger set
    most = entries * BYTES_PER_LABEL
    try:
        if source.label_files[file_name] > most:
            raise ValueError(f"has {source.label_files[file_name]} bytes; at most {most} for {count} images")
        with source.open(file_name) as file:
            text = file.read(most + 1)
        if len(text) > most or sum(text.count(letter) for letter in b"[{,") > 4 * entries:
            raise ValueError(f"lists more than {entries} labels; there are {count} images")
        labels: Any = json.loads(text)["labels"]
        if labels is None:
            return None
        folder = file_name.removesuffix(LABELS)
        found = {folder + slashes(name): label for name, label in labels}
        wrong = [label for label in found.values() if type(label) is not int or label < 0]  # null among them
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'root={source.root}: its {LABELS} must hold {{"labels": [["NAME", CLASS], ...]}} or null '
            f"({type(error).__name__}: {printable(str(error))})"
        ) from error
    if wrong:
        raise ValueError(f"root={source.root}: a class in {LABELS} must be a whole number >= 0, got {wrong[0]!r}")
    return found


def class_name(text: object) -> str:
    """The name of a class as tables and images show it: one printable line of at most LONGEST letters."""
    name = printable(text)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
