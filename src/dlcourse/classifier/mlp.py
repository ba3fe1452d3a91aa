"""The multilayer perceptron."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
}
NORMS: dict[str, Callable[[int], list[nn.Module]]] = {
    "none": lambda width: [],
    "batch": lambda width: [nn.BatchNorm1d(width)],  # Ioffe & Szegedy 2015, alg. 1
    "layer": lambda width: [nn.LayerNorm(width)],  # Ba, Kiros, Hinton 2016, eq. 3
}
INITS: dict[str, Callable[[Tensor], object]] = {
    "zeros": nn.init.zeros_,
    "xavier": nn.init.xavier_normal_,  # Glorot & Bengio 2010: Var(w) = 2 / (n_in + n_out)
    "he": nn.init.kaiming_normal_,  # He et al. 2015, eq. 10: Var(w) = 2 / n_in
    "orthogonal": nn.init.orthogonal_,  # Saxe et al. 2014
}


class MLP(nn.Module):
    """z[l] = W[l] a[l-1] + b[l], a[l] = g(z[l]); the last layer gives logits. No hidden layer: softmax regression.

    Biases start at zero, except with init=default, which leaves what torch drew. Normalization acts on z
    and takes over its bias; dropout acts on a (Srivastava et al. 2014, inverted form).

    Args:
        input_shape: of one sample; flattened.
        num_classes: logits.
        hidden: units per hidden layer.
        activation: sigmoid, tanh, relu or leaky_relu.
        init: of the weights: zeros, normal, xavier, he, orthogonal or default (torch's own).
        init_std: standard deviation of init=normal, >= 0.
        dropout: probability in [0, 1) of dropping a hidden unit, for all hidden layers or one for each.
        norm: none, batch or layer.

    Shape: (N, *input_shape) -> logits (N, num_classes).

    Raises:
        ValueError: a value outside these ranges.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        hidden: list[int],
        activation: str,
        init: str,
        init_std: float,
        dropout: float | list[float],
        norm: str,
    ):
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden must hold widths of at least 1, got {hidden}")
        inits: dict[str, Callable[[Tensor], object] | None] = INITS | {
            "normal": partial(nn.init.normal_, std=init_std),
            "default": None,
        }
        choices = ("activation", activation, ACTIVATIONS), ("norm", norm, NORMS), ("init", init, inits)
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if init_std < 0:
            raise ValueError(f"init_std must be at least 0, got {init_std}")
        widths = [math.prod(input_shape), *hidden]
        layers: list[nn.Module] = []
        for (fan_in, fan_out), share in zip(pairwise(widths), per_layer(dropout, len(hidden)), strict=True):
            layers += [
                nn.Linear(fan_in, fan_out, bias=norm == "none"),
                *NORMS[norm](fan_out),
                ACTIVATIONS[activation](),
            ]
            layers += [nn.Dropout(share)] if share else []
        layers.append(nn.Linear(widths[-1], num_classes))
        self.layers = nn.Sequential(*layers)
        draw = inits[init]
        for layer in layers:
            if draw is not None and isinstance(layer, nn.Linear):
                initialize(layer, draw)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of a batch."""
        return self.layers(inputs.flatten(1))


def per_layer(dropout: float | list[float], num_layers: int) -> list[float]:
    """One probability for every hidden layer.

    Raises:
        ValueError: a probability outside [0, 1), or not as many as layers.
    """
    shares = dropout if isinstance(dropout, list) else [dropout] * num_layers
    if len(shares) != num_layers or not all(0 <= share < 1 for share in shares):
        raise ValueError(f"dropout must be in [0, 1), one value or one for each of {num_layers} layers, got {dropout}")
    return shares


@torch.no_grad()
def initialize(layer: nn.Linear, init: Callable[[Tensor], object]) -> None:
    """Draw the weight, zero the bias."""
    init(layer.weight)
    if layer.bias is not None:
        layer.bias.zero_()
