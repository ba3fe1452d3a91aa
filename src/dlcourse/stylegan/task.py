"""Training StyleGAN v1 (Karras, Laine, Aila 2019, arXiv:1812.04948), growing or at a fixed resolution."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from dlcourse.engine import distributed
from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.profiling import span
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.errors import check_at_least, check_positive
from dlcourse.stylegan.augment import Augment
from dlcourse.stylegan.growth import Growth, Phase
from dlcourse.stylegan.latents import Latents, mixed_styles
from dlcourse.stylegan.losses import AdversarialLoss
from dlcourse.stylegan.metrics.diversity import effective_dimensions
from dlcourse.stylegan.minibatches import ImageDataset, Minibatches, Reals
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.previews import previews, real_sheet

W_SAMPLES = 1000  # of which the effective dimensions of W are measured
W_AVG_BETA = 0.995  # share of the old average per minibatch, as in the official graph


@dataclass(frozen=True)
class Updates:
    """How the two networks are updated."""

    minibatch_repeats: int  # minibatches per step, all with the same resolution and learning rates
    gradient_accumulation_steps: int  # equal parts of a minibatch that are computed one by one, to need less memory
    discriminator_lr_factor: float  # factor on the discriminator's learning rate, > 0   (TTUR, Heusel et al. 2017)
    freeze_d: int  # number of the discriminator's highest resolutions that are not trained, see `unfrozen`
    style_mixing_prob: float  # share of minibatches whose finer layers take their styles from a second latent
    reuse_fakes: bool  # whether both updates see the same fakes; the official training draws new ones for the second
    ema_half_life: float  # see `update_ema`, > 0

    def __post_init__(self) -> None:
        check_at_least(1, minibatch_repeats=self.minibatch_repeats)
        check_at_least(1, gradient_accumulation_steps=self.gradient_accumulation_steps)
        check_positive(ema_half_life=self.ema_half_life, discriminator_lr_factor=self.discriminator_lr_factor)
        if not 0 <= self.style_mixing_prob <= 1:
            raise ValueError(f"style_mixing_prob must be in [0, 1], got {self.style_mixing_prob}")


@dataclass(eq=False, repr=False)
class StyleGAN(Task):
    """One step: update the discriminator, the average of the generator, then the generator; `minibatch_repeats` times.

    Networks and data set have one resolution.
    """

    kind = "a StyleGAN"
    shown = ("gan/d_loss", "gan/g_loss", "progress/images")
    main_images = ("fakes", "mixing", "truncation")
    commands = ("dlcourse sample RUN", "dlcourse evaluate RUN")

    generator: Generator
    discriminator: Discriminator
    dataset: ImageDataset
    optimizer: MakeOptimizer  # for each network
    scheduler: Schedule
    growth: Growth
    updates: Updates
    loss: AdversarialLoss
    augment: Augment
    mirror_augment: bool  # whether reals are flipped left-right with probability 1/2
    channels_last: bool  # the memory layout of images, the faster one on recent hardware
    evaluation: Callable[..., Metrics] | None  # (averaged generator, dataset, lod=...) -> metrics by tag
    total_images: int | None  # reals that the discriminator sees in the whole training, > 0; None: runner.max_steps
    seed: int  # of the order of the reals

    def __post_init__(self) -> None:
        resolution, freeze_d = self.discriminator.resolution, self.updates.freeze_d
        for name in ("resolution", "num_classes"):  # of networks that were there before the data: resume, init_from
            own, wanted = getattr(self.dataset, name), getattr(self.discriminator, name)
            if own != wanted:
                raise ValueError(f"dataset.{name} must be {wanted}, that of the networks, got {own}")
        most = resolution.bit_length() - 3  # all but 4 x 4
        if not 0 <= freeze_d <= most:
            raise ValueError(f"updates.freeze_d must be in [0, {most}] at {resolution} pixels, got {freeze_d}")
        if self.total_images is not None and self.total_images < 1:
            raise ValueError(f"total_images must be at least 1, or null, got {self.total_images}")

    def steps_left(self) -> int | None:
        """The steps until `total_images`; None without `total_images`."""
        if self.total_images is None:
            return None
        return self.growth.steps_for(self.total_images, self.updates.minibatch_repeats, self.minibatches.images_seen)

    def setup(self, device: torch.device) -> None:
        """Move the networks to `device`, copy the generator as its average, and make minibatches and optimizers."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        for network in (self.generator, self.discriminator, self.augment):
            network.to(device).to(memory_format=layout)
        self.generator_ema = copy.deepcopy(self.generator).requires_grad_(False)
        self.minibatches = Minibatches(
            self.dataset,
            self.generator,
            self.updates.gradient_accumulation_steps,
            self.discriminator.mbstd_group_size,
            self.updates.style_mixing_prob,
            self.mirror_augment,
            [self.growth.batch_size, *(self.growth.batch_sizes or {}).values()],
            self.seed,
        )
        self.device = device
        self.last_penalty = torch.zeros((), device=device)
        schedule = self.scheduler.for_run(self.steps_left(), self.updates.minibatch_repeats)
        self.g_descent = Descent(self.generator.parameters(), self.optimizer, schedule)
        learning = unfrozen(self.discriminator, self.updates.freeze_d)
        self.d_descent = Descent(learning, self.optimizer, schedule)
        self.restart(self.growth.phase(0))

    def restored(self, step: int) -> None:
        """Set the learning rates for what is left: minibatches, their number and the factors may be others now."""
        left, repeats = self.steps_left(), self.updates.minibatch_repeats
        schedule = self.scheduler.for_run(left, repeats, step, self.g_descent.updates)
        factors = self.lr_factors(self.phase())
        for descent, factor in zip((self.g_descent, self.d_descent), factors, strict=True):
            descent.schedule, descent.lr_factor = schedule, factor

    def networks(self) -> list[nn.Module]:
        """Synthesis network and discriminator. The mapping network is left out, since it takes almost no time."""
        return [self.generator.synthesis, self.discriminator]

    def restart(self, phase: Phase) -> None:
        for descent, factor in zip((self.g_descent, self.d_descent), self.lr_factors(phase), strict=True):
            descent.restart(descent.parameters, lr_factor=factor)

    def lr_factors(self, phase: Phase) -> tuple[float, float]:
        """The factors on the learning rates of generator and discriminator."""
        return phase.lr_factor, phase.lr_factor * self.updates.discriminator_lr_factor

    def step(self) -> Metrics:
        """`minibatch_repeats` updates of each network."""
        phase = self.phase()
        for _ in range(self.updates.minibatch_repeats):
            metrics = self.update(phase)
        progress = {"progress/images": self.minibatches.images_seen, "progress/lod": phase.lod}
        skipped = self.g_descent.skipped + self.d_descent.skipped
        descent = {"optimizer/lr": self.g_descent.lr(), "optimizer/skipped": skipped}
        if self.phase().stage != phase.stage:
            self.restart(self.phase())
        return metrics | progress | descent | self.augment.metrics()

    def phase(self) -> Phase:
        """Resolution, minibatch size and learning rate for the next images."""
        return self.growth.phase(self.minibatches.images_seen)

    def update(self, phase: Phase) -> Metrics:
        """One update of each network   (Goodfellow et al. 2014, algorithm 1, with k = 1).

        Lists hold the parts of the minibatch; `Descent` averages their losses and gradients.
        """
        reals, latents = self.minibatches.reals(phase), self.minibatches.latents(phase)
        with span("forward"), torch.set_grad_enabled(self.updates.reuse_fakes):
            fakes = [self.generate(part, phase) for part in latents]
        d_losses = [
            partial(self.discriminator_losses, phase, *part) for part in zip(reals, latents, fakes, strict=True)
        ]
        d_terms = self.d_descent.step(*d_losses)
        self.last_penalty = d_terms.get("penalty", self.last_penalty)
        self.augment.observe(d_terms["real_sign"], phase.batch_size)

        update_ema(self.generator_ema, self.generator, phase.batch_size, self.updates.ema_half_life)

        if self.updates.reuse_fakes:
            g_losses = [partial(self.generator_losses, phase, *part) for part in zip(latents, fakes, strict=True)]
        else:
            g_losses = [partial(self.generator_losses, phase, part, None) for part in self.minibatches.latents(phase)]
        g_terms = self.g_descent.step(*g_losses)
        return {
            "gan/d_loss": d_terms["adversarial"],
            "gan/g_loss": g_terms["loss"],
            "gan/penalty": self.last_penalty,
            "gan/real_score": d_terms["real_score"],
            "gan/fake_score": d_terms["fake_score"],
        }

    def generate(self, latents: Latents, phase: Phase) -> Tensor:
        """Fakes at a level of detail, (N, 3, r, r); also moves w_avg towards the mean of their w."""
        w, styles = mixed_styles(self.generator, latents)
        mean = w.detach().float().mean(0)
        distributed.average([mean])
        self.generator.w_avg.lerp_(mean, 1 - W_AVG_BETA ** (1 / self.updates.gradient_accumulation_steps))
        return self.generator.synthesis(styles, latents.noise, phase.lod, is_upscaled=False)

    def augmented(self, *images: Tensor) -> list[Tensor]:
        """Batches of images (N, 3, r, r), each augmented; processes draw different augmentations."""
        with distributed.per_rank_rng():
            return [self.augment(batch) for batch in images]

    def discriminator_losses(self, phase: Phase, reals: Reals, latents: Latents, fakes: Tensor) -> Metrics:
        """The discriminator's loss with its terms, and the penalty in updates that have one.

        The official penalty takes gradients with respect to images of full size, where 4^k pixels share the effect of
        one here, so that the squared norm is 4^k times smaller. Scaling the images by 2^k gives the same.
        """
        images, labels = reals
        scale = 2.0 ** phase.stage[0]
        has_penalty = self.loss.has_penalty(self.d_descent.updates)
        # compiled modules have no second derivatives, so a penalty needs the uncompiled forward pass
        network = self.discriminator.forward if has_penalty else self.discriminator
        score = lambda x: network(x / scale, labels, phase.lod).float()
        images, fakes = self.augmented(images, fakes.detach())
        images = (images * scale).requires_grad_(has_penalty)
        real_scores = score(images)
        fake_scores = self.discriminator(fakes, latents.labels, phase.lod).float()
        adversarial = self.loss.discriminator(real_scores, fake_scores)
        terms = {
            "loss": adversarial,
            "adversarial": adversarial,
            "real_score": real_scores.mean(),
            "fake_score": fake_scores.mean(),
            "real_sign": real_scores.sign().mean(),
        }
        if has_penalty:
            terms["penalty"] = self.loss.penalty(score, images, real_scores, fakes * scale)
            terms["loss"] = adversarial + self.loss.penalty_weight * self.loss.d_reg_interval * terms["penalty"]
        return terms

    def generator_losses(self, phase: Phase, latents: Latents, fakes: Tensor | None) -> Metrics:
        """The generator's loss for these fakes, or for new ones of the latents."""
        (images,) = self.augmented(self.generate(latents, phase) if fakes is None else fakes)
        scores = self.discriminator(images, latents.labels, phase.lod).float()
        return {"loss": self.loss.generator(scores)}

    @torch.no_grad()
    def evaluate(self) -> Metrics:
        """The effective dimensions of the averaged generator's W, and what `evaluation` measures."""
        mapping, count = self.generator_ema.mapping, self.generator_ema.num_classes
        z = torch.randn(W_SAMPLES, self.generator_ema.z_dim, generator=torch.Generator().manual_seed(0))
        labels = torch.eye(count)[torch.arange(W_SAMPLES) % count].to(self.device) if count else None
        found: Metrics = {"metrics/w_dimensions": effective_dimensions(mapping(z.to(self.device), labels))}
        if self.evaluation is not None:
            found |= self.evaluation(self.generator_ema, self.dataset, lod=self.phase().lod)
        return found

    def visualize(self) -> Images:
        """`previews` of the averaged generator, and real images."""
        progress = f"{self.minibatches.images_seen:,} images seen"
        return previews(self.generator_ema, self.phase().lod, progress) | {"reals": real_sheet(self.dataset.levels[0])}

    def state(self) -> dict[str, Stateful]:
        """Networks, optimizers, position in the data."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.generator_ema,
            "g_descent": self.g_descent,
            "d_descent": self.d_descent,
            "reals": self.minibatches.stream,
            "augment": self.augment,
        }


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, batch_size: int, half_life: float) -> None:
    """avg <- decay * avg + (1 - decay) * theta for parameters; buffers are copied.

    The decay per update, 0.5^(batch_size / half_life), halves an old weight's share after `half_life` images whatever
    the batch size. StyleGAN's official code has 10 000 images.
    """
    decay = 0.5 ** (batch_size / half_life)
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for target, source in zip(average.buffers(), model.buffers(), strict=True):
        target.copy_(source)


def unfrozen(discriminator: Discriminator, freeze_d: int) -> list[Tensor]:
    """The parameters outside of the `freeze_d` highest resolutions   (FreezeD, Mo et al. 2020)."""
    resolutions = [discriminator.resolution >> level for level in range(freeze_d)]
    frozen = {f"from_rgb_lod{level}" for level in range(freeze_d)} | {f"{size}x{size}" for size in resolutions}
    return [parameter for name, parameter in discriminator.named_parameters() if name.split(".")[0] not in frozen]
