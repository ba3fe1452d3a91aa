"""Losses of generative adversarial networks on the discriminator's scores (logits), (N, 1) each, and penalties."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.errors import check_at_least

Score = Callable[[Tensor], Tensor]  # images (N, 3, H, W) -> scores (N, 1)


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of both networks and the discriminator's penalty.

    The penalty is computed in one of `d_reg_interval` updates, and multiplied by `d_reg_interval`   (lazy
    regularization, Karras et al. 2020, arXiv:1912.04958, section 3.1).
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real scores, fake scores) -> loss
    generator: Callable[[Tensor], Tensor]  # fake scores -> loss
    r1_gamma: float  # gamma of `r1_penalty`, >= 0
    gp_weight: float  # lambda of `gradient_penalty`, which replaces R1 if lambda > 0; >= 0
    d_reg_interval: int  # >= 1

    def __post_init__(self) -> None:
        for name in ("r1_gamma", "gp_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        check_at_least(1, d_reg_interval=self.d_reg_interval)

    @property
    def penalty_weight(self) -> float:
        return self.gp_weight or self.r1_gamma

    def has_penalty(self, updates: int) -> bool:
        """Whether the discriminator's next update, after `updates` others, has the penalty."""
        return self.penalty_weight > 0 and updates % self.d_reg_interval == 0

    def penalty(self, score: Score, reals: Tensor, real_scores: Tensor, fakes: Tensor) -> Tensor:
        """`gradient_penalty` or `r1_penalty`, without its weight."""
        return gradient_penalty(score, reals, fakes) if self.gp_weight else r1_penalty(reals, real_scores)


def logistic_generator_loss(fake_scores: Tensor) -> Tensor:
    """Non-saturating logistic loss, mean softplus(-D(G(z)))   (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake_scores).mean()


def logistic_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Logistic loss, mean softplus(D(G(z))) + mean softplus(-D(x))   (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(fake_scores).mean() + F.softplus(-real_scores).mean()


def hinge_generator_loss(fake_scores: Tensor) -> Tensor:
    """-mean D(G(z))   (Lim and Ye 2017, arXiv:1705.02894)."""
    return -fake_scores.mean()


def hinge_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """mean max(0, 1 + D(G(z))) + mean max(0, 1 - D(x))   (Lim and Ye 2017, arXiv:1705.02894)."""
    return F.relu(1 + fake_scores).mean() + F.relu(1 - real_scores).mean()


def wasserstein_generator_loss(fake_scores: Tensor) -> Tensor:
    """-mean D(G(z))   (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""
    return -fake_scores.mean()


def wasserstein_discriminator_loss(real_scores: Tensor, fake_scores: Tensor, drift: float) -> Tensor:
    """mean D(G(z)) - mean D(x) + drift mean D(x)^2   (Gulrajani et al. 2017, eq. 3; Karras et al. 2018, A.1)."""
    return fake_scores.mean() - real_scores.mean() + drift * real_scores.square().mean()


def r1_penalty(reals: Tensor, real_scores: Tensor) -> Tensor:
    """1/2 E ||grad_x D(x)||^2 at real images; R1 is gamma times that   (Mescheder et al. 2018, eq. 9).

    Its gradient with respect to D's parameters can be computed. `reals` (N, 3, H, W) require gradients, and
    `real_scores` are D(reals), with the graph to them; `StyleGAN.discriminator_losses` makes both.
    """
    (gradient,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()


def gradient_penalty(score: Score, reals: Tensor, fakes: Tensor) -> Tensor:
    """E (||grad_x D(x)|| - 1)^2 at random points between reals and fakes   (Gulrajani et al. 2017, eq. 3).

    `score` is D; the gradient with respect to its parameters can be computed. Shape: reals, fakes (N, 3, H, W) -> ().
    """
    share = torch.rand(len(reals), 1, 1, 1, device=reals.device)
    between = torch.lerp(reals.detach(), fakes.detach(), share).requires_grad_(True)
    (gradient,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
    return (gradient.square().sum(dim=(1, 2, 3)).sqrt() - 1).square().mean()
