"""A trained classifier, rebuilt from its checkpoint alone: the data that it was trained on may be gone."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dlcourse.classifier.data.labelled import MAX_CLASSES
from dlcourse.classifier.data.points_table import LARGEST
from dlcourse.classifier.networks import Normalize
from dlcourse.classifier.task import Classification
from dlcourse.datasets.labels import class_name
from dlcourse.engine.checkpoint import Checkpoint, check_weights_finite, task_of
from dlcourse.engine.nodes import node_at
from dlcourse.engine.rebuild import build_fitting, check_weights
from dlcourse.errors import UserError

MAX_ACTIVATION = 2**27  # numbers of one image in the widest layer, 512 MiB
MAX_RESOLUTION = 2048  # of the images that a checkpoint may ask for
SPANS = {"standard": (-2.0, 2.0), "minmax": (0.0, 1.0)}  # where most normalized inputs lie


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier in evaluation mode, on its device."""

    model: nn.Module  # normalization and network: inputs (N, *shape) -> logits (N, C)
    classes: list[str]  # C names
    shape: tuple[int, ...]  # of one input: (2,) for points, (channels, R, R) for images
    region: Tensor  # for points, float (2, 2): two corners of the part of the plane where most training points lie
    step: int  # updates done
    device: torch.device

    @classmethod
    def load(cls, path: Path, device: torch.device) -> "TrainedClassifier":
        """Read a checkpoint; of what it describes only the network is built.

        Raises:
            UserError: no checkpoint of a classifier, one without metadata, or weights that are damaged or do not fit.
        """
        saved = Checkpoint.load(path)
        if not issubclass(task_of(saved.config), Classification):
            raise UserError(f"{path}: dlcourse predict needs a checkpoint of a classifier; this one is {saved.kind()}")
        classes, shape = read_samples(saved)
        model = rebuilt(saved, classes, shape).to(device)
        return cls(model, classes, shape, region_of(saved), saved.step, device)

    @torch.no_grad()
    def probabilities(self, inputs: Tensor) -> Tensor:
        """softmax(z), (N, *shape) -> (N, C) on the CPU; images are bytes."""
        return self.model(inputs.to(self.device)).float().softmax(1).cpu()


def read_samples(saved: Checkpoint) -> tuple[list[str], tuple[int, ...]]:
    """The classes' names and the shape of one input, as `Classification.metadata` wrote them."""
    if "samples" not in saved.state:
        raise UserError(
            f"{saved.path}: written before checkpoints held the names of the classes and the shape of the inputs; "
            f"go on with its run for a step: dlcourse train resume=RUN runner.max_steps={saved.step + 1}"
        )
    classes, shape = (node_at(saved.state, f"samples.{key}") for key in ("classes", "shape"))
    if not is_list_of(classes, str) or not 2 <= len(classes) <= MAX_CLASSES:
        raise UserError(f"{saved.path}: its samples.classes are not the names of 2 to {MAX_CLASSES} classes")
    is_image = is_list_of(shape, int) and len(shape) == 3 and shape[0] in (1, 3) and shape[1] == shape[2]
    if shape != [2] and not (is_image and 1 <= shape[1] <= MAX_RESOLUTION):
        raise UserError(
            f"{saved.path}: its samples.shape is {str(shape)[:60]}, neither of points, [2], nor of square images, "
            f"[1 or 3, R, R] with R up to {MAX_RESOLUTION}"
        )
    return list(map(class_name, classes)), tuple(shape)


def is_list_of(values: object, kind: type) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def rebuilt(saved: Checkpoint, classes: list[str], shape: tuple[int, ...]) -> nn.Module:
    """`Classification.model` with the checkpoint's weights, and statistics of normalization."""
    weights, what = saved.state.get("model"), f"{saved.path}: its classifier"
    node = node_at(saved.config, "task.model")
    given = {"_partial_": False, "input_shape": shape, "num_classes": len(classes)}
    network = build_fitting(node | given if isinstance(node, dict) else None, "task.model", saved.path, weights)
    if not isinstance(network, nn.Module) or not isinstance(weights, dict):
        raise UserError(f"{what} is damaged: it has no {'weights' if isinstance(network, nn.Module) else 'task.model'}")
    blank = Normalize(torch.zeros(1, shape[0], *[1] * (len(shape) - 1)), "none")
    model = nn.Sequential(OrderedDict(normalize=blank, network=network))
    check_weights(model, weights, what)
    widest = max((len(layer.weight) for layer in model.modules() if isinstance(layer, nn.Conv2d)), default=0)
    if widest * math.prod(shape[1:]) > MAX_ACTIVATION:
        size = " x ".join(map(str, shape[1:]))
        raise UserError(
            f"{what} has {widest} channels at {size} pixels: more than {MAX_ACTIVATION} numbers for an image"
        )
    model.load_state_dict(weights)
    check_weights_finite(model.state_dict(), what)
    return model.eval()


def region_of(saved: Checkpoint) -> Tensor:
    """For points, corners of where the normalized coordinates are in SPANS; none, (0, 2), for others or unknown."""
    span = SPANS.get(str(node_at(saved.config, "task.normalize")))
    factor, offset = (saved.state["model"][f"normalize.{name}"].float() for name in ("factor", "offset"))
    if span is None or factor.ndim != 2:
        return torch.empty(0, 2)
    corners = (torch.tensor(span)[:, None] - offset) / factor
    return corners[(corners.abs() <= LARGEST).all(1)]
