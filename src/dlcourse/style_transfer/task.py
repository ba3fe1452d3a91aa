"""Neural style transfer: gradient descent on the pixels of an image (Gatys, Ecker, Bethge 2016)."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.images.tensors import resize, to_tensor
from dlcourse.nn.vgg import PIXELS, down_to_deepest, smallest_side
from dlcourse.style_transfer.canvas import Canvas, DivergenceGuard
from dlcourse.style_transfer.dataset import ContentAndStyles
from dlcourse.style_transfer.inputs import StyleInputs
from dlcourse.style_transfer.named_images import read_image
from dlcourse.style_transfer.objective import StyleObjective

# Named initial images; any other `init` is the path of an image
INITS = {
    "content": lambda images: images.content,
    "style": lambda images: images.compose(
        [F.interpolate(style, images.content.shape[-2:], mode="bicubic") for style in images.styles]
    ),
    "noise": lambda images: torch.rand_like(images.content),
}
# Whether pixels are clamped to [0, 1] in each evaluation of the loss, and after each update
CLAMPS = {
    "never": (False, False),  # leaves the range to the objective's penalty
    "update": (False, True),  # for Adam
    "evaluation": (True, False),  # as in the PyTorch tutorial; L-BFGS, which does not know of it, then diverges
}


@dataclass(eq=False, repr=False)
class StyleTransfer(Task):
    """Minimise an objective over the pixels, from coarse to fine; the best image is the result.

    The coarser scales have 1/sqrt 2, 1/2, ... of the content's size and take `steps_per_scale` steps each; the full
    size takes the remaining steps. Each scale starts with a new optimizer from the result of the one before. Scales at
    which an image is too small for the objective's layers are left out; ValueError if the full size is.
    """

    kind = "a style transfer"
    shown = ("train/loss", "train/content", "train/style")
    main_images = ("image",)
    commands = ("dlcourse sheet RUN --inputs", "dlcourse animate RUN image")

    objective: StyleObjective  # the loss to minimize
    dataset: ContentAndStyles
    optimizer: MakeOptimizer
    scheduler: Schedule
    init: str  # the first image: one of INITS, or the path of an image
    clamp: str  # one of CLAMPS
    smallest_size: int | None  # of the coarsest scale, pixels on the longer side, >= 16; None: one scale
    steps_per_scale: int  # >= 1
    iterate_ema_decay: (
        float  # beta in [0, 1) of the images' moving average, a further candidate for the result; 0: none
    )
    divergence_factor: float  # as in `DivergenceGuard`, like `max_restarts`
    max_restarts: int

    def __post_init__(self) -> None:
        if self.clamp not in CLAMPS:
            raise ValueError(f"clamp must be one of {', '.join(CLAMPS)}, got {self.clamp!r}")
        if self.smallest_size is not None and self.smallest_size < 16:
            raise ValueError(f"smallest_size must be at least 16 pixels, or null, got {self.smallest_size}")
        if self.steps_per_scale < 1:
            raise ValueError(f"steps_per_scale must be at least 1, got {self.steps_per_scale}")
        if not 0 <= self.iterate_ema_decay < 1:
            raise ValueError(f"iterate_ema_decay must be in [0, 1), got {self.iterate_ema_decay}")
        self.clamps_evaluations, self.clamps_updates = CLAMPS[self.clamp]
        longest_side = self.dataset.longest_side
        sizes = scale_sizes(self.smallest_size or longest_side, longest_side)
        self.sizes = large_enough(sizes, self.dataset, self.objective)
        self.canvas = Canvas(self.iterate_ema_decay)
        self.guard = DivergenceGuard(self.divergence_factor, self.max_restarts)
        self.result: Tensor | None = None

    def setup(self, device: torch.device) -> None:
        """Move to `device` and set the initial image."""
        self.device = device
        self.objective.to(device)
        self.descent = Descent(self.canvas.parameters(), self.optimizer, self.scheduler)
        self.begin(self.first_image(self.set_scale(0)).to(device))

    def set_scale(self, scale: int) -> StyleInputs:
        """Compute the targets of a scale, and return its images."""
        self.scale, images = scale, self.dataset.at(self.sizes[scale]).to(self.device)
        self.objective.set_targets(images)
        return images

    def first_image(self, images: StyleInputs) -> Tensor:
        """The image that `init` names, at the size of the content."""
        if self.init in INITS:
            return INITS[self.init](images)
        height, width = images.content.shape[-2:]
        return to_tensor(resize(read_image("init", self.init), [width, height]))[None]

    def begin(self, image: Tensor) -> None:
        """Start descending from an image of the current scale; the loss is scaled so that its largest gradient is 1."""
        self.canvas.set_image(image)
        self.guard.begin(image)
        (gradient,) = torch.autograd.grad(self.objective(self.canvas.image)["loss"], [self.canvas.image])
        slope = float(gradient.abs().max())
        self.descent.restart(self.canvas.parameters(), 1 / slope if slope > 0 and math.isfinite(slope) else 1.0)

    def networks(self) -> list[nn.Module]:
        return [self.objective.network]

    def step(self) -> Metrics:
        """One update of the image; if the loss diverges, return to the best image."""
        self.advance_scale()
        before = self.canvas.image.detach().clone()
        terms = self.descent.step(self.losses)
        if not self.guard.accepts(float(terms["loss"]), before):
            self.return_to_best(float(terms["loss"]))
        if self.clamps_updates:
            self.canvas.clamp()
        self.canvas.update_average()
        progress = {"progress/size": self.sizes[self.scale], "progress/restarts": self.guard.restarts}
        return {f"train/{name}": value for name, value in terms.items()} | progress

    def advance_scale(self) -> None:
        """After `steps_per_scale` steps, continue at the next scale with the enlarged result of this one."""
        scale = min(self.descent.updates // self.steps_per_scale, len(self.sizes) - 1)
        if scale != self.scale:
            image = self.canvas.average() if self.canvas.iterate_ema_decay else self.guard.best
            self.set_scale(scale)
            self.begin(F.interpolate(image, self.objective.size, mode="bicubic", align_corners=False))

    def losses(self) -> Metrics:
        if self.clamps_evaluations:
            self.canvas.clamp()
        return self.objective(self.canvas.image)

    def return_to_best(self, loss: float) -> None:
        """Return to the best image of this scale, with a new optimizer at half the learning rate."""
        message = f"the loss is {loss:.4g} after {self.guard.best_loss:.4g}; back to the best image"
        logging.getLogger(__name__).warning(f"step {self.descent.updates}: {message}")
        self.canvas.set_image(self.guard.best)
        self.descent.restart(self.canvas.parameters(), self.descent.scale, self.descent.lr_factor / 2)

    def is_finished(self) -> bool:
        return self.guard.is_exhausted()

    @torch.no_grad()
    def finalize(self) -> Metrics:
        """Choose the result: the best, the last or the average image, whichever has the lowest loss."""
        candidates = [self.guard.best, self.canvas.image]
        if self.canvas.iterate_ema_decay:
            candidates.append(self.canvas.average())
        images = [image.detach().clamp(0, 1) for image in candidates]
        losses = [self.objective(image) for image in images]
        if self.guard.is_exhausted():
            logging.getLogger(__name__).warning(
                f"given up: the loss diverged {self.guard.restarts} times; the result is the best image so far; "
                "try a smaller optimizer.lr, or smaller weights of the objective"
            )
        totals = [float(terms["loss"]) for terms in losses]
        best = min(range(len(totals)), key=lambda index: totals[index] if math.isfinite(totals[index]) else math.inf)
        self.result = images[best]
        return {f"result/{name}": value for name, value in losses[best].items()}

    def work(self, steps: int) -> float:
        """The pixels of the first `steps` updates: those of coarse scales take less time."""
        begins = [scale * self.steps_per_scale for scale in range(len(self.sizes))]
        ends = [*begins[1:], math.inf]
        return sum(
            max(0.0, min(steps, end) - begin) * size**2
            for begin, end, size in zip(begins, ends, self.sizes, strict=True)
        )

    def advice(self, steps: int) -> str:
        """A run that ends at a coarse scale is blurred."""
        coarse = len(self.sizes) - 1
        if steps > coarse * self.steps_per_scale:
            return ""
        size, fitting = self.sizes[(steps - 1) // self.steps_per_scale], steps // (coarse + 2)
        cure = f"task.steps_per_scale={fitting}" if fitting else "task.smallest_size=null"
        return f"{steps} steps end at {size} of {self.sizes[-1]} pixels, which is blurred; {cure} reaches all of them"

    def visualize(self) -> Images:
        """The result; before `finalize`, the current image or average."""
        image = self.canvas.average() if self.result is None else self.result
        return {"image": self.dataset.finish(image)}

    def state(self) -> dict[str, Stateful]:
        # the task itself, because the shapes of its parts depend on the scale
        return {"transfer": self}

    def state_dict(self) -> dict[str, Any]:
        parts: dict[str, Stateful] = {"canvas": self.canvas, "descent": self.descent, "guard": self.guard}
        return {"scale": self.scale} | {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Set the scale, then restore the state of the parts."""
        self.set_scale(state_dict["scale"])
        self.begin(state_dict["canvas"]["image"].to(self.device))
        self.canvas.load_state_dict(state_dict["canvas"])
        self.descent.load_state_dict(state_dict["descent"])
        self.guard.load_state_dict(state_dict["guard"])


def scale_sizes(smallest: int, largest: int) -> list[int]:
    """largest, largest / sqrt 2, largest / 2, ... down to at least `smallest`, in rising order."""
    count = 1 + math.floor(2 * math.log2(largest / smallest) + 1e-9) if smallest < largest else 1
    return [round(largest / 2 ** (index / 2)) for index in reversed(range(count))]


def large_enough(sizes: list[int], dataset: ContentAndStyles, objective: StyleObjective) -> list[int]:
    """Those of the rising `sizes` at which no image is too small for the objective's layers; ValueError if none."""
    of_styles = objective.layers if objective.calibrate else objective.style_layers
    needed = [
        ((PIXELS, *down_to_deepest(layers))[-1], smallest_side(layers)) for layers in (objective.layers, of_styles)
    ]
    objections = [found for size in sizes if (found := dataset.too_small(size, *needed))]
    if len(objections) == len(sizes):
        raise ValueError("{}; set {} or more".format(*objections[-1]))
    if objections:
        left_out = ", ".join(map(str, sizes[: len(objections)]))
        logging.getLogger(__name__).warning(f"{objections[-1][0]}: no scale of {left_out} pixels")
    return sizes[len(objections) :]
