"""The commands that the page works with and shows."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from dlcourse.page.fields import plain

Compose = Callable[[str, list[str]], dict[str, Any]]  # (command, overrides) -> its resolved config
Train = Callable[..., None]  # (overrides, watch): what dlcourse train does; see OnLog of engine.runner
PLAIN = re.compile(r"[A-Za-z0-9_./-]+")  # what needs no quotes in Hydra's grammar


def command_line(words: Sequence[str]) -> str:
    """A command, quoted only where a shell needs it."""
    return shlex.join(["dlcourse", *words])


def quoted(path: str) -> str:
    """A path as the value of an override."""
    return path if PLAIN.fullmatch(path) else json.dumps(path, ensure_ascii=False)


def value_at(config: dict[str, Any], key: str) -> Any:
    """The value of a dotted key; None if there is none."""
    found: Any = config
    for part in key.split("."):
        found = found.get(part)
    return plain(found) if isinstance(found, float) else found
