"""Losses of generative adversarial networks on raw discriminator scores (logits), (N, 1) each."""

import torch
from torch import Tensor
from torch.nn import functional as F


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Non-saturating logistic loss, mean softplus(-D(G(z)))   (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake_scores).mean()


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Logistic loss, mean softplus(D(G(z))) + mean softplus(-D(x))   (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(fake_scores).mean() + F.softplus(-real_scores).mean()


def r1_penalty(real_scores: Tensor, reals: Tensor) -> Tensor:
    """R1 = 1/2 E ||grad_x D(x)||^2 at real images   (Mescheder et al. 2018, eq. 9), to be weighed by gamma.

    Args:
        real_scores: D(reals), with the graph to `reals`.
        reals: (N, 3, H, W), requires_grad.

    Returns:
        A scalar that can be differentiated with respect to D's parameters.
    """
    (gradient,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()
