"""The terms of neural style transfer: statistics of features, distances between them, and penalties on pixels.

Shapes: N images, C channels, H x W positions, M = H*W. A mask is (1, 1, H', W'), at least as large as the features,
with values >= 0, not all 0.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.nn.adain import at_least_float32

ROUNDING = 1e-12  # features are about 1, so a mean square below this is rounding error


def weighted(features: Tensor, mask: Tensor | None) -> Tensor:
    """sqrt(m) F with the mask m, averaged down to the size of F and scaled to mean 1: (N, C, H, W).

    Means of products are then weighted by the mask, as in the guided Gram matrices of Gatys et al. 2017, eq. 3:
    sum_k m_k F_ik F_jk / sum_k m_k, which does not depend on the mask's area.
    """
    if mask is None:
        return features
    mask = F.adaptive_avg_pool2d(mask, features.shape[-2:])  # type: ignore[arg-type]
    return features * (mask / mask.mean()).sqrt()


def gram(features: Tensor, mask: Tensor | None, normalization: str) -> Tensor:
    """G_ij = sum_k F_ik F_jk (Gatys et al. 2016, eq. 3), per image: (N, C, H, W) -> (N, C, C).

    `normalization` is what G is divided by: "chw" C*H*W (the PyTorch tutorial), "hw" H*W (a mean over positions),
    "none" 1 (the paper). A mean squared distance with "hw" is C^2 times that with "chw"; a quarter of it is the paper's
    E_l = sum (G - A)^2 / (4 C^2 M^2) (eq. 4). Half precision becomes float32.
    """
    _, c, h, w = features.shape
    divisors = {"chw": c * h * w, "hw": h * w, "none": 1}
    if normalization not in divisors:
        raise ValueError(f"normalization must be one of {', '.join(divisors)}, got {normalization!r}")
    flat = weighted(features, mask).flatten(2)  # (N, C, M)
    return SelfProduct.apply(flat) / divisors[normalization]  # F F^T, (N, C, C)


def moments(features: Tensor, mask: Tensor | None) -> Tensor:
    """Mean and second moments in one matrix: E [F; 1] [F; 1]^T, (N, C, H, W) -> (N, C + 1, C + 1).

    The last column is the mean. The average of such matrices is the matrix of all their images together.
    """
    ones = features.new_ones(features.shape[0], 1, *features.shape[2:])
    return gram(torch.cat([features, ones], 1), mask, "hw")


def unchanged(features: Tensor, mask: Tensor | None) -> Tensor:
    """The features themselves as the statistic: a style image of the content's size then acts as a second content."""
    return weighted(features, mask)


def mean_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """mean (F - P)^2; Gatys et al. 2016, eq. 1 and 4, have sums and other factors. ValueError for unequal shapes."""
    if features.shape != target.shape:
        raise ValueError(f"{list(features.shape)} cannot be compared with {list(target.shape)}: sizes must be equal")
    return F.mse_loss(at_least_float32(features), at_least_float32(target))


def relative_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """sum (F - P)^2 / sum P^2, whatever the scale of the layer: 0 for equal inputs, 1 for F = 0.

    Where P is 0 up to rounding, it is the mean of (F - P)^2.
    """
    difference, target = at_least_float32(features) - target, at_least_float32(target)
    energy = target.square().sum()
    return difference.square().sum() / energy.where(energy > ROUNDING * target.numel(), target.numel())


def wasserstein2(statistics: Tensor, target: Tensor, eps: float) -> Tensor:
    """Squared 2-Wasserstein distance of the Gaussians with these `moments`, divided by C.

    W^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S2^1/2 S1 S2^1/2)^1/2)   (Dowson & Landau 1982)

    With S2 = R R^T, the trace of the root is the sum of the square roots of the eigenvalues of R^T S1 R. Its gradient,
    1/2 R (R^T S1 R)^-1/2 R^T, is exact and needs no matrix square root.

    `eps` > 0 is added to the diagonal of both covariances. The result is a scalar >= 0; NaN if a statistic is not
    finite, because eigenvalues cannot be computed then.
    """
    if not (statistics.isfinite().all() and target.isfinite().all()):
        return (statistics * torch.nan).sum()
    (mean1, cov1), (mean2, cov2) = gaussian(statistics, eps), gaussian(target, eps)
    with torch.no_grad():
        values, vectors = torch.linalg.eigh(cov2)
        root = vectors * values.clamp(min=eps).sqrt()[:, None, :]
    eigenvalues = torch.linalg.eigvalsh(root.mT @ cov1 @ root)
    cross = eigenvalues.clamp(min=eps**2).sqrt().sum(-1)  # exact eigenvalues are >= eps^2
    traces = (cov1 + cov2).diagonal(dim1=-2, dim2=-1).sum(-1)
    squared = (mean1 - mean2).square().sum(-1) + traces - 2 * cross
    return squared.clamp(min=0).mean() / mean1.shape[-1]  # negative only by rounding


def gaussian(statistics: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Mean (N, C) and covariance + eps I (N, C, C) from `moments`; the subtraction needs float64."""
    statistics = statistics.double()
    mean = statistics[:, :-1, -1]
    covariance = statistics[:, :-1, :-1] - mean[:, :, None] * mean[:, None, :]
    return mean, covariance + eps * torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)


def total_variation(image: Tensor) -> Tensor:
    """mean (x_i+1,j - x_ij)^2 + mean (x_i,j+1 - x_ij)^2, squared as in Mahendran & Vedaldi 2015, eq. 4 with beta 2."""
    differences = [image.diff(dim=dim) for dim in (-2, -1) if image.shape[dim] > 1]  # a mean over none would be NaN
    return sum((difference.square().mean() for difference in differences), start=image.new_zeros(()))


def range_penalty(image: Tensor) -> Tensor:
    """mean (relu(x - 1)^2 + relu(-x)^2): how far pixels leave [0, 1].

    Clamping inside the closure instead would move the image between L-BFGS's evaluations and spoil its estimate of
    the curvature.
    """
    return (image - image.clamp(0, 1)).square().mean()


class SelfProduct(torch.autograd.Function):
    """X X^T for `gram`, faster than `x @ x.mT`: its gradient (dG + dG^T) X is one matrix product; autograd takes two.

    The product is at least float32, because sums over all positions need the precision. The gradient has the precision
    and the memory layout of X.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """(N, C, M) -> (N, C, C)."""
        ctx.save_for_backward(x)
        with torch.autocast(x.device.type, enabled=False):
            wide = at_least_float32(x)
            return wide @ wide.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """(N, C, C) -> (N, C, M)."""
        (x,), (gradient,) = ctx.saved_tensors, gradients
        both = (gradient + gradient.mT).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            has_channels_last = x.stride(1) == 1
            return (x.mT @ both).mT if has_channels_last else both @ x
