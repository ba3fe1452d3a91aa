"""The user's own images in classes, for a classifier."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.labelled import MAX_CLASSES, Arrays, digests, first_equals
from dlcourse.classifier.data.labelled_images import LabelledImages
from dlcourse.datasets.class_folders import ClassFolders, find_class_folders, shown
from dlcourse.datasets.labels import class_name
from dlcourse.datasets.memory import check_memory
from dlcourse.datasets.sources import Source, report_files, source_at
from dlcourse.files.terminal import printable, say
from dlcourse.images.files import SUFFIXES, decode, to_rgb
from dlcourse.images.tensors import to_tensor


class ImageClasses(LabelledImages):
    """Images in one folder per class, cropped to their central square and scaled to one resolution.

    `root` holds the classes' folders, and dev and test sets are split off; or it holds folders named train, val and
    test or alike (see `class_folders.WORDS`; seg_train will do), each with the same classes' folders, and what is
    missing of val and test is split off train. Everything is decoded once, into memory. What is no image, cannot be
    read, or lies in no class's folder is skipped and named on the console.

    Images that are equal, as decoded, are never in two sets: copies are split together, and of the copies of a
    image in the folder for dev or test, that in train is left out. They are named too.

    Args:
        root: a folder or a .zip.
        resolution: pixels per side, >= 2.
        max_per_class: the first so many images of each class in the order of their paths, per folder of a split;
            null is all.
        dev_fraction: of the training images, in (0, 1), where there is no folder for dev.
        test_fraction: of all images, in (0, 1), where there is no folder for test.
        augment: how training batches are varied.
        seed: of the splits.

    Raises:
        ValueError: nothing at `root`, fewer than two classes, a class without images, classes that differ between
            the splits' folders, folders that may be splits or classes, a value out of range, or more than fits into
            memory.
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
        if resolution < 2:
            raise ValueError(f"resolution must be at least 2, got {resolution}")
        if max_per_class is not None and max_per_class < 2:
            raise ValueError(f"max_per_class must be at least 2, or null, got {max_per_class}")
        source = source_at(root)
        folders = find_class_folders(source)
        classes = shared_classes(source, folders)
        reader = ClassReader(source, folders, classes, resolution, max_per_class)
        sets = {split: reader.read(split) for split in folders.splits}
        sets, leaked = without_leaks(root, sets, classes)
        skipped = source.refused | reader.skipped | leaked
        report_files(root, f"skipped {len(skipped)} files", skipped)
        report_copies(root, sets)
        arrays: dict[str, Arrays] = {split: (found.images, found.labels) for split, found in sets.items()}
        train = arrays.get("train") or arrays["all"]
        test, dev = arrays.get("test", test_fraction), arrays.get("dev", dev_fraction)
        super().__init__(train, test, [class_name(name) for name in classes], dev, augment, seed)
        self.report_splits(root, folders.splits)

    def equals(self, inputs: Tensor) -> Tensor:
        """The first of the same images: people's folders hold copies."""
        return first_equals(inputs)

    def report_splits(self, root: str, splits: Mapping[str, str]) -> None:
        """Tell which folders make the sets, unless the root is all there is."""
        if splits == {"all": ""}:
            return
        rest = splits.get("train") or splits.get("all")
        sizes = {"train": self.train, "dev": self.dev, "test": self.test}
        told = [f"{name}: {len(labels)} of {splits.get(name, rest)}" for name, (_, labels) in sizes.items()]
        say(f"{root}: images for {', '.join(told)}", file=sys.stderr)


@dataclass(frozen=True)
class ClassImages:
    """Images uint8 (N, 3, R, R), their labels int64 (N,), and their names in the source."""

    images: Tensor
    labels: Tensor
    names: list[str]


def shared_classes(source: Source, folders: ClassFolders) -> list[str]:
    """The classes, the same in every split.

    Raises:
        ValueError: they are fewer than two, or differ, or no split is for training.
    """
    splits = folders.splits
    if "all" not in splits and "train" not in splits:
        raise ValueError(f"root={source.root}: has {shown(splits.values())}, but no folder of training images (train)")
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
                f"root={source.root}: {splits['train']} has the classes {shown(classes)}, "
                f"but {splits[split]} has {shown(found)}"
            )
    return classes


class ClassReader:
    """Decodes the images of each split.

    Attributes:
        skipped: name of an image -> why it is not used.
    """

    def __init__(
        self, source: Source, folders: ClassFolders, classes: Sequence[str], resolution: int, limit: int | None
    ):
        self.source, self.folders, self.classes = source, folders, classes
        self.resolution, self.limit = resolution, limit
        self.names: dict[tuple[str, str], list[str]] = {(split, c): [] for split in folders.splits for c in classes}
        self.skipped: dict[str, str] = {}
        for name in source.stamps:
            if (place := folders.place(name)) in self.names:
                self.names[place].append(name)
            else:
                self.skipped[name] = "in no class's folder"

    def read(self, split: str) -> ClassImages:
        """The images of a split, those of each class one after the other.

        Raises:
            ValueError: a class without images, or more than fits into memory.
        """
        wanted = [self.names[split, name] for name in self.classes]
        count = sum(min(len(names), self.limit or len(names)) for names in wanted)
        check_memory(count * 3 * self.resolution**2, self.source.root)
        images = torch.empty(count, 3, self.resolution, self.resolution, dtype=torch.uint8)
        labels: list[int] = []
        kept: list[str] = []
        title = printable(f"reading {self.source.root}")
        with tqdm(total=count, desc=title, unit=" images", disable=None) as bar:
            for label, names in enumerate(wanted):
                end = len(kept) + (self.limit or len(names))
                for name in names:
                    if len(kept) < end and self.read_square(name, images[len(kept) : len(kept) + 1]):
                        kept.append(name)
                        labels.append(label)
                        bar.update()
                if not labels or labels[-1] != label:
                    raise ValueError(f"root={self.source.root}: no images of class {self.why_empty(label, names)}")
        return ClassImages(images[: len(kept)], torch.tensor(labels), kept)

    def read_square(self, name: str, place: Tensor) -> bool:
        """Decode an image into `place` (1, 3, R, R), cropped to its central square; False for one that is skipped."""
        try:
            with self.source.open(name) as file:
                image = to_rgb(decode(file))
        except ValueError as error:
            self.skipped[name] = str(error)
            return False
        square = ImageOps.fit(image, (self.resolution, self.resolution), Image.Resampling.LANCZOS)
        place[0] = (to_tensor(square) * 255).round().to(torch.uint8)
        return True

    def why_empty(self, label: int, names: Sequence[str]) -> str:
        """The class's name, and what to say of its having no images."""
        if names:
            example = printable(f"{names[0]}: {self.skipped[names[0]]}")
            return f"{printable(self.classes[label])} can be used, such as {example}"
        refused = "".join(
            f"; {name}: {reason}"
            for name, reason in self.source.refused.items()
            if (self.folders.place(name) or ("", ""))[1] == self.classes[label]
        )[:200]
        return printable(f"{self.classes[label]} ({', '.join(sorted(SUFFIXES))}){refused}")


def without_leaks(
    root: str, sets: Mapping[str, ClassImages], classes: Sequence[str]
) -> tuple[dict[str, ClassImages], dict[str, str]]:
    """The sets without what equals an image of a set that is measured later, and the names left out with reasons.

    Raises:
        ValueError: nothing of a class is left.
    """
    found = dict(sets)
    leaked: dict[str, str] = {}
    seen: dict[bytes, str] = {}
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
            found[split] = ClassImages(
                images.images[kept], images.labels[kept], [images.names[index] for index in kept]
            )
        for label in set(range(len(classes))) - set(found[split].labels.tolist()):
            raise ValueError(
                f"root={root}: all images of class {printable(classes[label])} for {split} are copies of others that "
                "are for dev or test"
            )
    return found, leaked


def report_copies(root: str, sets: Mapping[str, ClassImages]) -> None:
    """Name the copies within a set, and those that are of another class than the first."""
    copies: dict[str, str] = {}
    contradictions: dict[str, str] = {}
    for images in sets.values():
        for index, first in enumerate(first_equals(images.images).tolist()):
            if index != first:
                same = images.labels[index] == images.labels[first]
                (copies if same else contradictions)[images.names[index]] = f"equals {images.names[first]}"
    report_files(root, f"{len(copies)} images are copies of others and go into the same set", copies)
    report_files(root, f"{len(contradictions)} images are of two classes; remove the wrong ones", contradictions)
