"""What TensorBoard's tabs show of a run besides its curves and images."""

import json
import re
from collections.abc import Iterable
from typing import Any

from dlcourse.engine.nodes import flatten, is_repeated
from dlcourse.files.terminal import printable

IDLE = {"run_dir", "resume", "device", "overrides"}  # keys that change no result, like the runner's but this one:
LENGTH = "runner.max_steps"


def charts_of(tags: Iterable[str]) -> dict[str, str]:
    """Charts that show several tags, the curves of one quantity: title -> pattern of the tags.

    "train/loss" and "dev/loss" are of one quantity, "loss"; "gan/d_loss" and "gan/g_loss" of "gan/loss". Patterns, not
    lists of tags, so that the runs of a folder have the same charts even if some have not logged all tags yet.
    """
    patterns = dict(map(chart_of, sorted(tags)))
    return {title: found for title, found in patterns.items() if sum(bool(re.match(found, tag)) for tag in tags) > 1}


def chart_of(tag: str) -> tuple[str, str]:
    """The chart that a tag belongs to: its title, and the pattern of its tags."""
    group, _, name = tag.rpartition("/")
    words = name.split("_")
    if len(words) == 2:
        return f"{group}/{words[1]}", f"^{re.escape(group)}/[a-z0-9]+_{re.escape(words[1])}$"
    return name, f"^[a-z]+/{re.escape(name)}$"


def hyper_parameters(config: dict[str, Any]) -> dict[str, int | float | str]:
    """The settings of a resolved config for the HPARAMS tab, named as one types them: optimizer, optimizer.lr.

    Left out are keys that change no result, the names of classes, which the choices of groups imply, and keys that
    repeat others, such as task.optimizer.lr and dataset.seed.
    """
    found: dict[str, int | float | str] = {}
    for key, value in flatten(config).items():
        group, _, name = key.rpartition(".")
        is_idle = key in IDLE or (key.startswith("runner.") and key != LENGTH)
        is_copy = is_repeated(key, config) or (bool(group) and name in config and config[name] == value)
        if not (is_idle or is_copy or name in ("_target_", "_partial_")):
            typed = printable(key.removeprefix("choices."))
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            found[typed] = value if is_number else printable(text_of(value))
    return found


def text_of(value: Any) -> str:
    """A setting that is no number, as in YAML: null, true, [10, 10], relu."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
