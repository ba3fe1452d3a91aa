"""The final images of several runs in one image: a row, or a table over two keys of the config."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil
from pathlib import Path, PurePath
from typing import Any, TypeVar

from PIL import Image

from dlcourse.engine.build import build, locate
from dlcourse.errors import UserError
from dlcourse.files.terminal import printable
from dlcourse.images.tables import Table, columns_of, rows_of
from dlcourse.reports.animation import RunImage
from dlcourse.reports.compare import (
    as_yaml,
    is_class,
    is_seed,
    naming_keys,
    num_told_apart,
    short_names,
    value_as_yaml,
    varying_keys,
)
from dlcourse.reports.runs import CHOICE, Run, images_of, read_config
from dlcourse.style_transfer.dataset import ContentAndStyles

FOLDER = "folder"  # used as a key where no key tells the runs apart
SHOWN = 512  # pixels on the longer side of content and style
MAX_COLUMNS = 6  # of a row, before it is broken

T = TypeVar("T")


def arrange(runs: Sequence[Run], rows: str | None = None, columns: str | None = None) -> Table[Run]:
    """Put each run into a cell of its own.

    By default, runs that differ in one key make a row. With two keys they make a table, with a row per value of the
    key that changes less often from run to run; with more keys, the columns are for all the other keys together. A
    table that would be more than half empty becomes a row. Where keys change together, only as many are used as are
    needed to tell the runs apart. Runs with the same settings are told apart by their folders.

    Args:
        runs: at least one; rows and columns keep their order.
        rows, columns: keys, mappings such as task.content_layers, or groups such as optimizer; None: the remaining
            keys that differ.

    Raises:
        UserError: an unknown key, or keys that put several runs into one cell.
    """
    asked = [key for key in (rows, columns) if key is not None]
    runs = fold_mappings(runs, asked)
    given = [known_key(runs, key) for key in asked]
    found = naming_keys(runs, sorted(varying_keys(runs), key=is_seed), given)
    others = found[len(given) :]
    if not found or num_told_apart(runs, found) < len(runs):
        runs = [replace(run, keys=run.keys | {FOLDER: str(run.path)}) for run in runs]
        others = [FOLDER]
    if rows and columns and others:
        raise UserError(
            f"--rows {rows} --columns {columns}: several runs in one cell, for they differ in {', '.join(others)} too; "
            f"leave out --rows or --columns, or give runs that share it"
        )
    by_change = sorted(others, key=lambda key: num_changes(runs, key))
    if rows or columns:
        row_keys, column_keys = given[:1] if rows else by_change, given[-1:] if columns else by_change
    else:
        row_keys, column_keys = by_change[:1], by_change[1:]
        if not column_keys or num_told_apart(runs, row_keys) * num_told_apart(runs, column_keys) > 2 * len(runs):
            row_keys, column_keys = [], by_change
    names = short_names(list(dict.fromkeys([*row_keys, *column_keys])))
    cells = zip(titles(runs, row_keys, names), titles(runs, column_keys, names), strict=True)
    return dict(zip(cells, runs, strict=True))


def fold_mappings(runs: Sequence[Run], asked: Sequence[str] = ()) -> list[Run]:
    """The runs with some mappings as one key again, whose value is a dict, instead of flat keys.

    These are the mappings `asked` for, and those that have different names in different runs: {relu1_1: 1} in one and
    {relu2_1: 1} in another is one choice of layers, not two keys. Arguments of classes and functions stay flat.
    """
    keys = dict.fromkeys(key for run in runs for key in run.keys)
    uneven = {key.rpartition(".")[0] for key in keys if any(key not in run.keys for run in runs)}
    mappings = {owner for owner in {*uneven, *asked} - {""} if f"{owner}._target_" not in keys}
    return [replace(run, keys=folded(run.keys, mappings)) for run in runs]


def folded(keys: dict[str, Any], mappings: set[str]) -> dict[str, Any]:
    """Flat keys, with those directly below one of `mappings` collected in a dict."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        owner, _, name = key.rpartition(".")
        if owner in mappings:
            found.setdefault(owner, {})[name] = value
        else:
            found[key] = value
    return found


def known_key(runs: Sequence[Run], name: str) -> str:
    """The key of this name, or else the choice or the class of this group; UserError if no run has it."""
    for key in (name, f"{CHOICE}{name}", f"{name}._target_"):
        if any(key in run.keys for run in runs):
            return key
    differing = dict.fromkeys(key.removeprefix(CHOICE).removesuffix("._target_") for key in varying_keys(runs))
    raise UserError(f"{name}: no such key; the runs differ in {', '.join(differing) or 'nothing'}")


def num_changes(runs: Sequence[Run], key: str) -> int:
    return sum(value_as_yaml(first, key) != value_as_yaml(second, key) for first, second in pairwise(runs))


def titles(runs: Sequence[Run], keys: Sequence[str], names: dict[str, str]) -> list[str]:
    """Each run's title: a line for each of `keys`, such as "content_weight 10", or "" without keys."""
    columns = [[printable(f"{names[key]} {label}") for label in labels(runs, key)] for key in keys]
    return ["\n".join(lines) for lines in zip(*columns, strict=True)] if columns else [""] * len(runs)


def labels(runs: Sequence[Run], key: str) -> list[str]:
    """Each run's value of a key, shortened if that keeps different values different; "-" where there is none."""
    short = [brief(run.keys[key], is_class(key)) if key in run.keys else "-" for run in runs]
    return short if len(set(short)) == num_told_apart(runs, [key]) else [value_as_yaml(run, key) for run in runs]


def brief(value: Any, names_class: bool = False) -> str:
    """A short form of a config value: classes without package, files without folder, mappings without zeros."""
    match value:
        case float():
            return f"{value:g}"
        case str():
            return value.rpartition(".")[2] if names_class else PurePath(value).name or value
        case list():
            return ", ".join(map(brief, value)) or "none"
        case dict():
            used = {name: brief(part) for name, part in value.items() if part} or value
            is_even = len(set(used.values())) == 1  # then the names suffice
            return ", ".join(used if is_even else (f"{name}: {text}" for name, text in used.items()))
    return as_yaml(value)


def final_images(table: Table[Run], name: str | None) -> Table[RunImage]:
    """The last image of the kind `name` (None: of the only kind) of each run, images/<name>_<last step>.png.

    Raises:
        UserError: a run without such images, a broken image, or several kinds and no name.
    """
    name = name or images_of(next(iter(table.values())).path, None, "--name ")[0]
    files = {cell: list(images_of(run.path, name)[1].values()) for cell, run in table.items()}
    return {cell: RunImage(of_run[-1]) for cell, of_run in files.items()}


def broken(table: Table[T]) -> list[Table[T]]:
    """A table of a single row as several, each with at most MAX_COLUMNS columns and about as many as the others."""
    columns = columns_of(table)
    if len(rows_of(table)) > 1 or len(columns) <= MAX_COLUMNS:
        return [table]
    width = ceil(len(columns) / ceil(len(columns) / MAX_COLUMNS))
    cells = list(table.items())
    return [dict(cells[start : start + width]) for start in range(0, len(cells), width)]


def inputs(run_dirs: Sequence[Path]) -> Table[Image.Image]:
    """The content and style images that the runs were given, each once, as a row; where there are several, with names.

    Raises:
        UserError: runs that have no such inputs, or a file is missing.
    """
    contents: dict[str, Image.Image] = {}
    styles: dict[str, Image.Image] = {}
    for run_dir in run_dirs:
        config = limited(dataset_of(run_dir, "--inputs: "))
        content, style = str(config.get("content")), config.get("style")
        given = [str(path) for path in (style if isinstance(style, list) else [style])]
        if content in contents and styles.keys() >= set(given):
            continue
        images: ContentAndStyles = build(config, "dataset", frozenset({config["_target_"]}))  # nothing else
        contents.setdefault(content, images.content.convert("RGB"))
        styles |= {path: image for path, image in zip(given, images.styles, strict=True) if path not in styles}
    return named("content", contents) | named("style", styles)


def dataset_of(run_dir: Path, given: str = "") -> dict[str, Any]:
    """The content and styles in a run's config; UserError for other data, whose message begins with `given`."""
    config = read_config(run_dir).get("dataset")
    node = {name: value for name, value in config.items() if name != "_partial_"} if isinstance(config, dict) else {}
    target = locate(node.get("_target_"), "dataset") if node else None
    if not (isinstance(target, type) and issubclass(target, ContentAndStyles)):
        what = f"its dataset is {target.__name__}" if target else "it has no dataset"
        raise UserError(f"{given}{run_dir}: {what}; only a style transfer has content and style images")
    return node


def limited(node: dict[str, Any]) -> dict[str, Any]:
    """A config of content and styles with images of at most SHOWN pixels."""
    sizes = {key: node.get(key) for key in ("content_size", "style_size")}
    return node | {key: size if type(size) is int and size < SHOWN else SHOWN for key, size in sizes.items()}


def named(kind: str, images: dict[str, Image.Image]) -> Table[Image.Image]:
    """Images by path as a row, each titled "style mosaic.jpg", or "style" if it is the only one."""
    names = [PurePath(path).name for path in images]
    short = names if len(set(names)) == len(names) else [*images]
    titles = [printable(f"{kind} {name}") for name in short] if len(images) > 1 else [kind]
    return {("", title): image for title, image in zip(titles, images.values(), strict=True)}
