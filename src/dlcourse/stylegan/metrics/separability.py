"""Linear separability of attributes in a latent space. Letters: N images, D dimensions, C classes."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

L2 = 1e-3  # of the linear model's weights, per sample
ITERATIONS = 100


class Separability(NamedTuple):
    """How much of the attributes a linear model of the latents leaves open.

    Attributes:
        score: exp(sum_i H(Y_i | X_i)), 1 at best   (Karras et al. 2019, section 4.2).
        entropy_left: sum_i H(Y_i | X_i) / sum_i H(Y_i), in about [0, 1]. The score is low also where all images have
            the same attributes, as those of an untrained generator; this share is not.
    """

    score: float
    entropy_left: float


def separability(latents: Tensor, labels: Mapping[str, tuple[Tensor, Tensor]]) -> Separability:
    """Linear separability of all attributes at once.

    Y_i is what the attribute network says of an image, X_i what a linear model guesses from its latent. Of each
    attribute only the surer half of the images counts. The linear model is a multinomial logistic regression
    where the paper has an SVM: it serves attributes of many classes too, and is fitted by L-BFGS. It is fitted on every
    other image and judged on the rest, so that it cannot gain by learning few images by heart.

    Args:
        latents: z or w, (N, D).
        labels: attribute -> (classes (N) int64, confidence (N)), at least one.

    Raises:
        ValueError: fewer than 8 images.
    """
    if len(latents) < 8:
        raise ValueError(f"separability needs at least 8 images, got {len(latents)}")
    left, whole = (sum(terms) for terms in zip(*(entropies(latents, *one) for one in labels.values()), strict=True))
    return Separability(math.exp(left), left / whole if whole else 0.0)


def entropies(latents: Tensor, classes: Tensor, confidence: Tensor) -> tuple[float, float]:
    """H(Y | X) and H(Y) in nats of one attribute, on the surer half of the images, every other of which teaches."""
    sure = confidence.argsort(descending=True, stable=True)[: len(classes) // 2].sort().values
    x, y = latents[sure].double().cpu(), classes[sure].cpu()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-12)
    weight, bias = logistic_regression(x[::2], y[::2], int(y.max()) + 1)
    guesses = F.linear(x[1::2], weight, bias).argmax(1)
    return conditional_entropy(guesses, y[1::2]), conditional_entropy(torch.zeros_like(guesses), y[1::2])


def logistic_regression(x: Tensor, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Minimise cross-entropy + L2 / 2 |W|^2, (N, D), (N) -> W (C, D), b (C)."""
    weight = torch.zeros(num_classes, x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = F.cross_entropy(F.linear(x, weight, bias), y) + L2 / 2 * weight.square().sum()
            loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def conditional_entropy(x: Tensor, y: Tensor) -> float:
    """H(Y | X) = -sum_xy p(x, y) ln p(y | x) of classes (N), (N)."""
    size = int(torch.stack([x, y]).max()) + 1
    joint = (x * size + y).bincount(minlength=size**2).reshape(size, size).double() / len(x)
    given = joint / joint.sum(1, keepdim=True).clamp(min=1e-300)
    return float(-(joint * given.clamp(min=1e-300).log()).sum())
