"""An image in the making."""

import torch
from torch import Tensor, nn


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
        self.put(torch.zeros(1, 3, 1, 1))

    def put(self, image: Tensor) -> None:
        """Begin anew with an image. L-BFGS needs it contiguous."""
        self.image = nn.Parameter(image.detach().clone(memory_format=torch.contiguous_format))
        self.register_buffer("sum", torch.zeros_like(self.image))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def note(self) -> None:
        """Let the average take in the image."""
        if self.iterate_ema_decay:
            self.sum.lerp_(self.image, 1 - self.iterate_ema_decay)
            self.count += 1

    @torch.no_grad()
    def clamp(self) -> None:
        """Cut the pixels off at [0, 1]."""
        self.image.clamp_(0, 1)

    def average(self) -> Tensor:
        """The average of the images; without iterate_ema_decay, or before the first update, the image itself."""
        if not int(self.count):
            return self.image.detach()
        return self.sum / (1 - self.iterate_ema_decay ** int(self.count))
