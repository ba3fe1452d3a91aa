"""The user's own pictures in classes, for a classifier."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from dlcourse.data.augmentation import FlipRotateCrop
from dlcourse.data.labelled import class_name
from dlcourse.data.labelled_images import LabelledImages
from dlcourse.data.memory import refuse_more_than_memory
from dlcourse.images import to_tensor
from dlcourse.picture_files import SUFFIXES, open_picture
from dlcourse.terminal import printable, say

TRAINING_FOLDER, TEST_FOLDER = "training_set", "test_set"  # Kaggle's cats and dogs


class ImageClasses(LabelledImages):
    """Pictures in one folder per class, cropped to their central square and scaled to one resolution.

    `root` holds the classes' folders, and the test set is split off; or it holds training_set/ and test_set/, each
    with the same classes' folders (Kaggle's cats and dogs). What is no picture, and what cannot be read, is skipped
    and counted on the console. Everything is decoded once, into memory.

    Args:
        root: the folder.
        resolution: pixels per side, >= 2.
        max_per_class: the first so many pictures of each class in the order of their paths, per set; null is all.
        dev_share: of the training pictures, in (0, 1).
        test_share: of all pictures, in (0, 1), where there is no test_set/.
        augment: how training batches are varied.
        seed: of the splits.

    Raises:
        ValueError: no such folder, fewer than two classes, a class without pictures, classes that differ between
            training_set/ and test_set/, a value out of range, or more than fits into memory.
    """

    def __init__(
        self,
        root: str,
        resolution: int,
        max_per_class: int | None,
        dev_share: float,
        test_share: float,
        augment: FlipRotateCrop,
        seed: int,
    ):
        if resolution < 2:
            raise ValueError(f"resolution must be at least 2, got {resolution}")
        if max_per_class is not None and max_per_class < 2:
            raise ValueError(f"max_per_class must be at least 2, or null, got {max_per_class}")
        folder = existing_folder(root)
        has_test_set = (folder / TRAINING_FOLDER).is_dir()
        training_folder = folder / TRAINING_FOLDER if has_test_set else folder
        classes = class_names(training_folder)
        train = read_classes(training_folder, classes, resolution, max_per_class)
        test: tuple[Tensor, Tensor] | float = test_share
        if has_test_set:
            test_classes = class_names(existing_folder(str(folder / TEST_FOLDER)))
            if test_classes != classes:
                raise ValueError(
                    f"root={root}: {TRAINING_FOLDER} has the classes {', '.join(classes)}, "
                    f"but {TEST_FOLDER} has {', '.join(test_classes)}"
                )
            test = read_classes(folder / TEST_FOLDER, classes, resolution, max_per_class)
        super().__init__(train, test, [class_name(name) for name in classes], dev_share, augment, seed)


def existing_folder(root: str) -> Path:
    """The folder, or ValueError."""
    if not Path(root).is_dir():
        raise ValueError(f"root={root}: no such folder")
    return Path(root)


def pictures_below(folder: Path) -> list[Path]:
    """Files with a picture's suffix at any depth, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def class_names(folder: Path) -> list[str]:
    """The subfolders that hold pictures, sorted."""
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(found) < 2:
        raise ValueError(f"root={folder}: needs a folder for each class, at least 2; it has {len(found)}")
    return found


def read_classes(folder: Path, classes: Sequence[str], resolution: int, limit: int | None) -> tuple[Tensor, Tensor]:
    """The pictures of all classes, uint8 (N, 3, R, R), and their labels, int64 (N,)."""
    others = sum(path.is_file() for name in classes for path in (folder / name).rglob("*"))
    images, labels = [], []
    for label, name in enumerate(classes):
        paths = pictures_below(folder / name)
        others -= len(paths)
        if not paths:
            raise ValueError(f"root={folder}: no pictures of class {name} ({', '.join(sorted(SUFFIXES))})")
        pictures = read_squares(paths, resolution, limit)
        images.append(pictures)
        labels.append(torch.full((len(pictures),), label))
    if others:
        say(f"{folder}: {others} files that are no pictures were skipped", file=sys.stderr)
    return torch.cat(images), torch.cat(labels)


def read_squares(paths: Sequence[Path], resolution: int, limit: int | None = None) -> Tensor:
    """The first `limit` readable pictures, each cropped to its central square: uint8 (N, 3, R, R), RGB.

    Raises:
        ValueError: not one file could be read, or they would not fit into memory.
    """
    wanted = len(paths) if limit is None else min(limit, len(paths))
    refuse_more_than_memory(wanted * 3 * resolution**2, paths[0].parent)
    images = torch.empty(wanted, 3, resolution, resolution, dtype=torch.uint8)
    count, broken = 0, []
    for path in tqdm(paths, desc=printable(f"reading {paths[0].parent}"), disable=None):
        if count == wanted:
            break
        try:
            picture = open_picture(path)
        except ValueError as error:
            broken.append(str(error))
            continue
        square = ImageOps.fit(picture, (resolution, resolution), Image.Resampling.LANCZOS)
        images[count] = (to_tensor(square) * 255).round().to(torch.uint8)
        count += 1
    if not count:
        raise ValueError(f"root={paths[0].parent}: none of its {len(paths)} pictures can be read ({broken[0]})")
    if broken:
        say(f"{paths[0].parent}: {len(broken)} broken pictures were skipped, such as {broken[0]}", file=sys.stderr)
    return images[:count]
