"""The moving average of the generator's weights, which is what draws samples."""

import torch
from torch import nn


def decay_for_half_life(batch_size: int, half_life: float) -> float:
    """The decay per update, 0.5^(batch_size / half_life), that halves an old weight's share after `half_life` images.

    So the average is the same for any batch size. StyleGAN's official code has 10 000 images.
    """
    return 0.5 ** (batch_size / half_life)


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """avg <- decay * avg + (1 - decay) * theta for parameters; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for target, source in zip(average.buffers(), model.buffers(), strict=True):
        target.copy_(source)
