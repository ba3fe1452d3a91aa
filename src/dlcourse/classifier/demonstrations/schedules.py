"""The learning rate over the updates, for each schedule."""

import math

import torch
from torch import Tensor

from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.engine import schedules
from dlcourse.images.figures import COLORS, new_figure, to_image

NUM_UPDATES = 1000
EVALUATE_EVERY = 50  # updates between two measurements of the dev loss
COLUMNS = 4
SHOWN = (0, 100, 500, 999)  # updates whose factors are printed


def examples() -> dict[str, schedules.Schedule]:
    """New schedules of all kinds (some have a state), with values that show their shapes within NUM_UPDATES."""
    return {
        "constant": schedules.Constant(),
        "hyperbolic": schedules.Hyperbolic(decay_rate=0.01, period=1),
        "exponential": schedules.Exponential(gamma=0.995, period=1),
        "staircase": schedules.Exponential(gamma=0.5, period=200),
        "inverse square root": schedules.InverseSqrt(k=1.0, period=20),
        "cosine": schedules.Cosine(total_updates=NUM_UPDATES, floor=0.0),
        "one cycle": schedules.OneCycle(total_updates=NUM_UPDATES, warmup=0.3, start=0.04, end=1e-4),
        "plateau": schedules.Plateau(factor=0.5, patience=2, threshold=0.01),
    }


def dev_loss(updates: int) -> float:
    """An invented dev loss that falls for 400 updates and then stays constant, for the plateau schedule."""
    return math.exp(-min(updates, 400) / 200)


def factors(schedule: schedules.Schedule) -> Tensor:
    """The factors on the learning rate, float64 (NUM_UPDATES,)."""
    found = []
    for updates in range(NUM_UPDATES):
        if updates % EVALUATE_EVERY == 0:
            schedule.observe(dev_loss(updates))
        found.append(schedule(updates))
    return torch.tensor(found, dtype=torch.float64)


def demonstrate() -> Demonstration:
    """One panel and one line per schedule."""
    figure = new_figure(13, 6.5)
    lines = [f"factor after {', '.join(map(str, SHOWN))} updates"]
    found = {name: factors(schedule) for name, schedule in examples().items()}
    for index, (name, values) in enumerate(found.items()):
        axes = figure.add_subplot(math.ceil(len(found) / COLUMNS), COLUMNS, 1 + index, title=name)
        axes.plot(values, color=COLORS[2])
        axes.fill_between(range(NUM_UPDATES), values, color=COLORS[2], alpha=0.15, linewidth=0)
        axes.set(ylim=(0, 1.08), xlabel="update", ylabel="lr / lr₀")
        axes.grid(alpha=0.3)
        lines.append(f"{name:<19}  {', '.join(f'{values[updates]:.3f}' for updates in SHOWN)}")
    axes.plot([dev_loss(updates) for updates in range(NUM_UPDATES)], color=COLORS[0], linestyle=":")
    axes.text(420, 0.16, "dev loss", color=COLORS[0])
    figure.tight_layout()
    return Demonstration(to_image(figure), lines)
