"""The user's own images in classes, for a classifier."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.labelled import MAX_CLASSES, Arrays, LabelledImages, digests, first_equals
from dlcourse.datasets.class_folders import ClassFolders, find_class_folders, shown_names
from dlcourse.datasets.decoding import Square, check_memory
from dlcourse.datasets.labels import class_name
from dlcourse.datasets.sources import Source, report_files, source_at
from dlcourse.errors import check_at_least
from dlcourse.files.terminal import printable, say
from dlcourse.images.files import SUFFIXES

FEW = 25  # images for dev or test, of which one is more than 4 % of the accuracy


class ImageClasses(LabelledImages):
    """Images in one folder per class, cropped to their central square, scaled to one resolution, decoded into memory.

    Images that are equal after decoding are never in two sets: copies within a folder are split together, and images
    of the dev and test folders are left out of training. These, and files that cannot be used, are listed on the
    console.

    Args:
        root: a folder or a .zip with the folders of the classes, or folders of splits (train, val, test, seg_train and
            the like; see `datasets.class_folders`), each with the same classes.
        resolution: pixels per side, >= 2.
        max_per_class: use only this many images of each class in each split, the first by path; null is all.
        dev_fraction: of the training images, in (0, 1), if there is no dev folder.
        test_fraction: of all images, in (0, 1), if there is no test folder.
        augment: variation of the training batches.
        seed: of the splits.
    """

    def __init__(
        self,
        root: str,
        resolution: int,
        max_per_class: int | None,
        dev_fraction: float,
        test_fraction: float,
        augment: FlipRotateCrop,
        seed: int,
    ):
        check_at_least(2, resolution=resolution)
        if max_per_class is not None and max_per_class < 2:
            raise ValueError(f"max_per_class must be at least 2, or null, got {max_per_class}")
        source = source_at(root)
        folders = find_class_folders(source)
        classes = shared_classes(source, folders)
        sets, unused = read_splits(source, folders, classes, Square(resolution), max_per_class)
        sets, leaked = without_leaks(root, sets, classes)
        skipped = source.refused | unused | leaked
        report_files(root, f"skipped {len(skipped)} files", skipped)
        report_copied_images(root, sets)
        arrays: dict[str, Arrays] = {split: (found.images, found.labels) for split, found in sets.items()}
        train = arrays.get("train") or arrays["all"]
        test, dev = arrays.get("test", test_fraction), arrays.get("dev", dev_fraction)
        super().__init__(train, test, [class_name(name) for name in classes], dev, augment, seed, True)
        self.report_splits(root, folders.splits, resolution)

    def report_splits(self, root: str, splits: Mapping[str, str], resolution: int) -> None:
        """Print the size and folder of each set, what becomes of an image, and what few images are worth."""
        rest = splits.get("train") or splits.get("all")
        sets = {"train": self.train, "dev": self.dev, "test": self.test}
        sizes = {name: len(labels) for name, (_, labels) in sets.items()}
        places = {name: f" of {folder}" if (folder := splits.get(name, rest)) else "" for name in sizes}
        told = ", ".join(f"{name}: {sizes[name]}{places[name]}" for name in sizes)
        square = f"of each the central square, as {resolution} x {resolution} pixels"
        say(f"{root}: images for {told}; {square}", file=sys.stderr)
        smallest = min(("dev", "test"), key=lambda name: sizes[name])
        if sizes[smallest] < FEW:
            share = f"1 of {sizes[smallest]} images is {100 / sizes[smallest]:.0f} % of {smallest}/accuracy"
            cure = "add images, or take the mean over several splits (-m seed=0,1,2,3,4)"
            say(f"{root}: few images: {share}; {cure}", file=sys.stderr)


@dataclass(frozen=True)
class ClassImages:
    """Images uint8 (N, 3, R, R), labels int64 (N,), and N names in the source."""

    images: Tensor
    labels: Tensor
    names: list[str]


def shared_classes(source: Source, folders: ClassFolders) -> list[str]:
    """The classes of all splits; ValueError if they differ, are fewer than two, or no split is for training."""
    splits = folders.splits
    if "all" not in splits and "train" not in splits:
        raise ValueError(
            f"root={source.root}: has {shown_names(splits.values())}, but no folder of training images (train)"
        )
    classes = folders.classes["all" if "all" in splits else "train"]
    if len(classes) > MAX_CLASSES:
        raise ValueError(f"root={source.root}: has {len(classes)} folders of classes; at most {MAX_CLASSES}")
    for split, found in folders.classes.items():
        if len(found) < 2:
            where = "/".join(filter(None, (source.root, splits[split])))
            refused = "".join(f"; {name}: {reason}" for name, reason in list(source.refused.items())[:1])
            raise ValueError(
                f"root={where}: needs a folder for each class, at least 2; it has {len(found)}{printable(refused)}"
            )
        if found != classes:
            raise ValueError(
                f"root={source.root}: {splits['train']} has the classes {shown_names(classes)}, "
                f"but {splits[split]} has {shown_names(found)}"
            )
    return classes


def read_splits(
    source: Source, folders: ClassFolders, classes: Sequence[str], square: Square, limit: int | None
) -> tuple[dict[str, ClassImages], dict[str, str]]:
    """Decode the images of each split, and list the other files: (split -> images, name of a file -> why skipped).

    `limit` is the largest number of images of each class in each split; None is all. ValueError for an empty class.
    """
    names: dict[tuple[str, str], list[str]] = {(split, name): [] for split in folders.splits for name in classes}
    sets, skipped = dict[str, ClassImages](), dict[str, str]()
    for name in source.stamps:
        if (place := folders.place(name)) in names:
            names[place].append(name)
        else:
            skipped[name] = "in no class's folder"
    for split in folders.splits:
        of_classes = [names[split, name] for name in classes]
        sets[split] = read_images(source, of_classes, square, limit, skipped)
        for label in sorted(set(range(len(classes))) - set(sets[split].labels.tolist())):
            why = why_empty(source, folders, classes[label], of_classes[label], skipped)
            raise ValueError(f"root={source.root}: no images of class {why}")
    return sets, skipped


def read_images(
    source: Source, of_classes: Sequence[Sequence[str]], square: Square, limit: int | None, skipped: dict[str, str]
) -> ClassImages:
    """Decode the images of a split, class by class; adds unusable files to `skipped`."""
    label_of = {name: label for label, names in enumerate(of_classes) for name in names}
    missing = [min(len(names), limit or len(names)) for names in of_classes]  # images still to come of each class
    count = sum(missing)
    check_memory(count * 3 * square.resolution**2, source.root)
    images = torch.empty(count, 3, square.resolution, square.resolution, dtype=torch.uint8)
    kept: list[str] = []
    wanted = (name for name, label in label_of.items() if missing[label])
    for name, pixels, reason in square.read_all(source, wanted, count):
        if not missing[label_of[name]]:  # other images completed its class while it was decoded
            continue
        if pixels is None:
            skipped[name] = reason
        else:
            images[len(kept)] = torch.from_numpy(pixels)
            kept.append(name)
            missing[label_of[name]] -= 1
    return ClassImages(images[: len(kept)], torch.tensor([label_of[name] for name in kept], dtype=torch.int64), kept)


def why_empty(
    source: Source, folders: ClassFolders, class_folder: str, names: Sequence[str], skipped: Mapping[str, str]
) -> str:
    """The name of a class without images, and the reason, for a message."""
    if names:
        example = printable(f"{names[0]}: {skipped[names[0]]}")
        return f"{printable(class_folder)} can be used, such as {example}"
    placed = {name: folders.place(name) for name in source.refused}
    found = [name for name, place in placed.items() if place and place[1] == class_folder]
    refused = "".join(f"; {name}: {source.refused[name]}" for name in found)[:200]
    return printable(f"{class_folder} ({', '.join(sorted(SUFFIXES))}){refused}")


def without_leaks(
    root: str, sets: Mapping[str, ClassImages], classes: Sequence[str]
) -> tuple[dict[str, ClassImages], dict[str, str]]:
    """Leave out training images that are in dev or test, and dev images in test; ValueError if a class becomes empty.

    Returns the sets, and the name of each image left out -> the reason.
    """
    found, leaked, seen = dict(sets), dict[str, str](), dict[bytes, str]()
    for split in ("test", "dev", "train"):
        if split not in sets:
            continue
        images = sets[split]
        keys = digests(images.images)
        copies = {index: seen[key] for index, key in enumerate(keys) if key in seen}
        seen |= dict(zip(keys, images.names, strict=True))
        leaked |= {images.names[index]: f"a copy of {name}, left out here" for index, name in copies.items()}
        if copies:
            kept = [index for index in range(len(keys)) if index not in copies]
            names = [images.names[index] for index in kept]
            found[split] = ClassImages(images.images[kept], images.labels[kept], names)
        for label in set(range(len(classes))) - set(found[split].labels.tolist()):
            raise ValueError(
                f"root={root}: all images of class {printable(classes[label])} for {split} are copies of others that "
                "are for dev or test"
            )
    return found, leaked


def report_copied_images(root: str, sets: Mapping[str, ClassImages]) -> None:
    """Print the copies within each set, and separately those whose class differs from the original's."""
    copies, contradictions = dict[str, str](), dict[str, str]()
    for images in sets.values():
        for index, first in enumerate(first_equals(images.images).tolist()):
            if index != first:
                same = images.labels[index] == images.labels[first]
                (copies if same else contradictions)[images.names[index]] = f"equals {images.names[first]}"
    report_files(root, f"{len(copies)} images are copies of others and go into the same set", copies)
    report_files(root, f"{len(contradictions)} images are of two classes; remove the wrong ones", contradictions)
