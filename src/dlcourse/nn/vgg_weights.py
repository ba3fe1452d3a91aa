"""The layers of VGG16 and VGG19, and where their weights come from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from dlcourse.files import torch_file
from dlcourse.files.download import download
from dlcourse.files.locations import CHECKPOINTS
from dlcourse.nn.vgg_sources import check_source

WIDTHS = (64, 128, 256, 512, 512)  # channels of the five stages (Simonyan & Zisserman 2015, table 1)
CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # of each stage, columns D and E
WEIGHT = re.compile(r"(features\.[0-9]+|conv[0-9]_[0-9])\.(weight|bias)")
IMAGENET = {16: "397923af", 19: "dcbb9e9d"}  # depth -> first digits of the hash of torchvision's IMAGENET1K_V1
EDGES = CHECKPOINTS / "vgg16_edges.pt"


def layers_of(depth: int) -> tuple[str, ...]:
    """conv1_1, relu1_1, conv1_2, ..., pool5 of VGG16 or VGG19."""
    return tuple(
        name
        for stage, count in enumerate(CONVOLUTIONS[depth], start=1)
        for name in (*(f"{kind}{stage}_{i}" for i in range(1, count + 1) for kind in ("conv", "relu")), f"pool{stage}")
    )


LAYERS = layers_of(19)  # VGG16's are among them, in the same order


@dataclass
class Weights:
    """Weights of the first convolutions of a VGG, or of all."""

    depth: int
    state: dict[str, Tensor]  # conv1_1.weight, conv1_1.bias, ..., float32
    preprocessing: str  # "caffe" or "torchvision", see vgg.PREPROCESSING

    @property
    def layers(self) -> list[str]:
        """The layers that can be computed with these weights."""
        has_weights = lambda name: not name.startswith("conv") or f"{name}.weight" in self.state
        return list(takewhile(has_weights, layers_of(self.depth)))


def read_weights(weights: str, depth: int | None) -> Weights:
    """Weights of one of the sources that `vgg.VGG` names; ValueError if they cannot be had."""
    if weights == "edges":
        if depth == 19:
            raise ValueError("depth=19: weights=edges is a VGG16; leave depth out")
        return converted(torch_file.load(EDGES), depth, weights)
    if weights in ("imagenet", "random", "orthogonal"):
        make = {"imagenet": imagenet_weights, "random": random_weights, "orthogonal": orthogonal_weights}[weights]
        return converted(make(depth or 19), depth or 19, weights)
    check_source("weights", weights)
    try:
        state = torch_file.load(weights)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"weights={weights}: not a file of weights ({reason})") from error
    return converted(state, depth, weights)


def orthogonal_weights(depth: int) -> dict[str, Tensor]:
    """Random weights with orthogonal rows of length sqrt 2, and biases of 0, under torchvision's names."""
    shapes = shapes_of(depth)
    drawn = [torch.zeros(size) if len(size) == 1 else nn.init.orthogonal_(torch.empty(size), 2**0.5) for size in shapes]
    return dict(zip(torchvision_names(depth), drawn, strict=True))


def random_weights(depth: int) -> dict[str, Tensor]:
    """torchvision's random initialization."""
    from torchvision.models import vgg16, vgg19  # imported here, because it takes long

    # the classifier is drawn too, as in the tutorial, but not kept
    network = {16: vgg16, 19: vgg19}[depth](weights=None)
    return {f"features.{name}": value for name, value in network.features.state_dict().items()}


def imagenet_weights(depth: int) -> dict[str, Tensor]:
    """torchvision's ImageNet weights, downloaded once to where torchvision looks for them."""
    name = f"vgg{depth}-{IMAGENET[depth]}.pth"
    url, path = f"https://download.pytorch.org/models/{name}", Path(torch.hub.get_dir(), "checkpoints", name)
    try:
        download(url, path, IMAGENET[depth])
    except OSError as error:
        reason = f"{url} cannot be downloaded ({getattr(error, 'reason', error)})"
        cures = "or name it with weights=PATH; without it style transfer has experiment=style_transfer_offline"
        raise ValueError(f"weights=imagenet: {reason}; put that file at {path}, {cures}") from error
    return torch_file.load(path)


def converted(state: object, depth: int | None, origin: str) -> Weights:
    """A state dict with Gatys' or torchvision's names, for `depth` or the depth that it fits; ValueError for others."""
    for candidate in (19, 16) if depth is None else (depth,):
        for names, preprocessing in ((own_names(candidate), "caffe"), (torchvision_names(candidate), "torchvision")):
            taken = matching(state, names, shapes_of(candidate))
            if not all(bool(tensor.isfinite().all()) for tensor in taken):
                raise ValueError(f"weights={origin}: holds NaN or infinity")
            if taken:
                own = zip(own_names(candidate), taken, strict=False)  # as many as the file has
                return Weights(candidate, {name: tensor.detach().float() for name, tensor in own}, preprocessing)
    kind = "VGG16's or VGG19's" if depth is None else f"VGG{depth}'s"
    raise ValueError(
        f"weights={origin}: not {kind} weights (features.0.weight, ... as torchvision has them, or conv1_1.weight, "
        "... as Gatys has them, of all convolutions or of the first ones)"
    )


def matching(state: object, names: Sequence[str], shapes: Sequence[torch.Size]) -> list[Tensor]:
    """The tensors of the first of `names`, weight and bias in turn; none if there are others, or other shapes."""
    if not isinstance(state, dict):
        return []
    there = [name for name in state if isinstance(name, str) and WEIGHT.fullmatch(name)]
    taken = [state[name] for name in names[: len(there)] if name in there]
    fitting = [
        isinstance(tensor, Tensor) and tensor.shape == shape and tensor.is_floating_point()
        for tensor, shape in zip(taken, shapes, strict=False)
    ]
    return taken if len(taken) == len(there) and len(taken) % 2 == 0 and all(fitting) else []


def own_names(depth: int) -> list[str]:
    """conv1_1.weight, conv1_1.bias, ... as in Gatys' files."""
    convolutions = [name for name in layers_of(depth) if name.startswith("conv")]
    return [f"{name}.{kind}" for name in convolutions for kind in ("weight", "bias")]


def torchvision_names(depth: int) -> list[str]:
    """The names of the same weights in torchvision's `features`, which counts every layer."""
    convolutions = [index for index, name in enumerate(layers_of(depth)) if name.startswith("conv")]
    return [f"features.{index}.{kind}" for index in convolutions for kind in ("weight", "bias")]


def shapes_of(depth: int) -> list[torch.Size]:
    """The shapes of the same weights."""
    shapes, inputs = [], 3
    for count, outputs in zip(CONVOLUTIONS[depth], WIDTHS, strict=True):
        for _ in range(count):
            shapes += [torch.Size((outputs, inputs, 3, 3)), torch.Size((outputs,))]
            inputs = outputs
    return shapes
