"""Build the objects that a config describes."""

import difflib
import importlib
import inspect
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from dlcourse.engine.nodes import in_yaml
from dlcourse.engine.targets import TARGETS
from dlcourse.errors import UserError

PLAIN = (int, float, str, list, dict, NoneType)  # what YAML holds
WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", NoneType: "null"}
NOTHING: Mapping[str, Any] = {}  # the default of `imposed`
MAX_INT = 2**63 - 1  # torch's largest integer
MAX_FLOAT = torch.finfo(torch.float32).max


def build(config: Any, key: str = "", targets: frozenset[str] = TARGETS, imposed: Mapping[str, Any] = NOTHING) -> Any:
    """Turn a config node into objects, depth first.

    A mapping with `_target_: package.Name` becomes `Name(**the other entries)`; with `_partial_: true` it becomes
    a factory that takes the remaining arguments later. Mappings and lists are searched for such nodes; every other
    value stays as it is.

    Args:
        config: plain Python data (dict, list, str, numbers, None).
        key: the node's key in the whole config, for messages.
        targets: the allowed `_target_`s, a subset of TARGETS.
        imposed: arguments that override the config's, for all targets that take them.

    Raises:
        UserError: a target that is not allowed, an unknown or missing argument, NaN or infinity, or a constructor
            that refuses a value (its ValueError or OSError, with the key in front).
    """
    check_nodes(config, key, targets)
    return build_unchecked(config, key, imposed)


def check_nodes(config: Any, key: str, targets: frozenset[str]) -> None:
    """Raise UserError for a target that is not allowed, or a number that torch cannot hold, at any depth."""
    if isinstance(config, dict) and "_target_" in config:
        check_target(config["_target_"], key, targets)
    if type(config) is int and abs(config) > MAX_INT:
        raise UserError(f"{key} must be a whole number below 2^63, got {config}")
    if isinstance(config, float) and not math.isfinite(config):
        raise UserError(f"{key} must be a finite number, got {config}")
    if isinstance(config, float) and abs(config) > MAX_FLOAT:
        raise UserError(f"{key} must be at most {MAX_FLOAT:.2g}, torch's largest number, got {config}")
    for name, node in children(config, key):
        check_nodes(node, name, targets)


def children(config: Any, key: str) -> list[tuple[str, Any]]:
    """The nodes in a mapping or list, each with its key in the whole config."""
    if isinstance(config, list):
        return [(f"{key}[{index}]", node) for index, node in enumerate(config)]
    entries = config.items() if isinstance(config, dict) else ()
    return [(f"{key}.{name}" if key else str(name), node) for name, node in entries]


def build_unchecked(config: Any, key: str, imposed: Mapping[str, Any]) -> Any:
    """`build` without the checks of targets and numbers."""
    built = [build_unchecked(node, name, imposed) for name, node in children(config, key)]
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
    """Call `target`; a value that it refuses is a UserError that begins with the config key."""
    try:
        return target(*args, **kwargs)
    except (ValueError, OSError, TypeError) as error:
        raise UserError(objection(key, error, kwargs)) from error
    except RuntimeError as error:  # torch's optimizers refuse values that do not go together by it
        if not target.__module__.startswith("torch.optim"):
            raise
        raise UserError(objection(key, error, kwargs)) from error


def objection(key: str, error: Exception, arguments: Mapping[str, Any]) -> str:
    """An error's message with the key in front: "task.batch_size must be ..." for "batch_size must be ...".

    torch's optimizers name the value instead ("Invalid learning rate: -1"); it tells the argument if only one has it.
    """
    text = str(error)
    argument, value = re.match(r"\w*", text)[0], text.rpartition(": ")[2]  # type: ignore[index]  # always matches
    if argument in arguments:
        return f"{key}.{text}"
    owners = [name for name, given in arguments.items() if value in map(str, [given, *listed(given)])]
    return f"{key}.{owners[0]}: {text}" if len(owners) == 1 else f"{key}: {text}"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def locate(path: Any, key: str) -> Callable[..., Any]:
    """Import the class or function of a dotted `path`; UserError unless it is one of TARGETS."""
    check_target(path, key, TARGETS)
    module_name, _, name = path.rpartition(".")
    target: Callable[..., Any] = getattr(importlib.import_module(module_name), name)
    return target


def check_target(path: Any, key: str, targets: frozenset[str]) -> None:
    if not isinstance(path, str) or path not in targets:
        raise UserError(f"{key}._target_: {repr(path)[:100]} is refused; {allowed(path, targets)}")


def allowed(path: Any, targets: frozenset[str]) -> str:
    """The second half of the message for a refused target: what is allowed, or what was probably meant."""
    name = str(path).rpartition(".")[2]
    is_moved = str(path).startswith("dlcourse.") and path not in TARGETS
    if is_moved and name in {one.rpartition(".")[2] for one in TARGETS}:
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
        missing = re.fullmatch(r"missing a required argument: '(\w+)'", str(error))
        cure = f"; where a config of an earlier version lacks it, +{key}.{missing[1]}=VALUE adds it" if missing else ""
        raise UserError(f"{key}: {name}: {error} (it takes: {accepted}){cure}") from error
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    for argument, value in arguments.items():
        hint = hints.get(argument, Any)
        if not fits(value, hint):
            got = in_yaml(value)[:200] if isinstance(value, PLAIN) else f"a {type(value).__name__}"
            raise UserError(f"{key}.{argument} must be {describe_type(hint)}, got {got}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value fits a constructor's type annotation.

    An int is a valid float, a bool is not a number. Objects that `build` made must be instances of the annotated
    class, if the annotation is a class.
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
    if isinstance(value, bool):
        return hint in (bool, Any)
    return {float: isinstance(value, int | float), Any: True}.get(hint, type(value) is hint)


def describe_type(hint: Any) -> str:
    """A type annotation in words; Tensor is left out, as a config cannot hold one."""
    kinds = [kind for kind in get_args(hint) if kind is not Tensor]
    if get_origin(hint) in (Union, UnionType):
        *others, last = map(describe_type, kinds)
        return f"{', '.join(others)} or {last}" if others else last
    if get_origin(hint) is list:
        word = describe_type(kinds[0])
        return f"a list of {word.removeprefix('a ')}s" if kinds[0] in WORDS else f"a list, each item {word}"
    if get_origin(hint) is tuple:
        return f"[{', '.join(map(describe_type, kinds))}]"
    if get_origin(hint) is dict:
        return f"keys, each with {describe_type(kinds[1])}"
    return WORDS.get(hint) or str(getattr(hint, "__name__", hint))
