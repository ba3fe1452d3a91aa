"""torch's optimizers without what takes longer than the update of a small network.

They import torch._dynamo, the compiler's front end, which takes a second, about as much as torch itself; nothing here
compiles an optimizer. And for a small network, Adam's Python code takes twice as long as its fused kernel.
"""

import functools
import inspect
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

WRAPPED = ("add_param_group", "state_dict", "load_state_dict")  # in functions that import it at the first call


def make_light() -> None:
    """Take these functions out of their wrappers, for all optimizers of this process."""
    for name in WRAPPED:
        setattr(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))


def light_step(optimizer: Optimizer, closure: Callable[[], Tensor]) -> None:
    """`optimizer.step(closure)` without its wrappers, which switch gradients off, and serve hooks and the compiler."""
    step = inspect.unwrap(type(optimizer).step)
    if type(optimizer) not in (Adam, AdamW):
        with torch.no_grad():
            step(optimizer, closure)
        return
    with torch.enable_grad():
        closure()
    with torch.no_grad():
        if is_fused_and_begun(optimizer):
            fused_adam_step(optimizer)
        else:
            step(optimizer)


@functools.cache
def constant(value: float, device: torch.device) -> Tensor:
    """A float32 scalar on a device, made once."""
    return torch.tensor(value, dtype=torch.float32, device=device)


def is_fused_and_begun(optimizer: Optimizer) -> bool:
    """Whether an Adam has one kernel for all parameters, and has updated before all that have a gradient."""
    return all(
        group["fused"] and all(parameter.grad is None or parameter in optimizer.state for parameter in group["params"])
        for group in optimizer.param_groups
    )


def fused_adam_step(optimizer: Optimizer) -> None:
    """The update of torch's fused Adam or AdamW, bit for bit, for parameters of one device and dtype."""
    for group in optimizer.param_groups:
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not parameters:
            continue
        states = [optimizer.state[parameter] for parameter in parameters]
        kept = lambda name, states=states: [state[name] for state in states]
        one = constant(1.0, parameters[0].device)  # Python's 1 takes three times as long
        torch._foreach_add_(kept("step"), one, alpha=1)
        is_decoupled = group.get("decoupled_weight_decay", type(optimizer) is AdamW)
        (torch._fused_adamw_ if is_decoupled else torch._fused_adam_)(
            parameters,
            [parameter.grad for parameter in parameters],
            kept("exp_avg"),
            kept("exp_avg_sq"),
            kept("max_exp_avg_sq") if group["amsgrad"] else [],
            kept("step"),
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
