"""How the images in a folder of painted frames came about, so that no other command goes on there."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcourse.engine.checkpoint import flatten
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write

NAME = "settings.json"
GROUPS = ("dataset", "objective", "model", "optimizer", "scheduler", "task")
KEYS = ("style", "seed", "precision", "steps_first", "steps_next", "from_last")


def settings(config: Mapping[str, Any], frames: Mapping[Path, Path]) -> dict[str, dict[str, Any]]:
    """What images depend on: the keys of a config, and digests of the files that they name and of the frames.

    Args:
        config: of scripts/style_frames.py, resolved.
        frames: frame -> its image.
    """
    groups = {group: config[group] for group in GROUPS}
    of_groups = {  # what a group takes from another one stands there
        key: value for key, value in flatten(groups).items() if not set(key.split(".")[1:]) & {*GROUPS, "content"}
    }
    keys = {key: config[key] for key in KEYS} | of_groups
    del keys["dataset.style"]
    files = {key: [digest(path) for path in paths_in(value)] for key, value in keys.items() if paths_in(value)}
    return {"keys": keys, "files": files, "frames": {frame.name: digest(frame) for frame in frames}}


def paths_in(value: Any) -> list[Path]:
    """The files that a value of the config names."""
    values = value if isinstance(value, list) else [value]
    return [Path(word) for word in values if isinstance(word, str) and Path(word).is_file()]


def digest(path: Path) -> str:
    """A hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:20]


def check_same_settings(now: dict[str, dict[str, Any]], frames: Mapping[Path, Path], output: Path) -> None:
    """Raise UserError if an image in `output` was painted otherwise, or from another frame, than it would be now."""
    there = {frame.name: image for frame, image in frames.items() if image.exists()}
    if not there:
        return
    first = next(iter(there.values()))
    then = read(output / NAME)
    if then is None:
        raise UserError(f"{first}: is there already, and no {NAME} says how it was painted; choose another output")
    changed = [
        f"{key}={then['keys'].get(key)} (now {now['keys'].get(key)})"
        for key in sorted({*then["keys"], *now["keys"]})
        if of_key(then, key) != of_key(now, key)
    ]
    if changed:
        raise UserError(f"{first}: is there already, painted with {', '.join(changed)}; choose another output")
    for name, image in there.items():
        if then["frames"].get(name) != now["frames"][name]:
            raise UserError(f"{image}: is there already, painted from another {name}; choose another output")


def of_key(record: dict[str, dict[str, Any]], key: str) -> Any:
    """What counts of a key: the content of the files that it names, or else its value."""
    return record["files"].get(key, record["keys"].get(key))


def read(path: Path) -> dict[str, dict[str, Any]] | None:
    """The settings in a file; None if there is no file, or no settings are in it."""
    try:
        record = json.loads(path.read_bytes()[: 2**24])
    except (OSError, ValueError, RecursionError):
        return None
    parts = record.values() if isinstance(record, dict) and {*record} == {"keys", "files", "frames"} else [None]
    return record if all(isinstance(part, dict) for part in parts) else None


def write(record: dict[str, dict[str, Any]], output: Path) -> None:
    """Put the settings beside the images."""
    output.mkdir(parents=True, exist_ok=True)
    with atomic_write(output / NAME) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
