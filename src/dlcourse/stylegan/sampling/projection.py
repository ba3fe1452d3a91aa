"""Find the w of an image by gradient descent."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.errors import UserError
from dlcourse.files.terminal import printable
from dlcourse.images.figures import COLORS, new_figure, to_image
from dlcourse.images.files import open_image
from dlcourse.images.tables import enlarged, gain_for, headed_table, heat, stacked
from dlcourse.images.tensors import resize, to_pil_image, to_tensor
from dlcourse.nn.vgg import LAYERS, VGG
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

LEAST_SIDE = 4  # pixels of the smallest copy that is compared
# Below it an image counts as not found. Measured with the bundled faces, 500 updates, W+: 28 to 43 dB for images of the
# generator itself (six seeds at psi 0.7 and 1), 27 and 28 dB for drawn faces that it was not trained on, 11 to 21 dB
# for a seascape, a painting, a mosaic and noise.
LEAST_PSNR = 25.0
NOT_FOUND = (
    f"Below {LEAST_PSNR:g} dB: not found. Either the generator cannot draw this (the bundled one finds its own images "
    "to 28 dB and more), or it takes more sampler.steps"
)

Watch = Callable[[int, float, Tensor, list[Tensor]], bool]  # of (updates, loss, its w, its noise): whether to go on


@dataclass(eq=False)
class Project(Sampler):
    """Minimise a distance of G(w, noise) from an image x; the result is the w (and noise) with the lowest loss.

    L = sum over scales of mean |G - x|^2 + feature_weight * sum over layers of mean |f(G) - f(x)|^2 (VGG features)
    + noise_weight * (correlation of noise), after Karras et al. 2020 (appendix D) and Abdal et al. 2019.
    """

    target: str | None  # an image; its middle square is used, at the generator's resolution
    space: str  # "w", one w for all layers, or "w+", one per layer
    noise: str  # "fixed", the stored one, or "free", optimized too
    steps: int  # updates, >= 1
    scales: int  # number of copies that are compared, each half as large as the one before, >= 1
    features: Callable[[], VGG] | None  # called after all checks, since it may download weights; None: pixels only
    feature_layers: list[str]
    feature_weight: float  # >= 0
    noise_weight: float  # >= 0
    optimizer: MakeOptimizer  # of w and noise
    scheduler: Schedule
    seeds: Seeds | None  # the start, one seed or file; None is w_avg
    synthesizer: Synthesizer  # gives the class of a start from a seed
    finds = True

    def __post_init__(self) -> None:
        if self.space not in ("w", "w+"):
            raise ValueError(f"space must be w or w+, got {self.space!r}")
        if self.noise not in ("fixed", "free"):
            raise ValueError(f"noise must be fixed or free, got {self.noise!r}")
        if self.steps < 1 or self.scales < 1:
            raise ValueError(f"steps and scales must be at least 1, got {self.steps} and {self.scales}")
        if self.feature_weight < 0 or self.noise_weight < 0:
            raise ValueError(f"weights must not be negative, got {self.feature_weight} and {self.noise_weight}")
        if unknown := [name for name in self.feature_layers if name not in LAYERS]:
            raise ValueError(f"feature_layers: VGG has no {', '.join(unknown)}; it has {', '.join(LAYERS)}")
        self.start = [] if self.seeds is None else parse_seeds(self.seeds)
        if len(self.start) > 1:
            raise ValueError(f"seeds must be one, where to start, or null for w_avg, got {self.seeds!r}")
        if self.target is None:
            raise ValueError("there is no target; give an image, target=PHOTO.jpg")
        try:
            self.image = square(open_image(self.target))
        except ValueError as error:
            raise ValueError(f"target={error}") from error

    def __call__(self, generator: Generator, watch: Watch = lambda *_: True) -> Result:
        """Draw the report; `watch` is called with each update and its loss, and ends the search by False."""
        size = generator.resolution
        target = to_tensor(resize(self.image, [size, size]))
        self.set_target(target.to(generator.w_avg.device))
        w, noise = self.starting_latent(generator)
        losses, best, best_noise = self.descend(generator, w, noise, watch)
        styles = best.expand(generator.num_layers, -1)  # (L, w_dim)
        (image,) = self.synthesizer.synthesize(generator, styles[None], best_noise)
        found = {"w": styles.cpu().clone(), "noise": [one.cpu() for one in best_noise], "losses": losses}
        singles = {"projection": to_pil_image(image)}
        return Result(self.report(target, image, losses), singles=singles, found=found)

    def set_target(self, target: Tensor) -> None:
        """Set the target (3, R, R) in [0, 1], and compute its features."""
        self.wanted, self.wanted_features = target[None], {}
        self.network = self.features and self.features().to(target.device)
        if self.network is not None:
            try:
                with torch.no_grad():
                    self.wanted_features = self.network(self.wanted, self.feature_layers)
            except ValueError as error:
                raise UserError(f"feature_layers={self.feature_layers}: {error}") from error

    @torch.no_grad()
    def starting_latent(self, generator: Generator) -> tuple[Tensor, list[Tensor]]:
        """The start: w, (1 or L, w_dim), and the noise of each layer."""
        styles, noise = generator.w_avg.expand(generator.num_layers, -1), stored_noise(generator)
        for latent in self.start:
            (styles,), noise = self.synthesizer.styles(generator, [latent]), latent.noise(generator)
        w = styles if self.space == "w+" else styles.mean(0, keepdim=True)
        return w.clone(), [own.clone() for own in noise]

    def descend(
        self, generator: Generator, w: Tensor, noise: list[Tensor], watch: Watch
    ) -> tuple[list[float], Tensor, list[Tensor]]:
        """Optimize, and return the loss of every update, and w and noise with the lowest one."""
        free = [w, *noise] if self.noise == "free" else [w]
        for leaf in free:
            leaf.requires_grad_()
        descent = Descent(free, self.optimizer, self.scheduler)
        losses: list[float] = []
        best: list[Tensor] = []
        least = math.inf
        for _ in range(self.steps):
            before = [leaf.detach().clone() for leaf in free]
            loss = float(descent.step(lambda: self.losses(generator, w, noise))["loss"])
            if loss < least:
                best, least = before, loss
            losses.append(loss)
            if not watch(len(losses), loss, before[0], before[1:] or noise):
                break
        if not best:
            cure = "smaller sampler.feature_weight or sampler.noise_weight, or another start (seeds)"
            raise UserError(f"no loss of the projection was a finite number; what may help: {cure}")
        return losses, best[0], best[1:] or noise

    def losses(self, generator: Generator, w: Tensor, noise: list[Tensor]) -> Metrics:
        """The loss of w and noise, and its terms."""
        image = generator.synthesis(w.expand(1, generator.num_layers, -1), noise).float()
        pixels = multiscale_distance((image + 1) / 2, self.wanted, self.scales)
        terms: Metrics = {"pixels": pixels, "loss": pixels}
        if self.network is not None:
            found = self.network((image + 1) / 2, self.feature_layers)
            pairs = [(found[name], wanted) for name, wanted in self.wanted_features.items()]
            distances = [F.mse_loss(one, wanted) / wanted.square().mean() for one, wanted in pairs]
            terms["features"] = torch.stack(distances).sum()
            terms["loss"] = terms["loss"] + self.feature_weight * terms["features"]
        if self.noise == "free":
            terms["noise"] = torch.stack([correlation(one) for one in noise]).sum()
            terms["loss"] = terms["loss"] + self.noise_weight * terms["noise"]
        return terms

    def report(self, target: Tensor, image: Tensor, losses: list[float]) -> Image.Image:
        """Target, projection and difference in a row, with the chart of the losses below."""
        difference = (image - target).abs().mean(0)
        gain = gain_for(difference)
        cells = {
            ("", "target"): enlarged(target, 192),
            ("", "projection"): enlarged(image, 192),
            ("", f"difference x {gain:g}"): heat(difference * gain, 192),
        }
        start = f"{self.start[0].label}, {self.synthesizer.described(self.start)}" if self.start else "w_avg"
        found = psnr(image, target)
        heading = (
            f"Projection into {self.space.upper()} from {start}, noise {self.noise}: {found:.1f} dB after "
            f"{len(losses)} updates, the best one kept"
        )
        if found < LEAST_PSNR:
            heading += f". {NOT_FOUND}"
            logging.getLogger(__name__).warning(f"{printable(str(self.target))}: {found:.1f} dB. {NOT_FOUND}")
        upper = headed_table(heading, cells)
        return stacked([upper, to_pil_image(curve(losses, upper.width / 620)[0])])


def square(image: Image.Image) -> Image.Image:
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


def psnr(image: Tensor, target: Tensor) -> float:
    """10 log10(1 / mean |image - target|^2), in dB, of images in [0, 1]."""
    return float(-10 * torch.log10(F.mse_loss(image.clamp(0, 1), target).clamp(min=1e-12)))


def curve(losses: list[float], scale: float) -> Tensor:
    """A chart of the loss and of the lowest so far, (1, 3, H, W), about 620 * scale pixels wide."""
    figure = new_figure(6.2, 2.6)
    figure.set_dpi(100 * scale)
    axes = figure.subplots()
    axes.plot(losses, color=COLORS[5], linewidth=1, label="loss")
    axes.plot(torch.tensor(losses).cummin(0).values, color=COLORS[2], label="least so far")
    axes.set(xlabel="update", yscale="log")
    axes.legend(frameon=False)
    figure.tight_layout()
    return to_image(figure)
