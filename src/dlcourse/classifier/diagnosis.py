"""Diagnosis of a classifier: bias and variance, the worst samples, the weights, the calibration."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ADVICE = {
    (False, False): ("bias and variance are both low", "nothing to mend; measure on the test set"),
    (True, False): ("high bias (underfitting)", "a larger network, longer training, another architecture"),
    (False, True): ("high variance (overfitting)", "more data, regularization, another architecture"),
    (True, True): (
        "high bias and high variance",
        "first the bias: a larger network, longer training; then the variance: more data, regularization",
    ),
}


@dataclass(frozen=True)
class Diagnosis:
    """Bias and variance, which of them are high, and what to do."""

    avoidable_bias: float
    variance: float
    verdict: str
    advice: str


def diagnose(train_error: float, dev_error: float, bayes_error: float, tolerance: float) -> Diagnosis:
    """Avoidable bias = train error - Bayes error; variance = dev error - train error   (Ng 2018, chapters 20 to 22).

    Errors are shares of wrong answers, in [0, 1]; a bias or variance above `tolerance` is high.
    """
    bias, variance = train_error - bayes_error, dev_error - train_error
    verdict, advice = ADVICE[bias > tolerance, variance > tolerance]
    return Diagnosis(bias, variance, verdict, advice)


def top_losses(logits: Tensor, labels: Tensor, count: int) -> list[tuple[int, int, int, float]]:
    """The samples with the highest cross-entropy: (index, true class, predicted class, loss), worst first."""
    losses = F.cross_entropy(logits, labels, reduction="none")
    predicted = logits.argmax(1)
    worst = losses.argsort(descending=True)[:count].tolist()
    return [(index, int(labels[index]), int(predicted[index]), float(losses[index])) for index in worst]


def weight_norms(model: nn.Module) -> list[tuple[str, int, float, float]]:
    """For each weight matrix or kernel: (name, number of weights, sum of squares, share of |w| < 0.001)."""
    return [
        (name, w.numel(), float(w.detach().double().square().sum()), float((w.abs() < 1e-3).float().mean()))
        for name, w in model.named_parameters()
        if w.ndim > 1
    ]


def calibration_error(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> float:
    """Expected calibration error: the mean over bins, weighted by their size, of |accuracy - mean confidence|.

    (Guo et al. 2017, eq. 3.) Shape: (N, C), (N,).
    """
    confidence, predicted = probabilities.max(1)
    is_right = (predicted == labels).float()
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    gaps = torch.zeros(num_bins, device=confidence.device).index_add(0, bins, is_right - confidence)
    return float(gaps.abs().sum() / len(labels))
