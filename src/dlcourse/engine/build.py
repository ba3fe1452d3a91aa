"""From a config node to the object it describes."""

import difflib
import importlib
import inspect
import math
import re
from collections.abc import Callable, Container, Mapping
from functools import partial
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from dlcourse.engine.targets import TARGETS
from dlcourse.errors import UserError

PLAIN = (int, float, str, list, dict, NoneType)  # what YAML holds
NOTHING: Mapping[str, Any] = {}
MAX_INT = 2**63 - 1  # torch's whole numbers
MAX_FLOAT = torch.finfo(torch.float32).max


def build(config: Any, key: str = "", targets: frozenset[str] = TARGETS, imposed: Mapping[str, Any] = NOTHING) -> Any:
    """Turn a config node into objects, depth first.

    A mapping with `_target_: package.Name` becomes `Name(**the other entries)`; with `_partial_: true` it becomes
    a factory that awaits its remaining arguments. Other mappings and lists are walked, everything else is itself.

    Args:
        config: plain Python data (dict, list, str, numbers, None).
        key: where the node stands in the whole config, for messages.
        targets: what it may name, some of TARGETS.
        imposed: arguments that are not for the config to choose, for all targets that take them.

    Raises:
        UserError: another target, an unknown or missing argument, NaN or infinity, or a constructor that refuses a
            value (its ValueError or OSError, with the key in front).
    """
    check_nodes(config, key, targets)
    return assemble(config, key, imposed)


def check_nodes(config: Any, key: str, targets: frozenset[str]) -> None:
    """Raise UserError for another target or a number that nothing takes, at any depth, before anything is built."""
    if isinstance(config, dict) and "_target_" in config:
        check_target(config["_target_"], key, targets)
    if type(config) is int and abs(config) > MAX_INT:
        raise UserError(f"{key} must be a whole number below 2^63, got {config}")
    if isinstance(config, float) and not math.isfinite(config):  # nothing here means infinity by it
        raise UserError(f"{key} must be a finite number, got {config}")
    if isinstance(config, float) and abs(config) > MAX_FLOAT:
        raise UserError(f"{key} must be at most {MAX_FLOAT:.2g}, torch's largest number, got {config}")
    for name, node in children(config, key):
        check_nodes(node, name, targets)


def children(config: Any, key: str) -> list[tuple[str, Any]]:
    """The nodes in a mapping or list, each with its own key."""
    if isinstance(config, list):
        return [(f"{key}[{index}]", node) for index, node in enumerate(config)]
    entries = config.items() if isinstance(config, dict) else ()
    return [(f"{key}.{name}" if key else str(name), node) for name, node in entries]


def assemble(config: Any, key: str, imposed: Mapping[str, Any]) -> Any:
    """`build` for a config whose targets were checked."""
    built = [assemble(node, name, imposed) for name, node in children(config, key)]
    if not isinstance(config, dict):
        return built if isinstance(config, list) else config
    arguments = dict(zip(config, built, strict=True))
    if "_target_" not in config:
        return arguments
    target, is_partial = locate(arguments.pop("_target_"), key), arguments.pop("_partial_", False)
    arguments |= {name: value for name, value in imposed.items() if name in inspect.signature(target).parameters}
    check_arguments(target, arguments, key, is_partial)
    factory = partial(construct, target, key, **arguments)
    return factory if is_partial else factory()


def construct(target: Callable[..., Any], key: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call `target` and put the config key in front of its objection to a value."""
    try:
        return target(*args, **kwargs)
    except (ValueError, OSError, TypeError) as error:
        raise UserError(objection(key, error, kwargs)) from error


def objection(key: str, error: Exception, arguments: Container[str]) -> str:
    """What a constructor says of a value, with its key in front: "task.batch_size must be ..." for "batch_size ..."."""
    argument = re.match(r"\w*", str(error))[0]  # type: ignore[index]  # it matches nothing, too
    return f"{key}.{error}" if argument in arguments else f"{key}: {error}"


def locate(path: Any, key: str) -> Callable[..., Any]:
    """The class or function of a dotted `path`, which is imported only if it is one of TARGETS.

    Raises:
        UserError: it is none of them.
    """
    check_target(path, key, TARGETS)
    module_name, _, name = path.rpartition(".")
    target: Callable[..., Any] = getattr(importlib.import_module(module_name), name)
    return target


def check_target(path: Any, key: str, targets: frozenset[str]) -> None:
    """Raise UserError if a `_target_` is none of `targets`."""
    if not isinstance(path, str) or path not in targets:
        raise UserError(f"{key}._target_: {repr(path)[:100]} is refused; {allowed(path, targets)}")


def allowed(path: Any, targets: frozenset[str]) -> str:
    """What may stand in the place of a refused target."""
    name = str(path).rpartition(".")[2]
    if (
        str(path).startswith("dlcourse.")
        and path not in TARGETS
        and name in {one.rpartition(".")[2] for one in TARGETS}
    ):
        return f"this version of dlcourse has {name} elsewhere, and reads no files of other versions"
    if targets is not TARGETS:
        return f"here it may be {', '.join(sorted(name.rpartition('.')[2] for name in targets))}"
    close = difflib.get_close_matches(str(path)[:100], TARGETS, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}src/dlcourse/engine/targets.py lists what a config may name"


def check_arguments(target: Callable[..., Any], arguments: dict[str, Any], key: str, is_partial: bool) -> None:
    """Raise UserError if `target` does not take `arguments`, before anything runs."""
    signature = inspect.signature(target)
    try:
        (signature.bind_partial if is_partial else signature.bind)(**arguments)
    except TypeError as error:
        accepted = ", ".join(signature.parameters)
        name = getattr(target, "__qualname__", str(target))
        raise UserError(f"{key}: {name}: {error} (it takes: {accepted})") from error
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    for argument, value in arguments.items():
        hint = hints.get(argument, Any)
        if not fits(value, hint):
            got = repr(value)[:200] if isinstance(value, PLAIN) else f"a {type(value).__name__}"
            raise UserError(f"{key}.{argument} must be {describe(hint)}, got {got}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value fits a constructor's annotation, as far as YAML's own kinds go.

    A whole number is a valid float; a truth value is no number. Objects that `build` made must be of the class that
    the annotation names, where it names one.
    """
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if not isinstance(value, PLAIN):
        is_class = isinstance(hint, type) and not getattr(hint, "_is_protocol", False)
        return isinstance(value, hint) if is_class else get_origin(hint) is not Callable or callable(value)
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(item, get_args(hint)[0]) for item in value)
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        return isinstance(value, list) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(fits(item, get_args(hint)[1]) for item in value.values())
    if hint is None or hint is NoneType:
        return value is None
    if isinstance(value, bool):
        return hint in (bool, Any)
    return {float: isinstance(value, int | float), Any: True}.get(hint, type(value) is hint)


def describe(hint: Any) -> str:
    """An annotation as a reader of YAML would put it; tensors, which torch takes too, are none of YAML's kinds."""
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(describe(option) for option in get_args(hint) if option is not Tensor)
    if get_origin(hint) is tuple:
        return f"[{', '.join(map(describe, get_args(hint)))}]"
    if hint is NoneType:
        return "null"
    return str(hint.__name__ if isinstance(hint, type) and not get_args(hint) else hint).replace("None", "null")
