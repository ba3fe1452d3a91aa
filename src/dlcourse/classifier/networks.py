"""Input normalization, and the multilayer perceptron; the CNN is in `nn.cnn`."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from dlcourse.errors import check_at_least

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
INITS: dict[str, Callable[[Tensor, float], object]] = {  # (weight, init_std)
    "zeros": lambda weight, std: nn.init.zeros_(weight),
    "xavier": lambda weight, std: nn.init.xavier_normal_(weight),  # Glorot & Bengio 2010: Var(w) = 2 / (n_in + n_out)
    "he": lambda weight, std: nn.init.kaiming_normal_(weight),  # He et al. 2015, eq. 10: Var(w) = 2 / n_in
    "orthogonal": lambda weight, std: nn.init.orthogonal_(weight),  # Saxe et al. 2014
    "normal": lambda weight, std: nn.init.normal_(weight, std=std),
    "default": lambda weight, std: weight,  # torch's own
}


class MLP(nn.Module):
    """z[l] = W[l] a[l-1] + b[l], a[l] = g(z[l]); the last layer gives logits. No hidden layer: softmax regression.

    Biases start at zero, except with init=default, which keeps torch's initialization. Normalization acts on z
    and has the bias instead of the linear layer; dropout acts on a (Srivastava et al. 2014, inverted form).

    Args:
        input_shape: of one sample; flattened.
        num_classes: logits.
        hidden: units per hidden layer.
        activation: sigmoid, tanh, relu or leaky_relu.
        init: of the weights: zeros, normal, xavier, he, orthogonal or default.
        init_std: standard deviation of init=normal, >= 0.
        dropout: probability in [0, 1) of dropping a hidden unit, for all hidden layers or one for each.
        norm: none, batch or layer.

    Shape: (N, *input_shape) -> logits (N, num_classes).
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
        choices = ("activation", activation, ACTIVATIONS), ("norm", norm, NORMS), ("init", init, INITS)
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_at_least(0, init_std=init_std)
        layers: list[nn.Module] = []
        widths = [math.prod(input_shape), *hidden]
        for (fan_in, fan_out), share in zip(pairwise(widths), per_layer(dropout, len(hidden)), strict=True):
            layers.append(nn.Linear(fan_in, fan_out, bias=norm == "none"))  # z = W a + b
            layers += NORMS[norm](fan_out)
            layers.append(ACTIVATIONS[activation]())  # a = g(z)
            layers += [nn.Dropout(share)] if share else []
        layers.append(nn.Linear(widths[-1], num_classes))
        self.layers = nn.Sequential(*layers)
        for layer in layers if init != "default" else ():
            if isinstance(layer, nn.Linear):
                INITS[init](layer.weight, init_std)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs.flatten(1))


def per_layer(dropout: float | list[float], num_layers: int) -> list[float]:
    """One probability for each hidden layer; ValueError unless they are in [0, 1), and as many as layers."""
    shares = dropout if isinstance(dropout, list) else [dropout] * num_layers
    if len(shares) != num_layers or not all(0 <= share < 1 for share in shares):
        raise ValueError(f"dropout must be in [0, 1), one value or one for each of {num_layers} layers, got {dropout}")
    return shares


CHUNK = 512  # samples that are converted to floats at a time for the statistics: images are stored as bytes


def as_float(inputs: Tensor) -> Tensor:
    """Images of bytes scaled to [0, 1]; anything else unchanged."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


def over_samples(values: Tensor) -> list[int]:
    """All dimensions except that of features or channels."""
    return [dim for dim in range(values.ndim) if dim != 1]


def standard(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature or channel, in two passes."""
    count = inputs.numel() / inputs.shape[1]
    mean = square = torch.zeros((), dtype=torch.float64)
    for chunk in inputs.split(CHUNK):
        mean = mean + as_float(chunk).double().sum(over_samples(chunk), keepdim=True) / count
    for chunk in inputs.split(CHUNK):
        square = square + (as_float(chunk) - mean).square().sum(over_samples(chunk), keepdim=True) / count
    return mean, square.sqrt()


def minmax(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Minimum and range of each feature or channel."""
    low = as_float(inputs.amin(over_samples(inputs), keepdim=True))
    high = as_float(inputs.amax(over_samples(inputs), keepdim=True))
    return low, high - low


STATISTICS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "standard": standard,
    "minmax": minmax,
    "none": lambda inputs: (torch.zeros(1, inputs.shape[1]), torch.ones(1, inputs.shape[1])),
}


class Normalize(nn.Module):
    """(x - shift) / scale per feature or channel, as factor x + offset; a constant feature is only shifted.

    factor and offset are buffers, so that a checkpoint holds the statistics of the training set.

    Args:
        inputs: the training set, (N, features) or (N, C, H, W); bytes are scaled to [0, 1] first.
        kind: standard (zero mean and unit variance; LeCun et al. 1998, section 4.3), minmax (onto [0, 1]) or none.
    """

    def __init__(self, inputs: Tensor, kind: str):
        super().__init__()
        if kind not in STATISTICS:
            raise ValueError(f"normalize must be one of {', '.join(STATISTICS)}, got {kind!r}")
        shift, scale = STATISTICS[kind](inputs)
        shape = (1, inputs.shape[1], *[1] * (inputs.ndim - 2))
        factor = 1 / torch.where(scale > 0, scale, 1).double()
        self.offset: Tensor
        self.factor: Tensor
        self.register_buffer("offset", (-shift * factor).float().reshape(shape))
        self.register_buffer("factor", factor.float().reshape(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.addcmul(self.offset, as_float(inputs), self.factor)
