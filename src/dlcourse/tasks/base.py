"""The contract between a task and the runner, and the one place where parameters are updated."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor

Metrics = dict[str, Tensor]  # tag, such as "train/loss" -> scalar, still on the device
Images = dict[str, Tensor]  # name -> (N, 3, H, W) in [0, 1]
MakeOptimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
Schedule = Callable[[int], float]  # updates done -> factor on the base learning rate


class Stateful(Protocol):
    """Whatever can be saved and restored."""

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Return to the state that `state_dict()` gave."""


class Task(ABC):
    """What a step is. When and where it happens is the runner's business.

    Randomness inside a step comes from torch's global generator, which the runner seeds with (seed, step): a
    step's draws do not depend on what was drawn before it, and a resumed run draws the same.
    """

    @abstractmethod
    def setup(self, device: torch.device) -> None:
        """Move networks and data to `device`, then build the optimizers."""

    @abstractmethod
    def step(self) -> Metrics:
        """Do one update."""

    @abstractmethod
    def state(self) -> dict[str, Stateful]:
        """Everything that a restart needs."""

    def evaluate(self) -> Metrics:
        """Measure on data that the updates do not see."""
        return {}

    def visualize(self) -> Images:
        """Draw what a person would want to look at."""
        return {}


class Descent:
    """Gradient descent on some parameters: theta <- theta - lr(t) * direction(dL/dtheta).

    Every torch optimizer takes a closure: Adam calls it once, L-BFGS as often as it likes, so one `step` serves all.
    Gradients are taken with respect to these parameters alone; a loss that runs through another network leaves that
    network's gradients untouched. What must surround every update belongs here.

    Args:
        parameters: the leaves to descend on.
        make_optimizer: parameters -> optimizer.
        schedule: updates done -> factor on each parameter group's learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor], make_optimizer: MakeOptimizer, schedule: Schedule):
        self.parameters = list(parameters)
        self.optimizer = make_optimizer(self.parameters)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.schedule = schedule
        self.updates = 0

    def step(self, loss_fn: Callable[[], Metrics]) -> Metrics:
        """One update of the optimizer; returns what `loss_fn` said last.

        Args:
            loss_fn: forward and loss only; scalars by name, of which "loss" is descended on.
        """
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr * self.schedule(self.updates)
        terms: Metrics = {}

        def closure() -> Tensor:
            terms.update(loss_fn())
            gradients = torch.autograd.grad(terms["loss"], self.parameters, allow_unused=True)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient
            return terms["loss"]

        self.optimizer.step(closure)  # type: ignore[arg-type]  # torch annotates the closure as returning float
        self.updates += 1
        return {name: value.detach() for name, value in terms.items()}

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's memory and the clock. Hyper-parameters stay with the config."""
        return {"updates": self.updates, "optimizer": self.optimizer.state_dict()["state"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over memory and clock; `resume=RUN optimizer.lr=1e-4` keeps its new rate."""
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state_dict["optimizer"], "param_groups": groups})
        self.updates = state_dict["updates"]
