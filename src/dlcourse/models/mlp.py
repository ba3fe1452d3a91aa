"""The multilayer perceptron."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
}
INITS: dict[str, Callable[[Tensor], object]] = {
    "zeros": nn.init.zeros_,
    "xavier": nn.init.xavier_normal_,  # Glorot & Bengio 2010: Var(w) = 2 / (n_in + n_out)
    "he": nn.init.kaiming_normal_,  # He et al. 2015, eq. 10: Var(w) = 2 / n_in
    "orthogonal": nn.init.orthogonal_,  # Saxe et al. 2014
}


class MLP(nn.Module):
    """z[l] = W[l] a[l-1] + b[l], a[l] = g(z[l]); the last layer gives logits.

    Biases start at zero. Batch normalization acts on z and takes over its bias (Ioffe & Szegedy 2015, alg. 1);
    dropout acts on a (Srivastava et al. 2014, inverted form).

    Args:
        widths: units per layer from the input to the logits, e.g. [2, 10, 10, 3].
        activation: sigmoid, tanh, relu or leaky_relu.
        init: of the weights: zeros, xavier, he or orthogonal.
        dropout: probability in [0, 1) of dropping a hidden unit.
        batch_norm: whether hidden layers are batch-normalized.

    Shape: (N, widths[0]) or any (N, ...) with as many values -> logits (N, widths[-1]).

    Raises:
        ValueError: a value outside these ranges.
    """

    def __init__(self, widths: list[int], activation: str, init: str, dropout: float, batch_norm: bool):
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must hold at least an input and an output width, all >= 1, got {widths}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        if init not in INITS:
            raise ValueError(f"init must be one of {', '.join(INITS)}, got {init!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths[:-1]):
            layers.append(nn.Linear(fan_in, fan_out, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(fan_out))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(widths[-2], widths[-1]))
        self.layers = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Linear):
                initialize(layer, INITS[init])

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of a batch."""
        return self.layers(inputs.flatten(1))


@torch.no_grad()
def initialize(layer: nn.Linear, init: Callable[[Tensor], object]) -> None:
    """Draw the weight, zero the bias."""
    init(layer.weight)
    if layer.bias is not None:
        layer.bias.zero_()
