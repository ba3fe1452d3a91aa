"""The best point of a descent, and the way back to it."""

import math
from typing import Any

import torch
from torch import Tensor

ROUNDING = 1e-5  # a loss so small cannot be seen: that of an image of one colour in a style of the same


class DivergenceGuard:
    """Remembers where the loss was lowest, and tells when it has left the rails.

    It has when it is not finite, or above divergence_factor * (lowest loss so far) + 1 % of the first one + ROUNDING.
    The last two terms leave losses alone that fall to nothing, or begin there, and rise again a little.

    Args:
        divergence_factor: > 1.
        max_restarts: how many times one may go back before it is enough, >= 0.

    Raises:
        ValueError: a value out of range.
    """

    def __init__(self, divergence_factor: float, max_restarts: int):
        if not divergence_factor > 1:
            raise ValueError(f"divergence_factor must be above 1, got {divergence_factor}")
        if max_restarts < 0:
            raise ValueError(f"max_restarts must be at least 0, got {max_restarts}")
        self.divergence_factor, self.max_restarts = divergence_factor, max_restarts
        self.restarts = 0
        self.begin(torch.empty(0))

    def begin(self, point: Tensor) -> None:
        """Forget the losses: the objective is another one from here on."""
        self.best, self.best_loss, self.first_loss = point.detach().clone(), math.inf, math.inf

    def accepts(self, loss: float, point: Tensor) -> bool:
        """Take note of the loss at a point; False if one should go back to `best`, which is counted."""
        if (
            not math.isfinite(loss)
            or loss > self.divergence_factor * self.best_loss + 0.01 * abs(self.first_loss) + ROUNDING
        ):
            self.restarts += 1
            return False
        if math.isinf(self.first_loss):
            self.first_loss = loss
        if loss < self.best_loss:
            self.best_loss = loss
            self.best.copy_(point)
        return True

    def is_exhausted(self) -> bool:
        """Whether one has gone back too often."""
        return self.restarts > self.max_restarts

    def state_dict(self) -> dict[str, Any]:
        """The memory."""
        names = ("best", "best_loss", "first_loss", "restarts")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember again."""
        self.best.copy_(state_dict["best"])
        self.best_loss, self.first_loss = state_dict["best_loss"], state_dict["first_loss"]
        self.restarts = state_dict["restarts"]
