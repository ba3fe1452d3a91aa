"""Classification by maximum likelihood."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.data import BatchStream, ColoredPoints
from dlcourse.tasks.base import Descent, Images, MakeOptimizer, Metrics, Schedule, Stateful, Task


class Classification(Task):
    """Minimise the cross-entropy -1/m sum log softmax(z)_y of a network's logits z.

    Args:
        model: inputs (N, ...) -> logits (N, C).
        dataset: train, dev and test arrays, and what to draw.
        optimizer, scheduler: of the network's parameters.
        batch_size: samples per update; None is the full batch.
        seed: of the order of the samples.
    """

    def __init__(
        self,
        model: nn.Module,
        dataset: ColoredPoints,
        optimizer: MakeOptimizer,
        scheduler: Schedule,
        batch_size: int | None,
        seed: int,
    ):
        self.model, self.dataset = model, dataset
        self.make_optimizer, self.schedule = optimizer, scheduler
        self.batch_size, self.seed = batch_size, seed

    def setup(self, device: torch.device) -> None:
        """Move everything to `device`."""
        self.device = device
        self.model.to(device)
        self.train_set, self.dev_set, self.test_set = (
            tuple(array.to(device) for array in arrays)
            for arrays in (self.dataset.train, self.dataset.dev, self.dataset.test)
        )
        self.batches = BatchStream(self.train_set, self.batch_size, self.seed)
        self.descent = Descent(self.model.parameters(), self.make_optimizer, self.schedule)

    def step(self) -> Metrics:
        """One mini-batch."""
        inputs, labels = next(self.batches)
        terms = self.descent.step(lambda: {"loss": F.cross_entropy(self.model(inputs), labels)})
        return {"train/loss": terms["loss"]}

    def evaluate(self) -> Metrics:
        """Loss and accuracy on dev, accuracy on the whole training set."""
        train, dev = self.measure(*self.train_set), self.measure(*self.dev_set)
        return {
            "train/accuracy": train["accuracy"],
            "dev/accuracy": dev["accuracy"],
            "dev/loss": dev["loss"],
        }

    def measure(self, inputs: Tensor, labels: Tensor) -> Metrics:
        """Mean cross-entropy and share of right answers, in evaluation mode."""
        with eval_mode(self.model), torch.no_grad():
            logits = self.model(inputs)
        accuracy = (logits.argmax(1) == labels).float().mean()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": accuracy}

    def visualize(self) -> Images:
        """What the data set can show of a classifier."""
        return self.dataset.visualize(self.predict)

    def predict(self, inputs: Tensor) -> Tensor:
        """The most probable class of each input, (N, ...) -> (N,)."""
        with eval_mode(self.model), torch.no_grad():
            return self.model(inputs.to(self.device)).argmax(1)

    def state(self) -> dict[str, Stateful]:
        """Network, optimizer, position in the data."""
        return {"model": self.model, "descent": self.descent, "batches": self.batches}


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Borrow a network in evaluation mode."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
