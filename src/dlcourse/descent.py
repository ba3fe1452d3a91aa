"""The one place where parameters are updated."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from dlcourse import processes
from dlcourse.profiling import span
from dlcourse.schedules import Schedule

Metrics = dict[str, Any]  # tag, such as "train/loss" -> a number; what a step computes is still on the device
MakeOptimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


class Descent:
    """Gradient descent on some parameters: theta <- theta - lr(t) * direction(dL/dtheta).

    Every torch optimizer takes a closure: Adam calls it once, L-BFGS as often as it likes, so one `step` serves all.
    Gradients are taken with respect to these parameters alone; a loss that runs through another network leaves that
    network's gradients untouched. Biases and the scales of norms (parameters of less than two dimensions) are exempt
    from weight decay. What must surround every update belongs here.

    Args:
        parameters: the leaves to descend on.
        make_optimizer: parameters -> optimizer.
        schedule: updates done -> factor on each parameter group's learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor], make_optimizer: MakeOptimizer, schedule: Schedule):
        self.make_optimizer, self.schedule = make_optimizer, schedule
        self.updates = 0
        self.restart(parameters)

    def restart(self, parameters: Iterable[Tensor], scale: float = 1.0, lr_factor: float = 1.0) -> None:
        """Go on with an optimizer that remembers nothing, on these parameters; the clock of the schedule runs on.

        Args:
            parameters: the leaves to descend on.
            scale: factor on the loss for the optimizer's eyes only, > 0. It changes no minimum, but lifts small
                losses above the absolute thresholds of torch's optimizers (1e-10 in L-BFGS, eps in Adam).
            lr_factor: factor on the learning rates, > 0.
        """
        self.parameters = list(parameters)
        self.optimizer = self.make_optimizer(self.parameters)
        exempt_vectors(self.optimizer)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.scale, self.lr_factor = scale, lr_factor

    def step(self, *loss_fns: Callable[[], Metrics]) -> Metrics:
        """One update of the optimizer; returns what the loss said first, of the point that the update starts from.

        Args:
            loss_fns: forward and loss only; scalars by name, of which "loss" is descended on. Several are the equal
                parts of one minibatch, of which only one is in memory at a time: means are taken over them, and over
                all processes.
        """
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr * self.lr_factor * self.schedule(self.updates)
        first: Metrics = {}

        def closure() -> Tensor:
            terms, gradients = self.differentiate(loss_fns[0])
            for loss_fn in loss_fns[1:]:
                more_terms, more_gradients = self.differentiate(loss_fn)
                terms = {name: value + more_terms[name] for name, value in terms.items()}
                add(gradients, more_gradients)
            means = [*terms.values(), *(gradient for gradient in gradients if gradient is not None)]
            if len(loss_fns) > 1:
                torch._foreach_div_(means, len(loss_fns))
            processes.average(means)
            if not first:
                first.update(terms)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient
            return terms["loss"] * self.scale

        with span("optimizer"):
            self.optimizer.step(closure)  # type: ignore[arg-type]  # torch annotates the closure as returning float
        self.updates += 1
        return first

    def differentiate(self, loss_fn: Callable[[], Metrics]) -> tuple[Metrics, list[Tensor | None]]:
        """The terms of a loss, and its gradient by each parameter; None where the parameter plays no part."""
        with span("forward"):
            terms = loss_fn()
        loss = terms["loss"] if self.scale == 1 else terms["loss"] * self.scale
        with span("backward"):
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        return {name: value.detach().clone() for name, value in terms.items()}, list(gradients)

    def lr(self) -> float:
        """The learning rate of the last update."""
        return self.optimizer.param_groups[0]["lr"]

    def gradient_norm(self) -> Tensor:
        """The length of the last update's whole gradient, dL/dtheta."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        return torch.nn.utils.get_total_norm(gradients) / self.scale

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's memory and the clock. Hyper-parameters stay with the config."""
        return {
            "updates": self.updates,
            "scale": self.scale,
            "lr_factor": self.lr_factor,
            "optimizer": [self.optimizer.state.get(parameter, {}) for parameter in self.parameters],
            "schedule": self.schedule.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over memory and clock; `resume=RUN optimizer.lr=1e-4` keeps its new rate."""
        grouped = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        place = {parameter: index for index, parameter in enumerate(grouped)}
        pairs = zip(self.parameters, state_dict["optimizer"], strict=True)
        memory = {place[parameter]: saved for parameter, saved in pairs if saved}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})
        self.updates, self.scale, self.lr_factor = (state_dict[name] for name in ("updates", "scale", "lr_factor"))
        self.schedule.load_state_dict(state_dict["schedule"])


def add(gradients: list[Tensor | None], others: Sequence[Tensor | None]) -> None:
    """Add gradients in place; a part of a minibatch has them for the same parameters as any other."""
    pairs = [(mine, other) for mine, other in zip(gradients, others, strict=True) if mine is not None]
    torch._foreach_add_(*map(list, zip(*pairs, strict=True)))


def exempt_vectors(optimizer: torch.optim.Optimizer) -> None:
    """Where there is weight decay, give the parameters of less than two dimensions a group without it."""
    (group,) = optimizer.param_groups
    vectors = [parameter for parameter in group["params"] if parameter.ndim < 2]
    if not group.get("weight_decay") or not vectors:
        return
    group["params"] = [parameter for parameter in group["params"] if parameter.ndim >= 2]
    optimizer.add_param_group({**group, "params": vectors, "weight_decay": 0.0})
