"""Training of a network that predicts all attributes of the procedural faces."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.classifier.data.augmentation import Degrade
from dlcourse.classifier.task import eval_mode
from dlcourse.datasets.batches import BatchStream
from dlcourse.datasets.faces.dataset import ATTRIBUTE_SCALE, Faces
from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.images.tables import labelled_grid, under
from dlcourse.images.tensors import to_tensor
from dlcourse.nn.attribute_network import AttributeNetwork, AttributePrediction

CHUNK = 500  # images per forward pass of a prediction
SHOWN = 8
MIRRORED = "yaw"  # the one attribute whose sign a mirror image changes


@dataclass(eq=False, repr=False)
class Attributes(Task):
    """Minimise the mean over attributes: cross-entropy of the categorical, 1 - R^2 of the continuous ones.

    Half of the training images are mirrored, as StyleGAN's are, and their yaw negated.
    """

    kind = "a reader of attributes"
    main_images = ("wrong",)
    commands = ("dlcourse evaluate STYLEGAN evaluation=faces evaluation.extractor.weights=RUN",)

    model: AttributeNetwork
    dataset: Faces  # to learn from
    dev_dataset: Faces  # to measure on
    augment: Degrade  # further augmentation of the training images
    optimizer: MakeOptimizer
    scheduler: Schedule
    batch_size: int
    seed: int  # of the order of the images

    def __post_init__(self) -> None:
        names = {*self.model.continuous, *self.model.categorical}
        if not names <= ATTRIBUTE_SCALE.keys():
            raise ValueError(f"faces have no {', '.join(sorted(names - ATTRIBUTE_SCALE.keys()))}")

    def setup(self, device: torch.device) -> None:
        """Move network and data to `device`, then build the optimizer."""
        self.device = device
        self.model.to(device)
        arrays = (self.dataset.images, torch.arange(len(self.dataset)))
        self.batches = BatchStream(tuple(array.to(device) for array in arrays), self.batch_size, self.seed)
        self.batches.check_shards()
        self.truth = {name: values.to(device) for name, values in self.dataset.attributes.items()}
        self.descent = Descent(self.model.parameters(), self.optimizer, self.scheduler)

    def networks(self) -> list[nn.Module]:
        return [self.model]

    def step(self) -> Metrics:
        """One update on a mini-batch."""
        (images, *values), weight = self.batches.next_shard(self.vary)
        truth = dict(zip(self.truth, values, strict=True))
        terms = self.descent.step(lambda: {"loss": self.loss(self.model(images), truth) * weight})
        progress = {"progress/epoch": self.batches.epochs_seen(), "progress/images": self.batches.samples_seen}
        return {"train/loss": terms["loss"], "optimizer/skipped": self.descent.skipped} | progress

    def vary(self, images: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
        """The images of a batch, half of them mirrored, all degraded, and the true value of each attribute."""
        is_mirrored = (torch.rand(len(images)) < 0.5).to(self.device)
        images = self.augment(torch.where(is_mirrored[:, None, None, None], images.flip(3), images))
        truth = {name: values[indices] for name, values in self.truth.items()}
        truth[MIRRORED] = torch.where(is_mirrored, -truth[MIRRORED], truth[MIRRORED])
        return images, *truth.values()

    def loss(self, prediction: AttributePrediction, truth: dict[str, Tensor]) -> Tensor:
        """The mean of the attributes' losses."""
        losses = [F.cross_entropy(logits, truth[name]) for name, logits in prediction.logits.items()]
        for name, values in prediction.values.items():
            error = self.model.standardized(name, values) - self.model.standardized(name, truth[name])
            losses.append(error.square().mean())
        return torch.stack(losses).mean()

    def evaluate(self) -> Metrics:
        """On dev, the accuracy of each categorical attribute and R^2 of each continuous one."""
        prediction = self.read(self.dev_dataset.images)
        truth = {name: values.to(self.device) for name, values in self.dev_dataset.attributes.items()}
        found: Metrics = {"dev/loss": self.loss(prediction, truth), "optimizer/lr": self.descent.lr()}
        for name, logits in prediction.logits.items():
            found[f"accuracy/{name}"] = (logits.argmax(1) == truth[name]).float().mean()
        for name, values in prediction.values.items():
            residual = (values - truth[name]).square().mean()
            found[f"r2/{name}"] = 1 - residual / truth[name].var(correction=0).clamp(min=1e-12)
        return found

    @torch.no_grad()
    def read(self, images: Tensor) -> AttributePrediction:
        """Predict the attributes of uint8 images, in evaluation mode."""
        with eval_mode(self.model):
            predictions = [self.model(chunk.to(self.device).float() / 255) for chunk in images.split(CHUNK)]
        values, logits = (
            {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
            for parts in zip(*predictions, strict=True)
        )
        return AttributePrediction(values, logits)

    def visualize(self) -> Images:
        """Dev images, each with its wrongly predicted categorical attributes beneath."""
        images = self.dev_dataset.images[:SHOWN]
        prediction = self.read(images)
        truth = self.dev_dataset.attributes
        wrong = {name: logits.argmax(1).cpu() != truth[name][:SHOWN] for name, logits in prediction.logits.items()}
        captions = [", ".join(name for name in wrong if wrong[name][i]) or "all right" for i in range(len(images))]
        grid = labelled_grid(images.float() / 255, captions, columns=4, least=128)
        heading = f"Step {self.descent.updates:,}: dev images, each with the attributes that are predicted wrongly"
        return {"wrong": to_tensor(under(heading, grid))[None]}

    def state(self) -> dict[str, Stateful]:
        return {"model": self.model, "descent": self.descent, "batches": self.batches}
