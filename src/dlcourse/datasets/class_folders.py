"""Which folders of a data set are its splits and which its classes: by their names, and by where the images lie."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dlcourse.datasets.sources import Source
from dlcourse.files.terminal import printable

WORDS = {  # in the name of a folder -> the set that its images are for
    "train": "train",
    "training": "train",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "dev": "dev",
    "test": "test",
    "testing": "test",
}
SPLIT_NAME = re.compile(f"({'|'.join(WORDS)})([ _-]?(set|data|images|split))?", re.IGNORECASE)
BETWEEN = re.compile("[ _-]+")  # the words of a name, such as seg_train or train-images
NAMED = 10  # so many folders in a message


@dataclass(frozen=True)
class ClassFolders:
    """The folders whose folders are the classes, as paths below the root, which itself is "".

    Attributes:
        splits: "train", "dev" and "test", as far as folders are named so; else "all" is the only one.
        classes: for each of these, the names of the folders in it, sorted.
    """

    splits: dict[str, str]
    classes: dict[str, list[str]]

    def place(self, name: str) -> tuple[str, str] | None:
        """The split and the class of an image; None for one that lies beside them."""
        for split, folder in self.splits.items():
            start = f"{folder}/" if folder else ""
            label, is_inside, _ = name.removeprefix(start).partition("/")
            if name.startswith(start) and is_inside:
                return split, label
        return None


def find_class_folders(source: Source) -> ClassFolders:
    """The classes' folders, below folders that hold only one other, and below those that are named as splits.

    Raises:
        ValueError: it cannot be told which folders are the classes.
    """
    tree = Tree(source)
    top = tree.below_single_folders("")
    splits = find_splits(tree, source.root, top)
    folders = {split: tree.below_single_folders(folder) for split, folder in splits.items()} or {"all": top}
    for folder in folders.values():
        check_class_folders(tree, source.root, folder)
    return ClassFolders(folders, {split: sorted(map(last, tree.folders[path])) for split, path in folders.items()})


class Tree:
    """The folders of a source.

    Attributes:
        folders: path of a folder -> paths of the folders in it.
        filled: paths of the folders that have images, at any depth.
    """

    def __init__(self, source: Source):
        self.folders: dict[str, set[str]] = defaultdict(set)
        holding = {name.rpartition("/")[0] for name in source.stamps}
        self.filled = {path for folder in holding for path in lineage(folder)}
        for folder in holding | source.folders:
            for path in lineage(folder):
                self.folders[path.rpartition("/")[0]].add(path)

    def filled_folders(self, path: str) -> list[str]:
        """Paths of the folders in a folder that have images, sorted."""
        return sorted(self.folders[path] & self.filled)

    def below_single_folders(self, path: str) -> str:
        """The first folder, from `path` on down, that holds more than a single folder of folders."""
        while len(inside := self.filled_folders(path)) == 1 and self.filled_folders(inside[0]):
            path = inside[0]
        return path

    def names_by_depth(self, path: str) -> Iterator[tuple[str, ...]]:
        """The names of the folders that have images, one, two, ... levels below a folder, where there are several."""
        level = self.filled_folders(path)
        while level:
            names = tuple(sorted(set(map(last, level))))
            if len(names) > 1:
                yield names
            level = [inside for folder in level for inside in self.filled_folders(folder)]


def lineage(folder: str) -> Iterable[str]:
    """A folder and those that it lies in, but not the root."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def last(path: str) -> str:
    """The last part of a folder's path."""
    return path.rpartition("/")[2]


def find_splits(tree: Tree, root: str, top: str) -> dict[str, str]:
    """Split -> the folder of that name in `top`; nothing if its folders are classes.

    A folder of such a name that has no folders may be a class too: the vehicle called train, controls called test.

    Raises:
        ValueError: two folders for one split, or a split beside folders that are none.
    """
    splits: dict[str, str] = {}
    others = []
    for path in tree.filled_folders(top):
        match = SPLIT_NAME.fullmatch(last(path))
        if match:
            add_split(splits, WORDS[match[1].lower()], path, root)
        else:
            others.append(path)
    splits |= longer_named_splits(tree, root, others, splits)
    beside = [path for path in others if path not in splits.values()]
    divided = [path for path in splits.values() if tree.filled_folders(path)]
    if not divided:
        return {}
    if len(splits) == 1 and beside:
        raise ValueError(
            f"root={root}: {shown(divided)} has folders in it, as a split has, but lies beside {shown(beside)}: which "
            f"are the classes? Give root={root}/{printable(divided[0])}, or move it or the others elsewhere; if it is "
            "a class, put all its images into one folder"
        )
    return splits


def add_split(splits: dict[str, str], split: str, path: str, root: str) -> None:
    """Add the folder of a split; ValueError if it has one already."""
    if split in splits:
        raise ValueError(f"root={root}: {shown([splits[split], path])} are both for {split}; keep one of them")
    splits[split] = path


def longer_named_splits(tree: Tree, root: str, paths: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Split -> a folder whose name begins or ends with its word, as seg_train does; splits that are known keep theirs.

    Such a name is a class's sooner than a split's (crash_test, train station), unless there are folders as of classes
    in it.

    Raises:
        ValueError: two folders for one split.
    """
    found: dict[str, str] = {}
    for path in paths:
        words = BETWEEN.split(last(path).lower())
        meant = {WORDS[word] for word in (words[0], words[-1]) if word in WORDS}
        is_divided = len(tree.filled_folders(tree.below_single_folders(path))) > 1
        if len(meant) == 1 and is_divided and not meant & known.keys():
            add_split(found, meant.pop(), path, root)
    return found


def check_class_folders(tree: Tree, root: str, folder: str) -> None:
    """Raise ValueError for classes that all have the same two or more folders in them: these may be the classes."""
    classes = tree.filled_folders(folder)
    if len(classes) < 2:
        return
    same = set.intersection(*(set(tree.names_by_depth(path)) for path in classes))
    if same:
        inside = min(same)
        name = printable(last(classes[0]))
        raise ValueError(
            f"root={root}: {shown(map(last, classes))} all have the same folders in them, {shown(inside)}: which "
            "are the classes? Put all images of a class into one folder; splits go above the classes, as "
            f"train/{name} and val/{name}"
        )


def shown(names: Iterable[str]) -> str:
    """The first NAMED names, for a message."""
    names = list(names)
    return ", ".join(map(printable, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
