"""Keys in messages as users type them."""

import re
from typing import Any


def as_typed(message: str, config: Any) -> str:
    """Replace the key at the beginning of a message by the one that users type: task.optimizer.lr by optimizer.lr.

    `config` is not resolved: there, the former refers to the latter.
    """
    key = re.match(r"[\w.]*", message)[0].rstrip(".")  # type: ignore[index]
    return typed_key(key, config) + message[len(key) :]


def typed_key(key: str, config: Any) -> str:
    """Follow the references in a config, as in `as_typed`."""
    names, node = key.split("."), config
    for depth, name in enumerate(names, start=1):
        node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, str) and (reference := re.fullmatch(r"\$\{(\w[\w.]*)\}", node)):
            return typed_key(".".join([reference[1], *names[depth:]]), config)
    return key


def dotted_keys(node: Any, prefix: str = "") -> list[str]:
    """All keys of an unresolved config, as one types them: optimizer.lr, not task.optimizer.lr."""
    keys = []
    for name, value in node.items() if isinstance(node, dict) else ():
        if not str(name).startswith("_") and not (prefix and isinstance(value, str) and value.startswith("${")):
            keys += [f"{prefix}{name}", *dotted_keys(value, f"{prefix}{name}.")]
    return keys
