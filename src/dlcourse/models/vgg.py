"""VGG19 as a chain of named feature maps."""

from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor, nn

# (convolutions, channels) of the five stages (Simonyan & Zisserman 2015, table 1, column E)
STAGES = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
LAYERS = tuple(
    name
    for stage, (depth, _) in enumerate(STAGES, start=1)
    for name in (*(f"{kind}{stage}_{i}" for i in range(1, depth + 1) for kind in ("conv", "relu")), f"pool{stage}")
)
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG19(nn.Module):
    """The convolutional part of VGG19; its weights are frozen.

    Layers are called conv1_1, relu1_1, conv1_2, ..., pool5 as in the style transfer papers.

    Args:
        weights: "imagenet" (torchvision's, downloaded once), "random" (torchvision's initialisation, from the
            global generator), "orthogonal" (Saxe et al. 2014, gain sqrt 2; meant to be calibrated), or the path of a
            state dict in torchvision's layout.
        pooling: "max" as trained, or "average" (smoother pictures; Gatys et al. 2016, section 2).
        padding: of the convolutions: "zeros" as trained, "reflect" or "replicate" (no dark borders).

    Shape: images (N, 3, H, W) in [0, 1]; features (N, C, H / 2^k, W / 2^k).

    Raises:
        ValueError: an unknown option, or weights that cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str, pooling: str, padding: str):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
        if padding not in ("zeros", "reflect", "replicate"):
            raise ValueError(f"padding must be one of zeros, reflect, replicate, got {padding!r}")
        # read or drawn first: the layers below draw from the generator too, and `random` shall equal torchvision's
        state = {} if weights == "orthogonal" else torchvision_weights(weights)
        self.layers = nn.Sequential(named_layers(POOLINGS[pooling], padding))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1))
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        if weights == "orthogonal":
            for convolution in convolutions:
                nn.init.orthogonal_(convolution.weight, gain=2**0.5)
        else:
            load_convolutions(convolutions, state, weights)
        self.requires_grad_(False)

    def forward(self, images: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Name -> feature map for each of the `wanted` layers; nothing deeper than the deepest is computed."""
        x = (images - self.mean) / self.std
        features: dict[str, Tensor] = {}
        for name, layer in self.layers.named_children():
            x = layer(x)
            if name in wanted:
                features[name] = x
                if len(features) == len(wanted):
                    break
        return features

    @torch.no_grad()
    def calibrate(self, images: Tensor, wanted: Collection[str]) -> None:
        """Rescale each convolution up to the deepest of the `wanted` layers: mean 0, variance 1 over `images`.

        Untrained weights need it: their channels' scales are arbitrary, and a few would rule the Gram matrices.
        """
        x = (images - self.mean) / self.std
        deepest = max(LAYERS.index(name) for name in wanted)
        for layer in self.layers[: deepest + 1]:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                std, mean = torch.std_mean(x, dim=(0, 2, 3))
                layer.weight /= std.reshape(-1, 1, 1, 1)
                assert layer.bias is not None
                layer.bias.copy_((layer.bias - mean) / std)
                x = (x - mean.reshape(1, -1, 1, 1)) / std.reshape(1, -1, 1, 1)


def named_layers(pool: type[nn.Module], padding: str) -> "OrderedDict[str, nn.Module]":
    """conv1_1 -> relu1_1 -> ... -> pool5. The activations are not in place: a tapped feature must stay as it is."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for stage, (depth, width) in enumerate(STAGES, start=1):
        for index in range(1, depth + 1):
            layers[f"conv{stage}_{index}"] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=padding)  # type: ignore[arg-type]
            layers[f"relu{stage}_{index}"] = nn.ReLU()
            channels = width
        layers[f"pool{stage}"] = pool(2)
    return layers


def torchvision_weights(weights: str) -> dict[str, Tensor]:
    """A state dict in torchvision's layout: features.0.weight, features.0.bias, features.2.weight, ..."""
    from torchvision.models import VGG19_Weights, vgg19

    if weights == "random":
        return vgg19(weights=None).state_dict()
    if weights == "imagenet":
        source = VGG19_Weights.IMAGENET1K_V1
        try:
            return source.get_state_dict(progress=True, check_hash=True)
        except OSError as error:
            place = Path(torch.hub.get_dir(), "checkpoints", source.url.rpartition("/")[2])
            raise ValueError(
                f"weights=imagenet: {source.url} cannot be downloaded ({error}); put that file at {place}, "
                "or run without it: model.weights=random"
            ) from error
    try:
        return torch.load(weights, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"weights={weights}: no such file (nor imagenet, random or orthogonal)") from None
    except Exception as error:  # a broken or hostile file fails in any of pickle's and zip's ways
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"weights={weights}: not a file of weights ({reason})") from error


def load_convolutions(convolutions: list[nn.Conv2d], state: dict[str, Tensor], origin: str) -> None:
    """Copy the convolutions of a torchvision VGG19, in order.

    Raises:
        ValueError: another number of convolutions, or other shapes.
    """
    found = [value for name, value in state.items() if name.startswith("features.")]
    own = [tensor for layer in convolutions for tensor in (layer.weight, layer.bias)]
    if [tensor.shape for tensor in found] != [tensor.shape for tensor in own if tensor is not None]:
        raise ValueError(f"weights={origin}: not VGG19's weights in torchvision's layout (features.0.weight, ...)")
    with torch.no_grad():
        for target, source in zip(own, found, strict=True):
            target.copy_(source)  # type: ignore[union-attr]
