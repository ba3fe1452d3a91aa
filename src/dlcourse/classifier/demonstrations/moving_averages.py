"""Averages of a noisy time series: the mean of a window, exponential weights, and bias correction."""

import math
from itertools import accumulate

import torch
from torch import Generator, Tensor

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.images.figures import COLORS, new_figure, to_image

BETAS = (0.5, 0.9, 0.98)
SHOWN_BETA = 0.9  # compared with equal weights
NUM_FIRST = 10  # first days, for a separate error: here the bias is largest
NUM_CLOSE_UP = 40  # days


def temperatures(num_days: int, seed: int) -> tuple[Tensor, Tensor]:
    """The seasonal mean temperature, and that with weather of standard deviation 4 added: °C, float64 (N,).

    The year begins in spring, at 12 °C, so that the bias of an average that starts at 0 is visible.
    """
    day = torch.arange(1, num_days + 1, dtype=torch.float64)
    season = 12 + 10 * (2 * math.pi * day / 365).sin()
    weather = torch.randn(num_days, generator=Generator().manual_seed(seed), dtype=torch.float64)
    return season, season + 4 * weather


def exponential_average(values: Tensor, beta: float) -> Tensor:
    """v_i = beta v_{i-1} + (1 - beta) t_i, v_0 = 0: t_{i-k} has the weight (1 - beta) beta^k; (N,) -> (N,).

    Roughly the mean of the last 1 / (1 - beta) values, but only one number is stored.
    """
    averages = accumulate(values.tolist(), lambda v, t: beta * v + (1 - beta) * t, initial=0.0)
    return torch.tensor(list(averages)[1:], dtype=values.dtype)


def bias_corrected(averages: Tensor, beta: float) -> Tensor:
    """v_i / (1 - beta^i), the sum of the weights up to t_i (Kingma & Ba 2015, sec. 3); (N,) -> (N,)."""
    i = torch.arange(1, len(averages) + 1, dtype=averages.dtype)
    return averages / (1 - beta**i)


def windowed_mean(values: Tensor, window: int) -> Tensor:
    """The mean of the last `window` values, or of all so far if there are fewer; (N,) -> (N,)."""
    recent = [values[max(0, end - window) : end].tolist() for end in range(1, len(values) + 1)]
    return torch.tensor([sum(some) / len(some) for some in recent], dtype=values.dtype)


def window_of(beta: float) -> int:
    """The effective number of values: after 1 / (1 - beta) values, a weight is about 1/e of the newest."""
    return round(1 / (1 - beta))


def rmse(estimates: Tensor, truth: Tensor) -> float:
    return float((estimates - truth).square().mean().sqrt())


def both_errors(estimates: Tensor, truth: Tensor) -> str:
    """The error over all days, and over the first few."""
    return f"{rmse(estimates, truth):.2f} / {rmse(estimates[:NUM_FIRST], truth[:NUM_FIRST]):.2f}"


def demonstrate() -> Demonstration:
    """A year of daily temperatures, smoothed with several betas and compared with the seasonal mean."""
    season, measured = temperatures(365, seed=3)
    lines = [f"RMSE in °C over all days / over the first {NUM_FIRST}: {both_errors(measured, season)} as measured"]
    for beta in BETAS:
        raw = exponential_average(measured, beta)
        corrected = bias_corrected(raw, beta)
        mean = windowed_mean(measured, window_of(beta))
        lines.append(
            f"beta {beta:<4}  {both_errors(raw, season)}, bias-corrected {both_errors(corrected, season)}; "
            f"mean of the last {window_of(beta)} days {both_errors(mean, season)}"
        )
    return Demonstration(draw_averages(season, measured), lines)


def draw_averages(season: Tensor, measured: Tensor) -> Tensor:
    """Above, the whole year; below, exponential and equal weights compared, and the first days; (1, 3, H, W)."""
    figure = new_figure(10, 8)
    year = figure.add_subplot(2, 1, 1, title="bias-corrected exponentially weighted averages")
    window = figure.add_subplot(2, 2, 3, title="exponential and equal weights")
    start = figure.add_subplot(2, 2, 4, title="the first days: dashed without bias correction")
    days = torch.arange(1, len(season) + 1)
    for axes in (year, window, start):
        axes.scatter(days, measured, s=5, color="0.7", label="measured")
        axes.plot(days, season, color="black", linestyle=":", label="season")
        axes.set(xlabel="day", ylabel="°C")
        axes.grid(alpha=0.3)
    for beta, color in zip(BETAS, COLORS, strict=False):
        raw = exponential_average(measured, beta)
        corrected = bias_corrected(raw, beta)
        for axes in (year, start, *([window] if beta == SHOWN_BETA else [])):
            axes.plot(days, corrected, color=color, label=f"β = {beta}")
        start.plot(days, raw, color=color, linestyle="--")
    mean = windowed_mean(measured, window_of(SHOWN_BETA))
    window.plot(days, mean, color=COLORS[4], label=f"mean of {window_of(SHOWN_BETA)} days")
    start.set(xlim=(0, NUM_CLOSE_UP), ylim=(-1, 25))
    for axes in (year, window):
        axes.legend(loc="upper right")
    figure.tight_layout()
    return to_image(figure)
