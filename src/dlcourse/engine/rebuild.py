"""Build from a config in an untrusted file: only listed classes, and networks no larger than the file's weights."""

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dlcourse.engine.build import NOTHING, build
from dlcourse.engine.targets import NETWORKS
from dlcourse.errors import UserError, reason_of

FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn}
LEAST = 1024  # numbers that a tensor counts as at least: a network of a million small layers takes minutes to build
SPARE = 2**23  # numbers that a network may have beyond its weights, for those that importers fill in; 32 MiB


class TooLargeError(UserError):
    """A network that is larger than its weights."""


class Budget(TorchFunctionMode):
    """A context that limits how many numbers constructors allocate; beyond that, TooLargeError with `message`."""

    def __init__(self, numbers: int, message: str):
        super().__init__()
        self.left, self.message = numbers, message

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count the numbers that `func` allocates, then call it."""
        if func in FACTORIES:
            size = args[0] if args and isinstance(args[0], tuple | list) else args
            self.left -= max(math.prod(size), LEAST)
            if self.left < 0:
                raise TooLargeError(self.message)
        return func(*args, **(kwargs or {}))


def build_of_file(
    config: Any, key: str, path: object, targets: frozenset[str], imposed: Mapping[str, Any] = NOTHING
) -> Any:
    """`build` for a config in a file: every exception becomes a UserError that names the file."""
    try:
        return build(config, key, targets, imposed)
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error
    except Exception as error:  # unexpected values can fail in any way
        raise UserError(f"{path}: its {key} cannot be built ({reason_of(error)})") from error


def build_fitting(config: Any, key: str, path: object, weights: Any) -> Any:
    """Build the network of a config in a file; UserError if it cannot be built.

    TooLargeError if it is much larger than the file's `weights` (name -> tensor); nothing was allocated for it.
    """
    values = weights.values() if isinstance(weights, dict) else ()
    there = sum(value.numel() for value in values if isinstance(value, Tensor))
    message = f"its {key} is much larger than the {there} weights in the file"
    with torch.random.fork_rng(devices=[]), Budget(2 * there + SPARE, message):
        return build_of_file(config, key, path, NETWORKS)


def check_weights(network: nn.Module, weights: Mapping[str, Any], what: str, may_lack: str = "") -> None:
    """Raise UserError unless weights, name -> tensor, have the names, shapes and kinds of a network's state.

    `what` names the network in the message; names that match the regular expression `may_lack` may be missing.
    """
    state = network.state_dict()
    lacking = [name for name in state if name not in weights and not re.fullmatch(may_lack, name)]
    extra = [name for name in weights if name not in state]
    if lacking or extra:
        raise UserError(f"{what} {f'lacks {some(lacking)}' if lacking else f'has {some(extra)} too many'}")
    for name, value in weights.items():
        if not isinstance(value, Tensor) or value.shape != state[name].shape:
            shape = tuple(getattr(value, "shape", ()))
            raise UserError(f"{what}'s {name} is {shape}, where {tuple(state[name].shape)} fits")
        if not is_same_kind(value, state[name]):
            raise UserError(f"{what}'s {name} holds {value.dtype}, where {state[name].dtype} fits")


def is_same_kind(one: Tensor, other: Tensor) -> bool:
    """Whether both hold real numbers, of any precision, or both hold integers or booleans."""
    return one.is_floating_point() == other.is_floating_point() and not one.is_complex()


def some(names: list[str]) -> str:
    return ", ".join(str(name)[:100] for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
