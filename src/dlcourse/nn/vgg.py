"""VGG16 and VGG19 as chains of named feature maps."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.nn.vgg_weights import LAYERS, WIDTHS, read_weights

PIXELS = "pixels"  # the image itself, as a layer before the first
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
LEAST_STD = 1e-5  # of a channel, relative to its layer's root mean square: less may be rounding in float32
# Inputs that the weights were trained on: (x - mean) / std for RGB in [0, 1]; the original VGG's are BGR in [0, 255]
PREPROCESSING = {
    "torchvision": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}


class VGG(nn.Module):
    """The convolutional part of VGG16 or VGG19; its weights are frozen.

    Layers are called conv1_1, relu1_1, conv1_2, ..., pool5 as in the style transfer papers; "pixels" is the input.

    Args:
        weights: "edges" (VGG16 to relu4_2, comes with the project), "imagenet" (torchvision's, downloaded once),
            "random" (torchvision's initialization), "orthogonal" (Saxe et al. 2014, gain sqrt 2; meant to be
            calibrated), or the path of a state dict with torchvision's names (features.0.weight, ...) or with Gatys'
            (conv1_1.weight, ...), of all convolutions or of the first ones.
        depth: 16 or 19; None: that of the weights, and 19 for imagenet, random and orthogonal.
        preprocessing: "torchvision", or "caffe" for weights converted from the original VGG; None: "caffe" for a file
            with Gatys' names, else "torchvision".
        pooling: "max" as trained, or "average" (smoother images; Gatys et al. 2016, section 2).
        pooling_gain: factor on the output of the pooling, > 0; 2 makes average pooling about as strong as max pooling.
        padding: of the convolutions: "zeros" as trained, "reflect" or "replicate" (no dark borders).
        channels_last: memory layout. Faster on CPUs and tensor cores; rounding differs.

    Shape: images (N, 3, H, W) in [0, 1]; features (N, C, H / 2^k, W / 2^k).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        weights: str,
        depth: int | None,
        preprocessing: str | None,
        pooling: str,
        pooling_gain: float,
        padding: str,
        channels_last: bool,
    ):
        super().__init__()
        options = {
            "depth": (depth, (None, 16, 19)),
            "pooling": (pooling, POOLINGS),
            "padding": (padding, ("zeros", "reflect", "replicate")),
            "preprocessing": (preprocessing, (None, *PREPROCESSING)),
        }
        for name, (value, known) in options.items():
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
        if not pooling_gain > 0:
            raise ValueError(f"pooling_gain must be positive, got {pooling_gain}")
        found = read_weights(weights, depth)
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
            self.layers = nn.Sequential(named_layers(found.layers, POOLINGS[pooling], padding))
        self.pooling_gain = pooling_gain
        self.uncalibrated: dict[str, tuple[Tensor, Tensor]] = {}
        state, chosen = found.state, preprocessing or found.preprocessing
        if chosen == "caffe":
            state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)  # BGR to RGB
        self.layers.load_state_dict(state, assign=True)
        mean, std = PREPROCESSING[chosen]
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    def forward(self, images: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Name -> feature map for each of the `wanted` layers; nothing deeper is computed.

        ValueError for a layer that the network lacks, and for images so small that fewer than two positions would be
        left on a side.
        """
        height, width = images.shape[-2:]
        if min(height, width) < smallest_side(wanted):
            raise ValueError(f"an image of {width} x {height} pixels is too small for {', '.join(wanted)}")
        features = {PIXELS: images} if PIXELS in wanted else {}
        x = (images - self.mean) / self.std
        for name in self.down_to_deepest(wanted):
            x = self.forward_layer(name, x)
            if name in wanted:
                features[name] = x
        return features

    def forward_layer(self, name: str, x: Tensor) -> Tensor:
        x = self.layers.get_submodule(name)(x)
        return self.pooling_gain * x if name.startswith("pool") and self.pooling_gain != 1 else x

    def truncate(self, wanted: Collection[str]) -> None:
        """Drop all layers deeper than the deepest of the `wanted` ones; ValueError for one that the network lacks."""
        self.layers = self.layers[: len(self.down_to_deepest(wanted))]

    def down_to_deepest(self, wanted: Collection[str]) -> list[str]:
        """The network's layers from the first to the deepest of the `wanted` ones; ValueError for one that it lacks."""
        own = [name for name, _ in self.layers.named_children()]
        if missing := [name for name in wanted if name not in own and name != PIXELS]:
            raise ValueError(f"there is no layer {', '.join(missing)}; the network has {', '.join(own)}")
        return own[: 1 + max((own.index(name) for name in wanted if name != PIXELS), default=-1)]

    @torch.no_grad()
    def calibrate(
        self, images: Sequence[Tensor], masks: Sequence[Tensor | None], shares: Sequence[float], wanted: Collection[str]
    ) -> None:
        """Rescale the convolutions, up to the deepest of the `wanted` layers, to mean 0 and variance 1 over `images`.

        Untrained weights need it: their channels have arbitrary scales, and a few would dominate the Gram matrices.
        Always starts from the original weights, so earlier calibrations have no effect. A constant channel, as all are
        on an image of one colour, stays as it is. Images (1, 3, h, w) are weighted by `shares`, whose sum is 1, and
        within each image by a mask (1, 1, h, w) or None.
        """
        xs = [(image - self.mean) / self.std for image in images]
        for name in self.down_to_deepest(wanted):
            layer = self.layers.get_submodule(name)
            if isinstance(layer, nn.Conv2d):
                assert layer.bias is not None
                weight, bias = self.uncalibrated.setdefault(name, (layer.weight.clone(), layer.bias.clone()))
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
                std, mean = std_mean_of_all([layer(x) for x in xs], masks, shares)
                varies = std > LEAST_STD * (std.square() + mean.square()).mean().sqrt()
                std, mean = std.where(varies, 1), mean.where(varies, 0)
                layer.weight /= std.reshape(-1, 1, 1, 1)
                layer.bias.copy_((layer.bias - mean) / std)
            xs = [self.forward_layer(name, x) for x in xs]


def std_mean_of_all(
    features: Sequence[Tensor], masks: Sequence[Tensor | None], shares: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of each channel, (C,), over feature maps (1, C, h, w) weighted by `shares`."""
    stds, means = map(torch.stack, zip(*map(std_mean, features, masks), strict=True))  # (images, C)
    counted = torch.tensor(shares, device=means.device)[:, None]
    mean = (counted * means).sum(0)
    variance = (counted * (stds.square() + (means - mean).square())).sum(0)
    return variance.sqrt(), mean


def std_mean(feature: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of each channel of a feature map (1, C, h, w), weighted by a mask (1, 1, H, W)."""
    if mask is None:
        return torch.std_mean(feature, dim=(0, 2, 3))
    mask = F.adaptive_avg_pool2d(mask, feature.shape[-2:])  # type: ignore[arg-type]
    counted = mask / mask.mean()
    mean = (counted * feature).mean((0, 2, 3))
    return (counted * (feature - mean[:, None, None]).square()).mean((0, 2, 3)).sqrt(), mean


def smallest_side(wanted: Collection[str]) -> int:
    """Pixels that an image needs on each side so that two positions are left in the deepest of the `wanted` layers."""
    layers = down_to_deepest(wanted)
    return 2 ** (1 + sum(name.startswith("pool") for name in layers)) if layers else 1


def down_to_deepest(wanted: Collection[str]) -> tuple[str, ...]:
    """VGG19's layers from the first to the deepest of the `wanted` ones."""
    return LAYERS[: 1 + max((LAYERS.index(name) for name in wanted if name != PIXELS), default=-1)]


def named_layers(names: Sequence[str], pool: type[nn.Module], padding: str) -> "OrderedDict[str, nn.Module]":
    """conv1_1 -> relu1_1 -> ... -> pool5. ReLU is not in place, because it would overwrite features of interest."""
    plain, padded = partial(nn.Conv2d, kernel_size=3, padding=1), partial(PaddedConv2d, mode=padding)
    convolution: Callable[[int, int], nn.Module] = plain if padding == "zeros" else padded
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for name in names:
        if name.startswith("conv"):
            layers[name] = convolution(channels, channels := WIDTHS[int(name[4]) - 1])
        else:
            layers[name] = nn.ReLU() if name.startswith("relu") else pool(2)
    return layers


class PaddedConv2d(nn.Conv2d):
    """A 3x3 convolution padded in `mode`, "reflect" or "replicate": (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, mode: str):
        super().__init__(inputs, outputs, 3)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(Pad.apply(x, self.mode))


class Pad(torch.autograd.Function):
    """F.pad by one pixel, with a gradient summed in a fixed order: torch's differs from run to run on a GPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mode: str) -> Tensor:
        """(N, C, H, W) -> (N, C, H + 2, W + 2)."""
        ctx.source = {"reflect": 1, "replicate": 0}[mode]
        return F.pad(x, (1, 1, 1, 1), mode)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Sum over the copies of each pixel, (N, C, H + 2, W + 2) -> (N, C, H, W)."""
        (grad,) = grads
        of_x = grad[:, :, 1:-1, 1:-1].clone()
        inside, first, last = (slice(1, -1), slice(None)), (0, ctx.source), (-1, -1 - ctx.source)  # padded, own
        for (row, own_row), (column, own_column) in list(product((inside, first, last), repeat=2))[1:]:
            of_x[:, :, own_row, own_column] += grad[:, :, row, column]
        return of_x, None
