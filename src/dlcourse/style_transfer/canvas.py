"""The image that is optimized, and the guard against divergence."""

import math
from typing import Any

import torch
from torch import Tensor, nn

ROUNDING = 1e-5  # losses below this are invisible, such as that of a one-coloured image in a style of the same colour


class Canvas(nn.Module):
    """An image whose pixels are the parameters, (1, 3, H, W), and the moving average of its past.

    Averaged iterates, Polyak & Juditsky 1992: a_t = beta a_t-1 + (1 - beta) x_t, divided by 1 - beta^t.
    """

    image: nn.Parameter
    sum: Tensor
    count: Tensor

    def __init__(self, iterate_ema_decay: float):
        super().__init__()
        self.iterate_ema_decay = iterate_ema_decay
        self.set_image(torch.zeros(1, 3, 1, 1))

    def set_image(self, image: Tensor) -> None:
        """Replace the image and begin a new average. L-BFGS needs it contiguous."""
        self.image = nn.Parameter(image.detach().clone(memory_format=torch.contiguous_format))
        self.register_buffer("sum", torch.zeros_like(self.image))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update_average(self) -> None:
        if self.iterate_ema_decay:
            self.sum.lerp_(self.image, 1 - self.iterate_ema_decay)
            self.count += 1

    @torch.no_grad()
    def clamp(self) -> None:
        self.image.clamp_(0, 1)

    def average(self) -> Tensor:
        """The moving average; without iterate_ema_decay, or before the first update, the image itself."""
        if not int(self.count):
            return self.image.detach()
        return self.sum / (1 - self.iterate_ema_decay ** int(self.count))


class DivergenceGuard:
    """Keeps the lowest-loss image and reports divergence.

    A loss diverges when it is not finite, or above divergence_factor * (lowest loss so far) + 1 % of the first loss +
    ROUNDING. The last two terms tolerate a small rise of losses that are almost 0.

    Args:
        divergence_factor: > 1.
        max_restarts: how many returns to the best image are allowed, >= 0.
    """

    def __init__(self, divergence_factor: float, max_restarts: int):
        if not divergence_factor > 1:
            raise ValueError(f"divergence_factor must be above 1, got {divergence_factor}")
        if max_restarts < 0:
            raise ValueError(f"max_restarts must be at least 0, got {max_restarts}")
        self.divergence_factor, self.max_restarts = divergence_factor, max_restarts
        self.restarts = 0
        self.begin(torch.empty(0))

    def begin(self, image: Tensor) -> None:
        """Forget the earlier losses: those of another objective cannot be compared."""
        self.best, self.best_loss, self.first_loss = image.detach().clone(), math.inf, math.inf

    def accepts(self, loss: float, image: Tensor) -> bool:
        """Record the loss of an image; False if it diverged, which counts as a restart."""
        limit = self.divergence_factor * self.best_loss + 0.01 * abs(self.first_loss) + ROUNDING
        if not math.isfinite(loss) or loss > limit:
            self.restarts += 1
            return False
        if math.isinf(self.first_loss):
            self.first_loss = loss
        if loss < self.best_loss:
            self.best_loss = loss
            self.best.copy_(image)
        return True

    def is_exhausted(self) -> bool:
        return self.restarts > self.max_restarts

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("best", "best_loss", "first_loss", "restarts")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best.copy_(state_dict["best"])
        self.best_loss, self.first_loss = state_dict["best_loss"], state_dict["first_loss"]
        self.restarts = state_dict["restarts"]
