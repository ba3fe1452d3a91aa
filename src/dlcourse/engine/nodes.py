"""Plain configs: mappings within each other, and dotted keys."""

from collections.abc import Mapping
from typing import Any


def node_at(config: Any, key: str) -> Any:
    """The node of a config at a dotted key; None if there is none."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in node.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def in_yaml(value: Any) -> str:
    """A value as it is typed: null, true, 'text', [1, null]."""
    if isinstance(value, list):
        return f"[{', '.join(map(in_yaml, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def is_repeated(key: str, config: dict[str, Any]) -> bool:
    """Whether a key of the task belongs to another group, such as task.optimizer.lr."""
    group, *rest = key.split(".")
    return group == "task" and bool(rest) and rest[0] in config
