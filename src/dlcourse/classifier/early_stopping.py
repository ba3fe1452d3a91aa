"""Early stopping (Prechelt 1998): stop when the dev loss no longer falls, and restore the weights of the lowest."""

import copy
import math
from typing import Any

from torch import Tensor, nn


class EarlyStopping:
    """Keeps the network's weights with the lowest dev loss; stops after `patience` measurements without a new lowest.

    `patience` is >= 1, or None to do neither.
    """

    def __init__(self, patience: int | None, model: nn.Module):
        if patience is not None and patience < 1:
            raise ValueError(f"patience must be at least 1, or null, got {patience}")
        self.patience, self.model = patience, model
        self.best, self.misses = math.inf, 0
        self.weights: dict[str, Tensor] = {}

    def observe(self, loss: float) -> None:
        """Record a dev loss, and keep the weights if it is the lowest so far."""
        if self.patience is None:
            return
        if loss < self.best:
            self.best, self.misses = loss, 0
            self.weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        else:
            self.misses += 1

    def is_over(self) -> bool:
        return self.patience is not None and self.misses >= self.patience

    def restore(self) -> None:
        """Load the best weights into the network, if there are any."""
        if self.weights:
            self.model.load_state_dict(self.weights)

    def is_restored(self) -> bool:
        """Whether the network has the weights with the lowest dev loss."""
        current = self.model.state_dict()
        return bool(self.weights) and all(bool((current[name] == kept).all()) for name, kept in self.weights.items())

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "misses": self.misses, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """RuntimeError for weights of another network."""
        if state_dict["weights"]:
            copy.deepcopy(self.model).load_state_dict(state_dict["weights"])
        self.best, self.misses, self.weights = (state_dict[name] for name in ("best", "misses", "weights"))
