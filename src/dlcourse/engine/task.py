"""The interface between a task and the runner."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dlcourse.engine.optimization import Metrics

Histograms = dict[str, Tensor]  # tag -> values, of any shape
Images = dict[str, Tensor]  # name -> (N, 3, H, W) in [0, 1], or (N, 4, H, W) with alpha


class Stateful(Protocol):
    """An object whose state can be saved and restored."""

    def state_dict(self) -> dict[str, Any]:
        """The state: plain data and tensors."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Restore the state that `state_dict()` gave."""


class Task(ABC):
    """What is trained: its step, evaluation and state. The Runner decides when and where these are called.

    Random numbers in a step come from torch's global generator, which the runner seeds with (seed, step): a resumed
    run draws the same numbers.

    A config may name a task if targets.py lists it, and configs/task describes its arguments.
    """

    kind: str = "another task"  # what a run of it trains, in a message such as "a checkpoint of a classifier"
    shown: Sequence[str] = ("dev/loss", "train/loss")  # two or three metrics for the console, the main one first
    main_images: Sequence[str] = ()  # the images that show best what came of a run, the main one first
    commands: Sequence[str] = ()  # that take its run, as in "dlcourse report RUN"

    @classmethod
    def verdict(cls, metrics: Mapping[str, float]) -> str:
        """What the metrics at the end of a run say in words, for the console and its page; "" if nothing."""
        return ""

    @abstractmethod
    def setup(self, device: torch.device) -> None:
        """Move networks and data to `device`, then build the optimizers."""

    @abstractmethod
    def networks(self) -> list[nn.Module]:
        """The networks that the runner may compile."""

    @abstractmethod
    def step(self) -> Metrics:
        """Do one update; return its metrics, which may be tensors on the device."""

    @abstractmethod
    def state(self) -> dict[str, Stateful]:
        """Everything that a checkpoint must hold: name -> object with a state_dict."""

    def restored(self, step: int) -> None:  # noqa: B027
        """Called when `state` has been restored, as it was after `step` updates, perhaps with other settings."""

    def metadata(self) -> dict[str, Any]:
        """Plain data that a checkpoint holds beside the state, for those who use the networks without the data set."""
        return {}

    def evaluate(self) -> Metrics:
        """Metrics on data that is not trained on."""
        return {}

    def visualize(self) -> Images:
        """Images for TensorBoard and the run folder."""
        return {}

    def histograms(self) -> Histograms:
        """Tensors whose distributions TensorBoard shows."""
        return {}

    def steps_left(self) -> int | None:
        """The steps to the end of the training, >= 0, if the task knows them; called after `setup` or `restored`."""
        return None

    def work(self, steps: int) -> float:
        """The time that the first `steps` updates take, in any unit; called after `setup`."""
        return float(steps)

    def advice(self, steps: int) -> str:
        """What is wrong with a run of so many steps, told before it begins, and the cure; called after `setup`."""
        return ""

    def is_finished(self) -> bool:
        """Whether training should end before the last step."""
        return False

    def finalize(self) -> Metrics:
        """After the last step: choose the final weights and measure, for example, on the test set."""
        return {}
