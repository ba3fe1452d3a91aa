"""The contract between a task and the runner."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dlcourse.engine.optimization import Metrics

Histograms = dict[str, Tensor]  # tag -> any number of values
Images = dict[str, Tensor]  # name -> (N, 3, H, W) in [0, 1], or (N, 4, H, W) with alpha


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
    def networks(self) -> list[nn.Module]:
        """The networks that take the time of a step; the runner may compile their forward passes."""

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

    def histograms(self) -> Histograms:
        """Values whose distribution a person would want to look at."""
        return {}

    def total_steps(self) -> int | None:
        """The updates of a whole training; None if the task does not know them. It is asked once it is set up."""
        return None

    def is_finished(self) -> bool:
        """Whether training should end though there are steps left."""
        return False

    def finalize(self) -> Metrics:
        """After the last step: settle on the final weights and measure what must not influence the training."""
        return {}
