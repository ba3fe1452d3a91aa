"""Projection: gradient descent on the w of an image (Karras et al. 2020, appendix D)."""

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.errors import UserError
from dlcourse.files.locations import STYLEGAN_FACES
from dlcourse.files.terminal import printable
from dlcourse.images.files import open_image
from dlcourse.images.tensors import resize, to_tensor
from dlcourse.nn.vgg import LAYERS, VGG
from dlcourse.stylegan.interop.files import load_generator
from dlcourse.stylegan.interop.locate import files_of
from dlcourse.stylegan.networks.synthesis import constant_weights
from dlcourse.stylegan.sampling.seeds import Latent, Seed, Seeds, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

SAME = 0.05  # relative difference up to which two losses of one point are of the same objective
FIRST_CANDIDATE = 10**6  # its seed, far from those that users draw: an image of theirs still has to be found
MOST_CANDIDATES = 10_000
LEAST_SIDE = 4  # pixels of the smallest copy that is compared
# Below it an image counts as not found. Measured with the bundled faces, 500 updates, W+: 36 to 42 dB for images of the
# generator itself (three seeds at psi 1, 36 to 39; three at psi 0.7, 38 to 42), 25 dB for two procedural faces that are
# new to it, whose texture no w can tell, 17.5 to 21.3 dB for a mosaic, a photograph, a painting and a seascape.
LEAST_PSNR = 22.0
NOT_FOUND = (
    f"below {LEAST_PSNR:g} dB: not found. Either the generator cannot draw this (the bundled one finds its own images "
    "to 36 dB and more), or it takes more steps (runner.max_steps)"
)


@dataclass(eq=False, repr=False)
class Projection(Task):
    """Minimise a distance of G(w, noise) from an image x; the result is the w (and noise) with the lowest loss.

    L = sum over scales of mean |G - x|^2 + feature_weight * sum over layers of mean |f(G) - f(x)|^2 / mean f(x)^2
    (VGG features) + noise_weight * (correlation of noise), after Karras et al. 2020 (appendix D) and Abdal et al. 2019.
    """

    kind = "a projection"
    shown = ("train/loss", "train/psnr")
    main_images = ("image", "target")
    commands = ("dlcourse sample checkpoint=CHECKPOINT sampler=edit seeds=RUN", "dlcourse animate RUN image")

    checkpoint: str | None  # of the generator: a run or a file; None: the bundled faces
    target: str | None  # an image; its middle square is used, at the generator's resolution
    space: str  # "w", one w for all layers, or "w+", one per layer
    noise: str  # "fixed", the stored one, or "free", optimized too
    init: Seeds | None  # where to start: one seed, file or run; None: the nearest candidate
    candidates: int  # number of random images that are compared with the target, see MOST_CANDIDATES; 0: start at w_avg
    synthesizer: Synthesizer  # truncation and class of a start from a seed
    scales: int  # number of copies that are compared, each half as large as the one before, >= 1
    features: Callable[[], VGG]  # called if feature_weight > 0, after all checks, since it may download weights
    feature_layers: list[str]
    feature_weight: float  # >= 0; 0: pixels only
    noise_weight: float  # >= 0
    optimizer: MakeOptimizer  # of w and noise
    scheduler: Schedule

    @classmethod
    def verdict(cls, metrics: Mapping[str, float]) -> str:
        """Whether the image was found, as far as PSNR tells."""
        found = metrics.get("result/psnr", math.inf)
        return f"{found:.1f} dB, {NOT_FOUND}" if found < LEAST_PSNR else ""

    def __post_init__(self) -> None:
        if self.space not in ("w", "w+"):
            raise ValueError(f"space must be w or w+, got {self.space!r}")
        if self.noise not in ("fixed", "free"):
            raise ValueError(f"noise must be fixed or free, got {self.noise!r}")
        if self.scales < 1:
            raise ValueError(f"scales must be at least 1, got {self.scales}")
        if not 0 <= self.candidates <= MOST_CANDIDATES:
            raise ValueError(f"candidates must be in [0, {MOST_CANDIDATES}], got {self.candidates}")
        for name in ("feature_weight", "noise_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.feature_weight and not self.feature_layers:
            raise ValueError("feature_layers must name a layer of VGG, or feature_weight be 0")
        if unknown := [name for name in self.feature_layers if name not in LAYERS]:
            raise ValueError(f"feature_layers: VGG has no {', '.join(unknown)}; it has {', '.join(LAYERS)}")
        try:
            self.starts = [] if self.init is None else parse_seeds(self.init)
        except ValueError as error:
            raise ValueError(f"init: {error}") from error
        if len(self.starts) > 1:
            raise ValueError(
                f"init must be one seed, file or run, or null for the nearest candidate, got {self.init!r}"
            )
        if self.target is None:
            raise ValueError("target must be an image: give target=PHOTO.jpg")
        try:
            self.photo = square(open_image(self.target))
        except ValueError as error:
            raise ValueError(f"target={error}") from error
        self.files = files_of(Path(self.checkpoint or STYLEGAN_FACES), only_to_draw=True)

    def setup(self, device: torch.device) -> None:
        """Load the generator, compute the target and its features, and set the start."""
        try:
            generator = load_generator(self.files).averaged_generator.requires_grad_(False)
        except UserError as error:
            raise UserError(f"checkpoint={error}") from error
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.weights_kept = ExitStack()  # as long as the task; a step takes a fifth less time
        self.weights_kept.enter_context(constant_weights(self.generator))
        size = generator.resolution
        self.wanted = to_tensor(resize(self.photo, [size, size]))[None].to(device)
        self.network = self.features().to(device) if self.feature_weight else None
        with torch.no_grad():
            self.wanted_features = self.network(self.wanted, self.feature_layers) if self.network else {}
        self.w, self.noises = self.starting_latent()
        for seed in self.compared()[:1]:
            self.w_of(seed)  # a class or a cutoff that does not fit is told now
        self.free = [self.w, *self.noises] if self.noise == "free" else [self.w]
        for leaf in self.free:
            leaf.requires_grad_()
        self.descent = Descent(self.free, self.optimizer, self.scheduler)
        self.best, self.least = self.copied(), math.inf
        self.is_final = False

    @torch.no_grad()
    def starting_latent(self) -> tuple[Tensor, list[Tensor]]:
        """The start: w, (1 or L, w_dim), and the noise of each layer."""
        generator = self.generator
        if self.starts:
            (latent,) = self.starts
            w, noise = self.w_of(latent), latent.noise(generator)
        else:
            layers = 1 if self.space == "w" else generator.num_layers
            w, noise = generator.w_avg.expand(layers, -1), stored_noise(generator)
        return w.clone(), [own.clone() for own in noise]

    @torch.no_grad()
    def w_of(self, latent: Latent) -> Tensor:
        """The w of a latent in the space of the search, (1 or L, w_dim)."""
        try:
            (styles,) = self.synthesizer.styles(self.generator, [latent])
        except UserError as error:
            where = "task.synthesizer: " if isinstance(latent, Seed) else ""
            raise UserError(f"{where}{error}") from error
        return styles if self.space == "w+" else styles.mean(0, keepdim=True)

    def compared(self) -> list[Seed]:
        """The candidates; none if the start is given, or the class that they would need is not."""
        has_class = not self.generator.num_classes or self.synthesizer.classes is not None
        count = self.candidates if has_class and not self.starts else 0
        return [Seed(FIRST_CANDIDATE + index) for index in range(count)]

    @torch.no_grad()
    def start_at_nearest(self) -> None:
        """Move the start to the candidate whose image is nearest to the target."""
        nearest = min(self.compared(), key=self.distance_of, default=None)
        if nearest is not None:
            self.w.copy_(self.w_of(nearest))
            self.best = self.copied()

    def distance_of(self, latent: Latent) -> float:
        """How far the image of a latent is from the target; infinite if it is not finite."""
        image = self.image(self.w_of(latent), self.noises)
        return float(multiscale_distance(image, self.wanted, self.scales).nan_to_num(math.inf))

    def copied(self) -> list[Tensor]:
        """A copy of what is optimized now: w, and the noise if it is free."""
        return [leaf.detach().clone() for leaf in self.free]

    def networks(self) -> list[nn.Module]:
        return [self.generator.synthesis]

    def step(self) -> Metrics:
        """One update of w, and of the noise if it is free."""
        if not self.descent.updates:
            self.start_at_nearest()
        before = self.copied()
        terms = self.descent.step(lambda: self.losses(self.w, self.noises))
        if (loss := float(terms["loss"])) < self.least:
            self.best, self.least = before, loss
        return {f"train/{name}": value for name, value in terms.items()}

    def image(self, w: Tensor, noise: list[Tensor]) -> Tensor:
        """The image of w, (1 or L, w_dim), and noise: (1, 3, R, R), with [0, 1] the range of colours, not clamped."""
        return (self.generator.synthesis(w.expand(1, self.generator.num_layers, -1), noise).float() + 1) / 2

    def losses(self, w: Tensor, noise: list[Tensor]) -> Metrics:
        """The loss of w and noise, its terms, and the PSNR."""
        image = self.image(w, noise)
        pixels = multiscale_distance(image, self.wanted, self.scales)
        terms: Metrics = {"loss": pixels, "pixels": pixels, "psnr": psnr(image.detach(), self.wanted)}
        if self.network is not None:
            found = self.network(image, self.feature_layers)
            pairs = [(found[name], wanted) for name, wanted in self.wanted_features.items()]
            distances = [F.mse_loss(one, wanted) / wanted.square().mean() for one, wanted in pairs]
            terms["features"] = torch.stack(distances).sum()
            terms["loss"] = terms["loss"] + self.feature_weight * terms["features"]
        if self.noise == "free":
            terms["noise"] = torch.stack([correlation(one) for one in noise]).sum()
            terms["loss"] = terms["loss"] + self.noise_weight * terms["noise"]
        return terms

    def latent(self) -> tuple[Tensor, list[Tensor]]:
        """The best so far: w of each layer, (L, w_dim), and the noise of each."""
        w, *noise = self.best
        return w.expand(self.generator.num_layers, -1).clone(), noise or self.noises

    @torch.no_grad()
    def finalize(self) -> Metrics:
        """Measure the best w, and say so if the image was not found."""
        self.is_final = True
        terms = self.losses(*self.latent())
        metrics = {f"result/{name}": value for name, value in terms.items()}
        if verdict := self.verdict({name: float(value) for name, value in metrics.items()}):
            logging.getLogger(__name__).warning(f"{printable(str(self.target))}: {verdict}")
        return metrics

    def visualize(self) -> Images:
        """The image of the best w so far; after `finalize` the target, too."""
        styles, noise = self.latent()
        images = {"image": self.synthesizer.synthesize(self.generator, styles[None], noise)}
        return images | ({"target": self.wanted} if self.is_final else {})

    def metadata(self) -> dict[str, Any]:
        """The best w and its noise, which `seeds=[RUN]` of dlcourse sample reads."""
        w, noise = self.latent()
        return {"latent": {"w": w, "noise": noise}}

    def state(self) -> dict[str, Stateful]:
        # the task itself, because what is optimized are tensors, not a module
        return {"projection": self}

    def state_dict(self) -> dict[str, Any]:
        points = {"now": self.copied(), "best": self.best}
        named = {name: {str(index): leaf for index, leaf in enumerate(point)} for name, point in points.items()}
        return named | {"least": self.least, "descent": self.descent.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave: where the descent is, and the best point so far.

        If the loss is another one now, for another target or other weights, the best point gets its loss anew.
        """
        for name in ("now", "best"):
            shapes = [tuple(state_dict[name][key].shape) for key in sorted(state_dict[name], key=int)]
            if shapes != [tuple(leaf.shape) for leaf in self.free]:
                raise ValueError("task.space and task.noise must stay as they were")
        for index, leaf in enumerate(self.free):
            leaf.copy_(state_dict["now"][str(index)])
            self.best[index].copy_(state_dict["best"][str(index)])
        least, now = state_dict["least"], float(self.losses(*self.latent())["loss"])
        self.least = least if math.isclose(least, now, rel_tol=SAME) else now
        self.descent.load_state_dict(state_dict["descent"])


def square(image: Image.Image) -> Image.Image:
    """The middle square."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def multiscale_distance(image: Tensor, target: Tensor, scales: int) -> Tensor:
    """sum_s mean |pool_2^s(image) - pool_2^s(target)|^2, s < scales, down to 4x4: (N, 3, R, R) twice -> ()."""
    total = F.mse_loss(image, target)
    for _ in range(1, scales):
        if image.shape[-1] < 2 * LEAST_SIDE:
            break
        image, target = F.avg_pool2d(image, 2), F.avg_pool2d(target, 2)
        total = total + F.mse_loss(image, target)
    return total


def correlation(noise: Tensor) -> Tensor:
    """Sum over scales and both axes of (mean n(x) n(x - 1))^2, plus (mean)^2 + (variance - 1)^2: 0 for white noise.

    Prevents the noise from encoding the image   (Karras et al. 2020, appendix D). Shape: (1, 1, r, r) -> ().
    """
    total = noise.mean().square() + (noise.var(correction=0) - 1).square()
    while True:
        for axis in (2, 3):
            total = total + (noise * noise.roll(1, axis)).mean().square()
        if noise.shape[-1] <= 8:
            return total
        noise = 2 * F.avg_pool2d(noise, 2)  # white noise has variance 1 again


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """10 log10(1 / mean |image - target|^2), in dB, of images in [0, 1]: ()."""
    return -10 * torch.log10(F.mse_loss(image.clamp(0, 1), target).clamp(min=1e-12))
