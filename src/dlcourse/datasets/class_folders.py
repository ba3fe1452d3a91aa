"""Finds out which folders of a data set are its splits and its classes, by their names and by where the images are."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dlcourse.datasets.sources import Source
from dlcourse.files.terminal import printable

WORDS = {  # word in a folder's name -> split
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SPLIT_NAME = re.compile(f"({'|'.join(WORDS)})([ _-]?(set|data|images|split))?", re.IGNORECASE)
BETWEEN = re.compile("[ _-]+")  # between the words of a name, such as seg_train or train-images
NAMED = 10  # folders that a message names


@dataclass(frozen=True)
class ClassFolders:
    """The folders of the splits ("train", "dev", "test", as far as there are such, or only "all")."""

    splits: dict[str, str]  # split -> path below the root, "" for the root itself
    classes: dict[str, list[str]]  # split -> sorted names of its subfolders, which are the classes

    def place(self, name: str) -> tuple[str, str] | None:
        """The split and the class of an image; None for an image outside of the classes' folders."""
        for split, folder in self.splits.items():
            start = f"{folder}/" if folder else ""
            label, is_inside, _ = name.removeprefix(start).partition("/")
            if name.startswith(start) and is_inside:
                return split, label
        return None


def find_class_folders(source: Source) -> ClassFolders:
    """The folders of splits and classes, below folders that hold only one other; ValueError if they are ambiguous."""
    tree = Tree(source)
    top = tree.below_single_folders("")
    splits = find_splits(tree, source.root, top)
    folders = {split: tree.below_single_folders(folder) for split, folder in splits.items()} or {"all": top}
    for folder in folders.values():
        check_class_folders(tree, source.root, folder)
    return ClassFolders(folders, {split: sorted(map(last, tree.folders[path])) for split, path in folders.items()})


class Tree:
    """The folders of a source."""

    def __init__(self, source: Source):
        self.folders: dict[str, set[str]] = defaultdict(set)  # path of a folder -> paths of the folders in it
        holding = {name.rpartition("/")[0] for name in source.stamps}
        self.filled = {path for folder in holding for path in lineage(folder)}  # paths of folders with images in them
        for folder in holding | source.folders:
            for path in lineage(folder):
                self.folders[path.rpartition("/")[0]].add(path)

    def filled_folders(self, path: str) -> list[str]:
        return sorted(self.folders[path] & self.filled)

    def below_single_folders(self, path: str) -> str:
        """Descend from `path` while a folder holds only a single folder, which holds folders itself."""
        while len(inside := self.filled_folders(path)) == 1 and self.filled_folders(inside[0]):
            path = inside[0]
        return path

    def names_by_depth(self, path: str) -> Iterator[tuple[str, ...]]:
        """The names of the filled folders one, two, ... levels below a folder, for levels with several names."""
        level = self.filled_folders(path)
        while level:
            names = tuple(sorted(set(map(last, level))))
            if len(names) > 1:
                yield names
            level = [inside for folder in level for inside in self.filled_folders(folder)]


def lineage(folder: str) -> Iterable[str]:
    """A folder and its parents, without the root."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def last(path: str) -> str:
    return path.rpartition("/")[2]


def find_splits(tree: Tree, root: str, top: str) -> dict[str, str]:
    """Split -> its folder in `top`; empty if the folders in `top` are the classes.

    If no folder named as a split has subfolders, they are classes: a vehicle called train, controls called test.
    ValueError for two folders of one split, or a single split beside other folders.
    """
    paths = tree.filled_folders(top)
    named = {path: WORDS[match[1].lower()] for path in paths if (match := SPLIT_NAME.fullmatch(last(path)))}
    others = [path for path in paths if path not in named]
    longer = {path: split for path in others if (split := split_within(tree, path)) and split not in named.values()}
    splits: dict[str, str] = {}
    for path, split in (named | longer).items():
        if split in splits:
            raise ValueError(
                f"root={root}: {shown_names([splits[split], path])} are both for {split}; keep one of them"
            )
        splits[split] = path
    beside = [path for path in others if path not in splits.values()]
    divided = [path for path in splits.values() if tree.filled_folders(path)]
    if not divided:
        return {}
    if len(splits) == 1 and beside:
        raise ValueError(
            f"root={root}: {shown_names(divided)} has folders in it, as a split has, but lies beside "
            f"{shown_names(beside)}: which are the classes? Give root={root}/{printable(divided[0])}, or move it or "
            "the others elsewhere; if it is a class, put all its images into one folder"
        )
    return splits


def split_within(tree: Tree, path: str) -> str | None:
    """The split whose word begins or ends the name of a folder, such as seg_train; None if there is none.

    Only folders with several subfolders count; others are more likely classes (crash_test, train station).
    """
    words = BETWEEN.split(last(path).lower())
    meant = {WORDS[word] for word in (words[0], words[-1]) if word in WORDS}
    is_divided = len(tree.filled_folders(tree.below_single_folders(path))) > 1
    return meant.pop() if len(meant) == 1 and is_divided else None


def check_class_folders(tree: Tree, root: str, folder: str) -> None:
    """Raise ValueError if all classes have the same two or more folders in them: those may be the classes."""
    classes = tree.filled_folders(folder)
    if len(classes) < 2:
        return
    if same := set.intersection(*(set(tree.names_by_depth(path)) for path in classes)):
        inside = min(same)
        name = printable(last(classes[0]))
        raise ValueError(
            f"root={root}: {shown_names(map(last, classes))} all have the same folders in them, {shown_names(inside)}: "
            "which are the classes? Put all images of a class into one folder; splits go above the classes, as "
            f"train/{name} and val/{name}"
        )


def shown_names(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(map(printable, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
