"""Early stopping (Prechelt 1998): end when the dev loss no longer falls, and go back to where it was lowest."""

import math
from typing import Any

from torch import Tensor, nn


class EarlyStopping:
    """Watches a network's dev loss and keeps its best weights.

    Args:
        patience: measurements without a new lowest loss after which training ends, >= 1; None never ends it and
            keeps no weights.

    Raises:
        ValueError: patience below 1.
    """

    def __init__(self, patience: int | None):
        if patience is not None and patience < 1:
            raise ValueError(f"patience must be at least 1, or null, got {patience}")
        self.patience = patience
        self.best, self.misses = math.inf, 0
        self.weights: dict[str, Tensor] = {}

    def observe(self, loss: float, model: nn.Module) -> None:
        """Record a dev loss, and keep the weights if it is the lowest so far."""
        if self.patience is None:
            return
        if loss < self.best:
            self.best, self.misses = loss, 0
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}
        else:
            self.misses += 1

    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.misses >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Give the network its best weights back, if any were kept."""
        if self.weights:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """The lowest loss, the measurements since, and the weights kept."""
        return {"best": self.best, "misses": self.misses, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.best, self.misses, self.weights = (state_dict[name] for name in ("best", "misses", "weights"))
