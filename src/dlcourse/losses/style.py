"""The terms of neural style transfer (Gatys, Ecker, Bethge 2016, arXiv:1508.06576)."""

from torch import Tensor
from torch.nn import functional as F


def gram(features: Tensor) -> Tensor:
    """G_ij = sum_k F_ik F_jk (eq. 3), divided by C*H*W, per picture: (N, C, H, W) -> (N, C, C)."""
    n, c, h, w = features.shape
    flat = features.float().reshape(n, c, h * w)
    return flat @ flat.mT / (c * h * w)


def mean_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """mean (F - P)^2: the mean where eq. 1 and eq. 4 have sums and factors of their own."""
    return F.mse_loss(features.float(), target.float())


def relative_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """sum (F - P)^2 / sum P^2: layers of any scale count alike. 0 for equal inputs, 1 for F = 0."""
    difference = features.float() - target.float()
    return difference.square().sum() / target.float().square().sum()


def range_penalty(image: Tensor) -> Tensor:
    """mean (relu(x - 1)^2 + relu(-x)^2): how far pixels leave [0, 1].

    A soft wall keeps L-BFGS's picture of the curvature true; clamping inside the closure would move the point
    behind its back.
    """
    return (image - image.clamp(0, 1)).square().mean()
