"""Training StyleGAN v1 (Karras, Laine, Aila 2019, arXiv:1812.04948), growing or at a fixed resolution."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.datasets.batches import BatchStream
from dlcourse.engine import distributed
from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.profiling import span
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.stylegan.augment import Augment
from dlcourse.stylegan.ema import decay_for_half_life, update_ema
from dlcourse.stylegan.growth import Growth, Phase, fade_reals
from dlcourse.stylegan.latents import Latents, draw_latents, mixed_styles, split
from dlcourse.stylegan.losses import AdversarialLoss, Score
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.previews import previews

W_AVG_BETA = 0.995  # share of the old average per minibatch, as in the official graph


class ImageDataset(Protocol):
    """A data set to learn from."""

    @property
    def levels(self) -> list[Tensor]:
        """uint8 (N, 3, r, r), r = resolution, resolution / 2, ..., 4."""

    @property
    def labels(self) -> Tensor | None:
        """Numbers of classes, int64 (N,), for networks that have some."""


class StyleGAN(Task):
    """One step: update the discriminator, the average of the generator, then the generator; `minibatch_repeats` times.

    Args:
        generator, discriminator: networks of one resolution.
        dataset: images of that resolution.
        optimizer, scheduler: of both networks.
        growth: resolution and minibatch size by images seen.
        minibatch_repeats: minibatches per step, between which resolution and rates do not change.
        gradient_accumulation_steps: equal parts into which a minibatch is divided to need less memory.
        loss: of both networks.
        augment: of what the discriminator sees, real and fake.
        discriminator_lr_factor: how many times the learning rate the discriminator has.
        freeze_d: so many of the discriminator's resolutions, from the highest, keep their weights.
        style_mixing_prob: share of minibatches whose images take their finer layers from a second latent.
        reuse_fakes: whether both updates see the same fakes; the official training draws new ones for the second.
        ema_half_life: images after which an old weight counts half in the average.
        mirror_augment: whether reals are flipped left-right with probability 1/2.
        channels_last: the memory layout of images, the faster one on recent hardware.
        evaluation: metrics of the averaged generator, (generator, dataset, lod=...) -> numbers by tag; None: none.
        seed: of the order of the images.

    Raises:
        ValueError: a value outside its range.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        dataset: ImageDataset,
        optimizer: MakeOptimizer,
        scheduler: Schedule,
        growth: Growth,
        minibatch_repeats: int,
        gradient_accumulation_steps: int,
        loss: AdversarialLoss,
        augment: Augment,
        discriminator_lr_factor: float,
        freeze_d: int,
        style_mixing_prob: float,
        reuse_fakes: bool,
        ema_half_life: float,
        mirror_augment: bool,
        channels_last: bool,
        evaluation: Callable[..., Metrics] | None,
        seed: int,
    ):
        if min(minibatch_repeats, gradient_accumulation_steps) < 1:
            counts = f"{minibatch_repeats} and {gradient_accumulation_steps}"
            raise ValueError(f"minibatch_repeats and gradient_accumulation_steps must be at least 1, got {counts}")
        if not 0 <= freeze_d <= (most := discriminator.resolution.bit_length() - 3):  # all but 4 x 4
            raise ValueError(f"freeze_d must be in [0, {most}] at {discriminator.resolution} pixels, got {freeze_d}")
        if not 0 <= style_mixing_prob <= 1:
            raise ValueError(f"style_mixing_prob must be in [0, 1], got {style_mixing_prob}")
        if min(ema_half_life, discriminator_lr_factor) <= 0:
            values = f"{ema_half_life} and {discriminator_lr_factor}"
            raise ValueError(f"ema_half_life and discriminator_lr_factor must be positive, got {values}")
        self.generator, self.discriminator, self.dataset = generator, discriminator, dataset
        self.make_optimizer, self.schedule, self.growth = optimizer, scheduler, growth
        self.minibatch_repeats, self.reuse_fakes = minibatch_repeats, reuse_fakes
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.loss, self.augment = loss, augment
        self.discriminator_lr_factor, self.freeze_d = discriminator_lr_factor, freeze_d
        self.style_mixing_prob, self.ema_half_life = style_mixing_prob, ema_half_life
        self.mirror_augment, self.channels_last, self.evaluation, self.seed = (
            mirror_augment,
            channels_last,
            evaluation,
            seed,
        )

    def setup(self, device: torch.device) -> None:
        """Move networks to `device`; the average starts as a copy.

        Raises:
            ValueError: a minibatch that cannot be divided as it should be.
        """
        self.device = device
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        for network in (self.generator, self.discriminator, self.augment):
            network.to(device).to(memory_format=layout)
        self.generator_ema = copy.deepcopy(self.generator).requires_grad_(False)
        parts = self.gradient_accumulation_steps * distributed.world_size()
        for size in (self.growth.batch_size, *(self.growth.batch_sizes or {}).values()):
            if size % parts:
                raise ValueError(f"a minibatch of {size} images cannot be divided into {parts} equal parts")
        self.reals = BatchStream((torch.arange(len(self.dataset.levels[0])),), None, self.seed)
        self.last_penalty = torch.zeros((), device=device)
        self.g_descent = Descent(self.generator.parameters(), self.make_optimizer, self.schedule)
        learning = unfrozen(self.discriminator, self.freeze_d)
        self.d_descent = Descent(learning, self.make_optimizer, self.schedule)
        self.restart(self.growth.phase(0))

    def networks(self) -> list[nn.Module]:
        """What takes the time."""
        return [self.generator.synthesis, self.discriminator]

    def restart(self, phase: Phase) -> None:
        """New optimizers, with the learning rates of a phase."""
        self.g_descent.restart(self.g_descent.parameters, lr_factor=phase.lr_factor)
        factor = phase.lr_factor * self.discriminator_lr_factor
        self.d_descent.restart(self.d_descent.parameters, lr_factor=factor)

    def step(self) -> Metrics:
        """`minibatch_repeats` updates of each network."""
        phase = self.growth.phase(self.reals.samples_seen)
        for _ in range(self.minibatch_repeats):
            metrics = self.update(phase)
        following = self.growth.phase(self.reals.samples_seen)
        if following.stage != phase.stage:
            self.restart(following)
        progress = {"progress/images": self.reals.samples_seen, "progress/lod": phase.lod}
        skipped = self.g_descent.skipped + self.d_descent.skipped
        descent = {"optimizer/lr": self.g_descent.lr(), "optimizer/skipped": skipped}
        return metrics | progress | descent | self.augment.metrics()

    def update(self, phase: Phase) -> Metrics:
        """One update of each network."""
        with span("data"):
            reals, latents = self.next_reals(phase), self.next_latents(phase)
        with span("forward"), torch.set_grad_enabled(self.reuse_fakes):
            fakes = [self.generate(part, phase) for part in latents]
        d_losses = partial(self.discriminator_losses, phase)
        d_terms = self.d_descent.step(*map(partial, [d_losses] * len(fakes), reals, latents, fakes))
        self.last_penalty = d_terms.get("penalty", self.last_penalty)
        self.augment.observe(d_terms["real_sign"], phase.batch_size)
        update_ema(self.generator_ema, self.generator, decay_for_half_life(phase.batch_size, self.ema_half_life))
        g_losses = partial(self.generator_losses, phase)
        if self.reuse_fakes:
            g_terms = self.g_descent.step(*map(partial, [g_losses] * len(fakes), latents, fakes))
        else:
            g_terms = self.g_descent.step(*(partial(g_losses, part, None) for part in self.next_latents(phase)))
        return {
            "gan/d_loss": d_terms["adversarial"],
            "gan/g_loss": g_terms["loss"],
            "gan/penalty": self.last_penalty,
            "gan/real_score": d_terms["real_score"],
            "gan/fake_score": d_terms["fake_score"],
        }

    def next_reals(self, phase: Phase) -> list[tuple[Tensor, Tensor | None]]:
        """This process's part of the next minibatch, in parts: (N, 3, r, r) in [-1, 1], labels (N, num_classes)."""
        (chosen,) = self.reals.take(phase.batch_size)
        mirrored = torch.rand(len(chosen)) < 0.5 * self.mirror_augment
        parts = zip(self.own_parts(chosen), self.own_parts(mirrored), strict=True)
        return [self.read(*part, phase) for part in parts]

    def read(self, chosen: Tensor, mirrored: Tensor, phase: Phase) -> tuple[Tensor, Tensor | None]:
        """Some of the data at a level of detail, (N, 3, r, r) in [-1, 1], and their labels."""
        level, _ = phase.stage
        images = self.dataset.levels[level][chosen].to(self.device).float() / 127.5 - 1
        images = torch.where(mirrored.to(self.device)[:, None, None, None], images.flip(3), images)
        return fade_reals(images, phase.lod - level), self.one_hot(chosen)

    def one_hot(self, chosen: Tensor) -> Tensor | None:
        """The labels of some of the data, (N, num_classes), or None for networks without classes."""
        labels = self.dataset.labels
        if labels is None:
            return None
        return F.one_hot(labels[chosen], self.generator.num_classes).float().to(self.device)

    def next_latents(self, phase: Phase) -> list[Latents]:
        """This process's part of the latents of a minibatch, in parts; labels are drawn from the data's."""
        labels = self.one_hot(torch.randint(self.reals.num_samples, (phase.batch_size,)))
        latents = draw_latents(self.generator, phase.batch_size, labels, phase.lod, self.style_mixing_prob)
        own_labels = [None] * self.gradient_accumulation_steps if labels is None else self.own_parts(labels)
        own_noise = map(list, zip(*(self.own_parts(layer) for layer in latents.noise), strict=True))
        parts = zip(self.own_parts(latents.z), own_labels, own_noise, strict=True)
        return [Latents(*part, latents.crossover) for part in parts]

    def own_parts(self, batch: Tensor) -> list[Tensor]:
        """This process's part of a minibatch, in parts."""
        steps = self.gradient_accumulation_steps
        parts = split(batch, steps * distributed.world_size(), self.discriminator.mbstd_group_size)
        return parts[distributed.rank() * steps :][:steps]

    def generate(self, latents: Latents, phase: Phase) -> Tensor:
        """Fakes at a level of detail, (N, 3, r, r); the mean of their w moves the tracked average."""
        w, styles = mixed_styles(self.generator, latents)
        mean = w.detach().float().mean(0)
        distributed.average([mean])
        self.generator.w_avg.lerp_(mean, 1 - W_AVG_BETA ** (1 / self.gradient_accumulation_steps))
        return self.generator.synthesis(styles, latents.noise, phase.lod, is_upscaled=False)

    def discriminator_losses(
        self, phase: Phase, reals: tuple[Tensor, Tensor | None], latents: Latents, fakes: Tensor
    ) -> Metrics:
        """Loss of scores, and the penalty in the updates where it is due.

        The official penalty takes gradients with respect to images of the full size: the 4^k pixels in place of one
        together move the score as much, so that its squared norm is smaller by 4^k. Scaling by 2^k does the same.
        """
        images, labels = reals
        scale = 2.0 ** phase.stage[0]
        has_penalty = self.loss.has_penalty(self.d_descent.updates)
        # what torch.compile makes has no second derivatives: a penalty needs the network's own forward pass
        network = self.discriminator.forward if has_penalty else self.discriminator
        score: Score = lambda x: network(x / scale, labels, phase.lod).float()
        with distributed.per_rank_rng():
            images, fakes = self.augment(images), self.augment(fakes.detach())
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
        """Loss of scores of given fakes, or of fresh ones."""
        images = self.generate(latents, phase) if fakes is None else fakes
        with distributed.per_rank_rng():
            images = self.augment(images)
        scores = self.discriminator(images, latents.labels, phase.lod).float()
        return {"loss": self.loss.generator(scores)}

    def evaluate(self) -> Metrics:
        """The metrics that `evaluation` takes."""
        if self.evaluation is None:
            return {}
        return self.evaluation(self.generator_ema, self.dataset, lod=self.growth.phase(self.reals.samples_seen).lod)

    def visualize(self) -> Images:
        """The averaged generator's images of fixed seeds, style mixing, truncation, and real images."""
        lod = self.growth.phase(self.reals.samples_seen).lod
        return previews(self.generator_ema, lod) | {"reals": self.dataset.levels[0][:16].float() / 255}

    def state(self) -> dict[str, Stateful]:
        """Networks, optimizers, position in the data."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.generator_ema,
            "g_descent": self.g_descent,
            "d_descent": self.d_descent,
            "reals": self.reals,
            "augment": self.augment,
        }


def unfrozen(discriminator: Discriminator, freeze_d: int) -> list[Tensor]:
    """The parameters that learn where the `freeze_d` highest resolutions do not   (Mo et al. 2020, FreezeD)."""
    resolutions = [discriminator.resolution >> level for level in range(freeze_d)]
    frozen = {f"from_rgb_lod{level}" for level in range(freeze_d)} | {f"{size}x{size}" for size in resolutions}
    return [parameter for name, parameter in discriminator.named_parameters() if name.split(".")[0] not in frozen]
