"""The comments of configs/*.yaml, which --help shows: what a file is for, and what each of its keys means."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dlcourse.files.locations import CONFIGS

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, if it is there, reads ten times as fast
GLOBAL = "# @package _global_"  # the first line of files whose keys begin at the root
UNTYPED = ("defaults", "hydra", "_target_", "_partial_")  # what nobody overrides


@dataclass(frozen=True)
class Entry:
    """A key of a config file, dotted; its value as written there, "" for a block of keys; the comment of its line."""

    key: str
    value: str
    comment: str

    def is_wiring(self) -> bool:
        """Whether it only refers to the key that people override instead."""
        return self.value.startswith("${") and not self.comment

    def is_typed(self) -> bool:
        """Whether people override it: neither a block of keys nor wiring."""
        return self.value != "" and not self.is_wiring()


def entries(path: Path) -> list[Entry]:
    """The keys of a config file, in its order."""
    text = path.read_text("utf-8")
    node = yaml.compose(text, Loader=LOADER)
    return list(entries_in(node, "", text.splitlines())) if node is not None else []


def entries_in(mapping: Any, prefix: str, lines: list[str]) -> Iterator[Entry]:
    """The keys of a mapping of YAML and of the blocks in it."""
    for name, value in mapping.value:
        if name.value in UNTYPED:
            continue
        is_block = value.id == "mapping" and not value.flow_style
        begin, end = value.start_mark, name.end_mark if is_block else value.end_mark
        parts = [*lines[begin.line : end.line], lines[end.line][: end.column]]
        written = "" if is_block else " ".join(parts)[begin.column :].strip()
        comment = lines[end.line][end.column :].partition("# ")[2]
        yield Entry(f"{prefix}{name.value}", written, comment.strip())
        if is_block:
            yield from entries_in(value, f"{prefix}{name.value}.", lines)


def header(path: Path) -> list[str]:
    """The comment at the beginning of a config file: what it is for."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if line != GLOBAL:
            lines.append(line.removeprefix("#").removeprefix(" "))
    return lines


def summary(path: Path) -> str:
    """The first sentence or line of a config file's header."""
    return next(iter(header(path)), "")


def prefix(path: Path) -> str:
    """What the keys of a config file begin with on the command line: `optimizer.`, or nothing."""
    group = path.parent.relative_to(CONFIGS)
    is_global = path.read_text("utf-8").startswith(GLOBAL)
    return "" if is_global else "".join(f"{part}." for part in group.parts)


def choices(group: str) -> list[str]:
    """The choices of a group, such as `optimizer`."""
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def defaults(path: Path) -> list[tuple[str, str | None]]:
    """The defaults list of a config file, as (group, choice); the group of another file's name is that of the file."""
    found: list[tuple[str, str | None]] = []
    for entry in (yaml.load(path.read_text("utf-8"), Loader=LOADER) or {}).get("defaults", []):  # noqa: S506
        if isinstance(entry, dict):
            found += [(str(key).removeprefix("override ").lstrip("/"), choice) for key, choice in entry.items()]
        elif entry != "_self_":
            group = path.parent.relative_to(CONFIGS) / entry
            found.append(("" if group.parent == Path() else str(group.parent), group.name))
    return found


def task_of(experiment: str) -> str | None:
    """The task that an experiment chooses, perhaps by the one it builds on."""
    chosen = dict(defaults(CONFIGS / "experiment" / f"{experiment}.yaml"))
    if "task" in chosen or "experiment" not in chosen:
        return chosen.get("task", "classification")
    return task_of(str(chosen["experiment"]))


def parents(config_name: str) -> list[str]:
    """The commands whose config this one's begins with: `train` for that of `search`."""
    return [str(name) for group, name in defaults(CONFIGS / f"{config_name}.yaml") if group == ""]


def groups(config_name: str) -> list[str]:
    """The groups in the defaults list of a command's config, then those that only some choices bring."""
    found: list[str] = []
    waiting = [CONFIGS / f"{config_name}.yaml"]
    while waiting:
        for group, choice in defaults(waiting.pop(0)):
            if group == "":
                waiting.insert(0, CONFIGS / f"{choice}.yaml")
            elif group not in found and "@" not in group and not group.startswith("hydra/"):
                found.append(group)
                waiting += sorted((CONFIGS / group).glob("*.yaml"))
    return found


def owners(config_name: str) -> dict[str, dict[str, Entry]]:
    """Every key that a choice of these groups has: key -> {group=choice: its entry}. Experiments have no own keys."""
    found: dict[str, dict[str, Entry]] = {}
    for group in groups(config_name):
        for path in sorted((CONFIGS / group).glob("*.yaml")) if group != "experiment" else ():
            for entry in (one for one in entries(path) if not one.is_wiring()):
                found.setdefault(f"{prefix(path)}{entry.key}", {})[f"{group}={path.stem}"] = entry
    return found
