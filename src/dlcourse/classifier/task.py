"""Classification by maximum likelihood."""

import contextlib
import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.classifier.data.labelled import Labelled, OneBatch
from dlcourse.classifier.early_stopping import EarlyStopping
from dlcourse.classifier.losses import l1_penalty, l2_penalty
from dlcourse.classifier.networks import Normalize
from dlcourse.datasets.batches import BatchStream
from dlcourse.engine import distributed
from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Histograms, Images, Stateful, Task
from dlcourse.errors import check_at_least
from dlcourse.images.tables import under
from dlcourse.images.tensors import table_of_counts, to_tensor

MakeModel = Callable[[tuple[int, ...], int], nn.Module]  # (shape of one input, classes) -> network
CHUNK = 1024  # samples per forward pass of a measurement


class Classification(Task):
    """Minimise J = -1/m sum log softmax(z)_y + l2/2 sum W^2 + l1 sum |W| for a network's logits z.

    The first term is the cross-entropy (Bishop 2006, eq. 4.108). W are the weights; biases and the parameters of norms
    are not penalized. Each of several processes takes a part of every batch; batch norm then sees the statistics of
    that part.

    Args:
        model: (shape of one input, number of classes) -> network, inputs (N, ...) -> logits (N, C).
        batch_size: samples per update, reshuffled every epoch; None is the full batch.
        max_epochs: passes through the training set after which training ends, >= 1; None trains to the last step.
        normalize: standard, minmax or none, with the training set's statistics; see `Normalize`.
        l2, l1: weights of the penalties, >= 0.
        patience: of `EarlyStopping`, in evaluations; None trains to the last step.
        overfit: learn and measure only so many training samples, as in `OneBatch`; None is all.
        seed: of the order of the samples.
    """

    kind = "a classifier"
    shown = ("dev/accuracy", "test/accuracy", "train/loss")
    main_images = ("decision_map", "hardest", "confusion")
    commands = ("dlcourse report RUN", "dlcourse predict RUN INPUT")

    def __init__(
        self,
        model: MakeModel,
        dataset: Labelled,
        optimizer: MakeOptimizer,
        scheduler: Schedule,
        batch_size: int | None,
        max_epochs: int | None,
        normalize: str,
        l2: float,
        l1: float,
        patience: int | None,
        overfit: int | None,
        seed: int,
    ):
        check_at_least(0, l2=l2, l1=l1)
        if max_epochs is not None and max_epochs < 1:
            raise ValueError(f"max_epochs must be at least 1, or null, got {max_epochs}")
        self.max_epochs = max_epochs
        self.dataset = dataset if overfit is None else OneBatch(dataset, overfit)
        inputs, _ = self.dataset.train
        network = model(tuple(inputs.shape[1:]), len(dataset.classes))
        self.model = nn.Sequential(OrderedDict(normalize=Normalize(inputs, normalize), network=network))
        self.weights = [parameter for parameter in self.model.parameters() if parameter.ndim > 1]
        self.make_optimizer, self.schedule = optimizer, scheduler
        self.batch_size, self.seed = batch_size, seed
        self.l2, self.l1 = l2, l1
        self.stopping = EarlyStopping(patience, self.model)

    def setup(self, device: torch.device) -> None:
        """Move network and data to `device`, then build the optimizer."""
        self.device = device
        self.model.to(device)
        self.train_set, self.dev_set, self.test_set = (
            tuple(array.to(device) for array in arrays)
            for arrays in (self.dataset.train, self.dataset.dev, self.dataset.test)
        )
        self.batches = BatchStream(self.train_set, self.batch_size, self.seed)
        self.batches.check_shards()
        self.descent = Descent(self.model.parameters(), self.make_optimizer, self.schedule)
        self.statistics = [buffer for buffer in self.model.buffers() if buffer.is_floating_point()]  # of batch norm

    def networks(self) -> list[nn.Module]:
        return [self.model]

    def step(self) -> Metrics:
        """One update on a mini-batch."""
        (inputs, labels), weight = self.batches.next_shard(lambda x, y: (self.dataset.augment(x), y))
        with distributed.per_rank_rng():  # for dropout
            terms = self.descent.step(lambda: self.losses(inputs, labels, weight))
        distributed.average(self.statistics)
        progress = {"progress/epoch": self.batches.epochs_seen(), "progress/samples": self.batches.samples_seen}
        return {"train/loss": terms["loss"], "optimizer/skipped": self.descent.skipped} | progress

    def losses(self, inputs: Tensor, labels: Tensor, weight: float = 1.0) -> Metrics:
        """The objective J of a batch, or of a part of a batch, whose cross-entropy is then multiplied by `weight`."""
        loss = F.cross_entropy(self.model(inputs), labels)
        if weight != 1:
            loss = loss * weight
        if self.l2:
            loss = loss + self.l2 * l2_penalty(self.weights)
        if self.l1:
            loss = loss + self.l1 * l1_penalty(self.weights)
        return {"loss": loss}

    def evaluate(self) -> Metrics:
        """Loss and accuracy on dev, accuracy on the whole training set, learning rate and gradient norm."""
        dev = self.measure(*self.dev_set)
        self.schedule.observe(float(dev["loss"]))
        self.stopping.observe(float(dev["loss"]))
        return {
            "train/accuracy": self.measure(*self.train_set)["accuracy"],
            "dev/accuracy": dev["accuracy"],
            "dev/loss": dev["loss"],
            "optimizer/lr": self.descent.lr(),
            "optimizer/gradient_norm": self.descent.gradient_norm(),
        }

    def is_finished(self) -> bool:
        """Whether `max_epochs` is reached, or the patience of early stopping has run out."""
        is_over = self.max_epochs is not None and self.batches.epochs_seen() >= self.max_epochs
        return is_over or self.stopping.is_over()

    def finalize(self) -> Metrics:
        """Restore the best weights of early stopping, if it was on, and measure on dev and test."""
        self.stopping.restore()
        measured = {"dev": self.measure(*self.dev_set), "test": self.measure(*self.test_set)}
        return {f"{split}/{name}": found[name] for split, found in measured.items() for name in ("accuracy", "loss")}

    def measure(self, inputs: Tensor, labels: Tensor) -> Metrics:
        """Mean cross-entropy, and share of right answers, in evaluation mode."""
        logits = self.logits(inputs)
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}

    def logits(self, inputs: Tensor) -> Tensor:
        """The network's output in evaluation mode, (N, ...) -> (N, C)."""
        with eval_mode(self.model), torch.no_grad():
            return torch.cat([self.model(chunk.to(self.device)).float() for chunk in inputs.split(CHUNK)])

    def probabilities(self, inputs: Tensor) -> Tensor:
        return self.logits(inputs).softmax(1)

    def visualize(self) -> Images:
        """The images of the data set (decision map or hardest images), and the confusion matrix on dev; captioned."""
        inputs, labels = self.dev_set
        predicted, classes = self.logits(inputs).argmax(1), self.dataset.classes
        confusion = confusion_matrix(labels, predicted, len(classes))
        table = table_of_counts(confusion, classes, "true class on dev", "predicted")
        train, dev = self.measure(*self.train_set)["accuracy"], (predicted == labels).float().mean()
        kept = "weights of the lowest dev loss, " if self.stopping.is_restored() else ""
        heading = f"Step {self.descent.updates:,}: {kept}accuracy {train:.3f} on train, {dev:.3f} on dev"
        sheets = self.dataset.visualize(self.probabilities) | {"confusion": table}
        return {name: to_tensor(under(heading, sheet))[None] for name, sheet in sheets.items()}

    def histograms(self) -> Histograms:
        """Inputs of each weighted layer on dev, logits, and the last gradient of each parameter."""
        inputs, _ = self.dev_set
        gradients = {f"gradients/{name}": p.grad for name, p in self.model.named_parameters() if p.grad is not None}
        return activations(self.model, inputs[:CHUNK]) | gradients

    def state(self) -> dict[str, Stateful]:
        return {"model": self.model, "descent": self.descent, "batches": self.batches, "stopping": self.stopping}

    def metadata(self) -> dict[str, Any]:
        """What `classifier.trained` needs of the data set: the names of the classes, and the shape of one input."""
        inputs, _ = self.dataset.train
        return {"samples": {"classes": list(self.dataset.classes), "shape": list(inputs.shape[1:])}}


def confusion_matrix(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """How often class i (row) was predicted as class j (column): int64 (C, C)."""
    return (labels * num_classes + predicted).bincount(minlength=num_classes**2).reshape(num_classes, num_classes)


def activations(model: nn.Module, inputs: Tensor) -> Histograms:
    """The input of every layer that has a weight matrix, and the output, in evaluation mode."""
    found: Histograms = {}

    def record(name: str, layer: nn.Module, layer_inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found[f"activations/into_{name}"] = layer_inputs[0]

    layers = {name: layer for name, layer in model.named_modules() if getattr(layer, "weight", torch.empty(0)).ndim > 1}
    handles = [layer.register_forward_hook(partial(record, name)) for name, layer in layers.items()]
    with eval_mode(model), torch.no_grad():
        found["activations/logits"] = model(inputs)
    for handle in handles:
        handle.remove()
    return found


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode within the block."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@contextlib.contextmanager
def scratch_copy(task: Classification, seed: int) -> Iterator[Classification]:
    """A deep copy of a task that is set up, to train or change within the block; the data are shared.

    The random numbers of the copy come from `seed`; torch's random state is restored at the end.
    """
    arrays = (*task.train_set, *task.dev_set, *task.test_set)
    shared = {id(one): one for one in (task.dataset, *arrays)}
    with torch.random.fork_rng([task.device] if task.device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield copy.deepcopy(task, shared)
