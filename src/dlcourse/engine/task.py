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
        """The state, of plain data and tensors."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Restore the state that `state_dict()` gave."""


class Task(ABC):
    """What is trained: one step, its evaluation and its state. When and where a step happens, the Runner decides.

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
        """Do one update; return its metrics, which may still be on the device."""

    @abstractmethod
    def state(self) -> dict[str, Stateful]:
        """Everything that a restart needs: name -> object with a state_dict."""

    def evaluate(self) -> Metrics:
        """Measure on data that the updates do not see."""
        return {}

    def visualize(self) -> Images:
        """Images for TensorBoard and the run folder: name -> (N, 3 or 4, H, W) in [0, 1]."""
        return {}

    def histograms(self) -> Histograms:
        """Tensors whose distributions TensorBoard shows: tag -> any number of values."""
        return {}

    def total_steps(self) -> int | None:
        """The updates of a whole training; None if the task does not know them. It is asked once it is set up."""
        return None

    def is_finished(self) -> bool:
        """Whether training should end though there are steps left."""
        return False

    def finalize(self) -> Metrics:
        """After the last step: choose the final weights and measure what must not influence the training."""
        return {}
