"""Paths on the command line may be typed without quotes for Hydra: Köln (1).jpg, it's.jpg, a=1,b=2, 2024, ~/images.

Hydra's grammar reads the value of key=value as a number, a list, a call or a sweep if it can, and refuses letters
beyond ASCII. Values of the keys in PATHS are therefore quoted before Hydra sees them.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from dlcourse.cli import latest
from dlcourse.engine.nodes import in_yaml
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS, ROOT
from dlcourse.files.missing import is_folder

# The keys of all configs whose value is a path, or a name
PATHS = {
    "cache",
    "checkpoint",
    "content",
    "dataset.cache",
    "dataset.content",
    "dataset.content_mask",
    "dataset.path",
    "dataset.root",
    "dataset.style",
    "dataset.style_masks",
    "dataset.style_regions",
    "dataset.styles",
    "dataset_cache",
    "decoder",
    "evaluation.cache",
    "evaluation.extractor.weights",
    "frames",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "init_from",
    "model.weights",
    "output",
    "result",
    "resume",
    "run",
    "run_dir",
    "sampler.attributes",
    "search.folder",
    "search.storage",
    "search.study",
    "seeds",
    "style",
    "style_regions",
    "target",
    "task.init",
}
# Keys whose value may be a list, [A.jpg, B.jpg]
LISTS = {"dataset.style", "dataset.style_masks", "dataset.style_regions", "seeds", "style", "style_regions"}
# Keys whose value may be `latest`, and the task whose runs they take
RUNS = {
    "checkpoint": "StyleGAN",
    "decoder": "FastStyleTransfer",
    "evaluation.extractor.weights": "Attributes",
    "init_from": "StyleGAN",
    "resume": "",
    "run": "StyleTransfer",
}
QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)
# One item of a list or of a sweep: a quoted text, a list, or everything up to the next comma
ITEM = re.compile(r"""\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\[[^\]]*\])\s*(?=,|$)|[^,]+""", re.DOTALL)
SWEEP_FUNCTION = re.compile(r"(choice|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
INTERPOLATION = re.compile(r"\$\{[^}]+\}")
PARSER = OverridesParser.create()


def take_path(word: str, is_sweep: bool) -> str:
    """Quote the value of key=value for Hydra if it is a path that is not quoted yet; UserError for an empty path.

    With `is_sweep`, commas separate the values of several runs.
    """
    head, equal, value = word.partition("=")
    key = head.lstrip("+")
    if not equal or key not in PATHS:
        return word
    if not value.strip():
        raise UserError(f"{word}: no path is given; for none, {key}=null")
    if is_sweep and SWEEP_FUNCTION.fullmatch(value):
        return word
    values = items_of(value) if is_sweep else [value]
    return f"{head}={','.join(take_value(key, one) for one in values)}"


def items_of(text: str) -> Iterator[str]:
    """Split at commas, but not at those in the names of existing files or folders."""
    parts = [text] if exists(text) else ITEM.findall(text)
    while parts:
        length = next((n for n in range(len(parts), 1, -1) if exists(",".join(parts[:n]).strip())), 1)
        item = ",".join(parts[:length])
        yield item if exists(item) else item.strip()
        del parts[:length]


def take_value(key: str, text: str) -> str:
    """Quote a path or, for the keys in LISTS, each path of a list."""
    is_list = key in LISTS and text.startswith("[") and text.endswith("]") and not exists(text)
    if not is_list:
        return take_one(key, text)
    return f"[{','.join(take_one(key, item) for item in items_of(text[1:-1]))}]"


def take_one(key: str, text: str) -> str:
    """Quote a single path, unless it is null, quoted already, or numbers in `seeds`."""
    is_number = key == "seeds" and re.fullmatch(r"[0-9]*(-[0-9]*)?(@[0-9]*)?|\?\?\?", text)
    if is_number or text.lower() == "null" or QUOTED.fullmatch(text):
        return text
    if key in RUNS:
        text = bundled(latest.resolved(text, RUNS[key]))
    if exists(text) or not INTERPOLATION.search(text):
        text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # is not meant as a reference to another key
    return quote(at_home(text))


def quote(text: str) -> str:
    """Put a text in quotes, unless Hydra's grammar reads it as the same text without them."""
    try:
        is_plain = PARSER.parse_override(f"key={text}").value() == text
    except HydraException:
        is_plain = False
    return text if is_plain else QuotedString(text, Quote.double).with_quotes()


def is_group(key: str) -> bool:
    """Whether a key of an override is a group of configs, which has a folder of its own."""
    return is_folder(str(CONFIGS / key.partition("@")[0]))


def bundled(path: str) -> str:
    """The project's own file for checkpoints/NAME, in a folder that has no such file."""
    if not path.startswith("checkpoints/") or exists(path):
        return path
    own = str(ROOT / path)
    return own if os.path.isfile(own) else path  # noqa: PTH113  (pathlib raises for long names)


def exists(text: str) -> bool:
    return os.path.lexists(at_home(text))


def at_home(path: str) -> str:
    """Expand ~ in a path, unless it is that of an unknown user."""
    return os.path.expanduser(path)  # noqa: PTH111  (pathlib raises then, and removes the slash of FOLDER/)


def expand_home(cfg: DictConfig) -> None:
    """Expand ~ in the paths of a config, also those of its files; UserError for a number or bool as a path."""
    for key in PATHS - {"seeds"}:
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(cfg, parent) if parent else cfg
        if not isinstance(node, DictConfig) or name not in node or OmegaConf.is_missing(node, name):
            continue
        if not OmegaConf.is_interpolation(node, name):
            value: Any = list(node[name]) if OmegaConf.is_list(node[name]) else node[name]
            paths = value if isinstance(value, list) else [value]
            if not all(path is None or isinstance(path, str) for path in paths):
                got = in_yaml(value)
                raise UserError(f"{key} must be a path, got {got}; a name that looks like a number needs quotes")
            homes = [None if path is None else at_home(path) for path in paths]
            node[name] = homes if isinstance(value, list) else homes[0]
