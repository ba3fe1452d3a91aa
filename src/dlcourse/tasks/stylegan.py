"""StyleGAN v1 at a fixed resolution (Karras, Laine, Aila 2019, arXiv:1812.04948)."""

import copy

import torch
from torch import Tensor

from dlcourse.data import BatchStream, Faces, ImageFolder
from dlcourse.descent import Descent, MakeOptimizer, Metrics
from dlcourse.ema import decay_for_half_life, update_ema
from dlcourse.losses.gan import discriminator_loss, generator_loss, r1_penalty
from dlcourse.models.stylegan import Discriminator, Generator, mix_styles
from dlcourse.sampling import latents, sample_images
from dlcourse.schedules import Schedule
from dlcourse.tasks.base import Images, Stateful, Task

PREVIEW_SEEDS = range(16)
W_AVG_BETA = 0.995  # share of the old average per minibatch, as in the official graph


class StyleGAN(Task):
    """One step: update the discriminator, the average of the generator, then the generator.

    Args:
        generator, discriminator: networks of one resolution.
        dataset: uint8 `images`.
        optimizer, scheduler: of both networks.
        batch_size: images per update.
        r1_gamma: weight of the R1 penalty.
        r1_every: discriminator updates per R1 penalty; the penalty is scaled up in proportion.
        mixing_probability: share of minibatches whose images take their finer layers from a second latent.
        ema_half_life: images after which an old weight counts half in the average.
        mirror: whether reals are flipped left-right with probability 1/2.
        seed: of the order of the images.

    Raises:
        ValueError: a value outside its range.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        dataset: Faces | ImageFolder,
        optimizer: MakeOptimizer,
        scheduler: Schedule,
        batch_size: int,
        r1_gamma: float,
        r1_every: int,
        mixing_probability: float,
        ema_half_life: float,
        mirror: bool,
        seed: int,
    ):
        if r1_gamma < 0:
            raise ValueError(f"r1_gamma must not be negative, got {r1_gamma}")
        if r1_every < 1:
            raise ValueError(f"r1_every must be at least 1, got {r1_every}")
        if not 0 <= mixing_probability <= 1:
            raise ValueError(f"mixing_probability must be in [0, 1], got {mixing_probability}")
        if ema_half_life <= 0:
            raise ValueError(f"ema_half_life must be positive, got {ema_half_life}")
        self.generator, self.discriminator, self.dataset = generator, discriminator, dataset
        self.make_optimizer, self.schedule = optimizer, scheduler
        self.batch_size, self.seed, self.mirror = batch_size, seed, mirror
        self.r1_gamma, self.r1_every = r1_gamma, r1_every
        self.mixing_probability, self.ema_half_life = mixing_probability, ema_half_life

    def setup(self, device: torch.device) -> None:
        """Move networks and images to `device`; the average starts as a copy."""
        self.device = device
        self.generator.to(device)
        self.discriminator.to(device)
        self.generator_ema = copy.deepcopy(self.generator).requires_grad_(False)
        self.reals = BatchStream((self.dataset.images.to(device),), self.batch_size, self.seed, crosses_epochs=True)
        self.r1 = torch.zeros((), device=device)  # the last one measured
        self.g_descent = Descent(self.generator.parameters(), self.make_optimizer, self.schedule)
        self.d_descent = Descent(self.discriminator.parameters(), self.make_optimizer, self.schedule)

    def step(self) -> Metrics:
        """One update of each network."""
        reals = self.next_reals()
        d_terms = self.d_descent.step(lambda: self.discriminator_losses(reals))
        self.r1 = d_terms.get("r1", self.r1)
        update_ema(self.generator_ema, self.generator, decay_for_half_life(self.batch_size, self.ema_half_life))
        g_terms = self.g_descent.step(self.generator_losses)
        return {
            "train/d_loss": d_terms["adversarial"],
            "train/g_loss": g_terms["loss"],
            "train/r1": self.r1,
            "scores/real": d_terms["real_score"],
            "scores/fake": d_terms["fake_score"],
        }

    def next_reals(self) -> Tensor:
        """The next minibatch in [-1, 1], (N, 3, R, R)."""
        (pixels,) = next(self.reals)
        reals = pixels.float() / 127.5 - 1
        if self.mirror:
            is_flipped = torch.rand(len(reals), 1, 1, 1, device=self.device) < 0.5
            reals = torch.where(is_flipped, reals.flip(3), reals)
        return reals

    def discriminator_losses(self, reals: Tensor) -> Metrics:
        """Logistic loss, and R1 in the updates where it is due."""
        with torch.no_grad():
            fakes = self.generate()
        has_r1 = self.d_descent.updates % self.r1_every == 0
        reals.requires_grad_(has_r1)
        real_scores, fake_scores = self.discriminator(reals).float(), self.discriminator(fakes).float()
        adversarial = discriminator_loss(real_scores, fake_scores)
        terms = {
            "loss": adversarial,
            "adversarial": adversarial,
            "real_score": real_scores.mean(),
            "fake_score": fake_scores.mean(),
        }
        if has_r1:
            terms["r1"] = r1_penalty(real_scores, reals)
            terms["loss"] = adversarial + self.r1_gamma * self.r1_every * terms["r1"]
        return terms

    def generator_losses(self) -> Metrics:
        """Non-saturating logistic loss."""
        return {"loss": generator_loss(self.discriminator(self.generate()).float())}

    def generate(self) -> Tensor:
        """A minibatch of fakes, with style mixing; the mean of their w moves the tracked average."""
        z = torch.randn(2, self.batch_size, self.generator.z_dim, device=self.device)
        w = self.generator.mapping(z[0])
        with torch.no_grad():
            self.generator.w_avg.lerp_(w.float().mean(0), 1 - W_AVG_BETA)
        num_layers = self.generator.num_layers
        styles = w[:, None].expand(-1, num_layers, -1)  # (N, L, w_dim)
        if torch.rand(()) < self.mixing_probability:
            cutoff = int(torch.randint(1, num_layers, ()))
            other = self.generator.mapping(z[1])[:, None].expand(-1, num_layers, -1)
            styles = mix_styles(styles, other, cutoff, num_layers)
        return self.generator.synthesis(styles, noise="random")

    def visualize(self) -> Images:
        """The averaged generator's pictures of fixed seeds at psi 0.7, beside real ones."""
        z = latents(PREVIEW_SEEDS, self.generator.z_dim)
        fakes = sample_images(self.generator_ema, z, truncation_psi=0.7, batch_size=16)
        reals = self.dataset.images[: len(PREVIEW_SEEDS)].float() / 255
        return {"fakes": fakes, "reals": reals}

    def state(self) -> dict[str, Stateful]:
        """Networks, optimizers, position in the data."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.generator_ema,
            "g_descent": self.g_descent,
            "d_descent": self.d_descent,
            "reals": self.reals,
        }
