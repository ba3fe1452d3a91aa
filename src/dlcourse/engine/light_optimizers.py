"""torch's optimizers without torch._dynamo, the compiler's front end, which they import and do not use.

The import takes a second, about as much as that of torch itself. Nothing here compiles an optimizer.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

WRAPPED = ("add_param_group", "state_dict", "load_state_dict")  # in functions that import it at the first call


def make_light() -> None:
    """Take these functions out of their wrappers, for all optimizers of this process."""
    for name in WRAPPED:
        setattr(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))


@torch.no_grad()
def light_step(optimizer: Optimizer, closure: Callable[[], Tensor]) -> Any:
    """`optimizer.step(closure)` without its wrappers, which switch gradients off, and serve hooks and the compiler."""
    return inspect.unwrap(type(optimizer).step)(optimizer, closure)
