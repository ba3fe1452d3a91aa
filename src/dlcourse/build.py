"""From a config node to the object it describes."""

import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from dlcourse.errors import UserError

# A checkpoint carries its config, and a stranger's checkpoint must not be able to name `os.system`.
ALLOWED_PACKAGES = (
    "dlcourse.augment",
    "dlcourse.data",
    "dlcourse.growth",
    "dlcourse.losses",
    "dlcourse.metrics",
    "dlcourse.models",
    "dlcourse.reports.contact_sheet",
    "dlcourse.reports.frames",
    "dlcourse.reports.gradient_check",
    "dlcourse.reports.lr_range",
    "dlcourse.runner",
    "dlcourse.sampling",
    "dlcourse.schedules",
    "dlcourse.search",
    "dlcourse.study",
    "dlcourse.tasks",
    "torch.nn",
    "torch.optim",
)
# Those of networks that read no file: what is built of a file that holds weights, whoever wrote it.
NETWORK_PACKAGES = (
    "dlcourse.models.attributes",
    "dlcourse.models.cnn",
    "dlcourse.models.mlp",
    "dlcourse.models.stylegan",
)
NOTHING: Mapping[str, Any] = {}
FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn}
MAX_INT = 2**63 - 1  # torch's whole numbers
SPARE = 2**23  # numbers that a network may have beside its weights: what importers fill in, 32 MiB


def build(
    config: Any, key: str = "", packages: Sequence[str] = ALLOWED_PACKAGES, imposed: Mapping[str, Any] = NOTHING
) -> Any:
    """Turn a config node into objects, depth first.

    A mapping with `_target_: package.Name` becomes `Name(**the other entries)`; with `_partial_: true` it becomes
    a factory that awaits its remaining arguments. Other mappings and lists are walked, everything else is itself.

    Args:
        config: plain Python data (dict, list, str, numbers, None).
        key: where the node stands in the whole config, for messages.
        packages: where a target must be defined, within ALLOWED_PACKAGES.
        imposed: arguments that are not for the config to choose, for all targets that take them.

    Raises:
        UserError: a target outside these packages or not found, an unknown or missing argument, NaN or infinity, or a
            constructor that refuses a value (its ValueError or OSError, with the key in front).
    """
    if isinstance(config, list):
        return [build(item, f"{key}[{index}]", packages, imposed) for index, item in enumerate(config)]
    if type(config) is int and abs(config) > MAX_INT:
        raise UserError(f"{key} must be a whole number below 2^63, got {config}")
    if isinstance(config, float) and not math.isfinite(config):  # nothing here means infinity by it
        raise UserError(f"{key} must be a finite number, got {config}")
    if not isinstance(config, dict):
        return config
    arguments = {
        name: build(node, f"{key}.{name}" if key else name, packages, imposed)
        for name, node in config.items()
        if name not in ("_target_", "_partial_")
    }
    if "_target_" not in config:
        return arguments
    target = locate(config["_target_"], key, packages)
    arguments |= {name: value for name, value in imposed.items() if name in inspect.signature(target).parameters}
    is_partial = config.get("_partial_", False)
    check_arguments(target, arguments, key, is_partial)
    factory = partial(construct, target, key, **arguments)
    return factory if is_partial else factory()


def build_of_file(config: Any, key: str, path: object, packages: Sequence[str], imposed: Mapping[str, Any]) -> Any:
    """`build` for a config that came in a file: whatever goes wrong is the file's fault.

    Raises:
        UserError: it cannot be built.
    """
    try:
        return build(config, key, packages, imposed)
    except TooLargeError:
        raise
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # values that nobody thought of fail in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: its {key} cannot be built ({reason})") from error


def build_fitting(config: Any, key: str, path: object, weights: Any) -> Any:
    """The network that a config in a file describes, provided that it is about as large as the file's weights for it.

    Args:
        config, key: see `build`; targets are of NETWORK_PACKAGES.
        path: the file.
        weights: name -> tensor.

    Raises:
        TooLargeError: it would be larger than the weights; no memory was taken.
        UserError: it cannot be built.
    """
    values = weights.values() if isinstance(weights, dict) else ()
    there = sum(value.numel() for value in values if isinstance(value, Tensor))
    with Budget(2 * there + SPARE, f"{path}: its {key} is of more numbers than the {there} of its weights"):
        return build_of_file(config, key, path, NETWORK_PACKAGES, NOTHING)


class TooLargeError(UserError):
    """A network that is larger than its weights."""


class Budget(TorchFunctionMode):
    """A context in which no more than so many numbers are made, by the functions that constructors make them with."""

    def __init__(self, numbers: int, message: str):
        super().__init__()
        self.left, self.message = numbers, message

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, then call."""
        if func in FACTORIES:
            size = args[0] if args and isinstance(args[0], tuple | list) else args
            self.left -= math.prod(size)
            if self.left < 0:
                raise TooLargeError(self.message)
        return func(*args, **(kwargs or {}))


def construct(target: Callable[..., Any], key: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call `target` and put the config key in front of its objection to a value."""
    try:
        return target(*args, **kwargs)
    except (ValueError, OSError, TypeError) as error:
        raise UserError(f"{key}: {error}") from error


def locate(path: Any, key: str, packages: Sequence[str] = ALLOWED_PACKAGES) -> Callable[..., Any]:
    """The class or function of a dotted `path`, provided that it is *defined* in an allowed package.

    Checking where the object was defined closes the detour `dlcourse.data.images.os.system`.
    """
    if not isinstance(path, str) or not is_inside(path, ALLOWED_PACKAGES):
        raise UserError(f"{key}._target_: {path!r} is refused; allowed are {', '.join(ALLOWED_PACKAGES)}")
    module_name, _, name = path.rpartition(".")
    try:
        target = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{key}._target_: there is no {path}") from error
    if not callable(target) or not is_inside(getattr(target, "__module__", None) or "", packages):
        where = "an allowed package" if packages is ALLOWED_PACKAGES else ", ".join(packages)
        raise UserError(f"{key}._target_: {path} is not a class or function of {where}")
    return target


def is_inside(path: str, packages: Sequence[str]) -> bool:
    """Whether a dotted path lies inside one of the packages."""
    return any(path == package or path.startswith(package + ".") for package in packages)


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
            raise UserError(f"{key}.{argument} must be {describe(hint)}, got {value!r}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value fits a constructor's annotation, as far as YAML's own kinds go.

    A whole number is a valid float; a truth value is no number. Objects that `build` made are not looked at.
    """
    if not isinstance(value, int | float | str | list | dict | None):
        return True
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, option) for option in get_args(hint))
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
