"""The one place where parameters are updated."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

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

    def restart(self, parameters: Iterable[Tensor], scale: float = 1.0, caution: float = 1.0) -> None:
        """Go on with an optimizer that remembers nothing, on these parameters; the clock of the schedule runs on.

        Args:
            parameters: the leaves to descend on.
            scale: factor on the loss for the optimizer's eyes only, > 0. It changes no minimum, but lifts small
                losses above the absolute thresholds of torch's optimizers (1e-10 in L-BFGS, eps in Adam).
            caution: factor on the learning rates, in (0, 1].
        """
        self.parameters = list(parameters)
        self.optimizer = self.make_optimizer(self.parameters)
        exempt_vectors(self.optimizer)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.scale, self.caution = scale, caution

    def step(self, loss_fn: Callable[[], Metrics]) -> Metrics:
        """One update of the optimizer; returns what `loss_fn` said first, of the point that the update starts from.

        Args:
            loss_fn: forward and loss only; scalars by name, of which "loss" is descended on.
        """
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr * self.caution * self.schedule(self.updates)
        first: Metrics = {}

        def closure() -> Tensor:
            terms = loss_fn()
            if not first:
                first.update({name: value.detach() for name, value in terms.items()})
            loss = terms["loss"] if self.scale == 1 else terms["loss"] * self.scale
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient
            return loss

        self.optimizer.step(closure)  # type: ignore[arg-type]  # torch annotates the closure as returning float
        self.updates += 1
        return first

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
            "caution": self.caution,
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
        self.updates, self.scale, self.caution = (state_dict[name] for name in ("updates", "scale", "caution"))
        self.schedule.load_state_dict(state_dict["schedule"])


def exempt_vectors(optimizer: torch.optim.Optimizer) -> None:
    """Where there is weight decay, give the parameters of less than two dimensions a group without it."""
    (group,) = optimizer.param_groups
    vectors = [parameter for parameter in group["params"] if parameter.ndim < 2]
    if not group.get("weight_decay") or not vectors:
        return
    group["params"] = [parameter for parameter in group["params"] if parameter.ndim >= 2]
    optimizer.add_param_group({**group, "params": vectors, "weight_decay": 0.0})
