"""The learning-rate range test (Smith 2017, section 3.3): a short training whose rate rises until the loss diverges."""

import math
from dataclasses import dataclass, field

from torch import Tensor

from dlcourse.classifier.task import Classification, scratch_copy
from dlcourse.engine.schedules import Exponential
from dlcourse.errors import UserError, check_at_least
from dlcourse.images.figures import COLORS, new_figure, to_image

BETA = 0.9  # of the moving average of the losses
SETTLED = round(1 / (1 - BETA))  # updates that the average spans; earlier averages depend on few mini-batches
LEAST_STEPS = 5 * SETTLED
DIVERGED = 4.0  # times the lowest average


@dataclass
class RangeCurve:
    """The loss of each update, as the learning rate rises."""

    lrs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # before each update
    averages: list[float] = field(default_factory=list)  # v_t / (1 - beta^t), v_t = beta v_{t-1} + (1 - beta) loss_t
    diverged: bool = False  # before the highest rate was reached

    def append(self, lr: float, loss: float) -> None:
        """Add an update."""
        count = len(self.losses)
        before = self.averages[-1] * (1 - BETA**count) if count else 0.0
        self.lrs.append(lr)
        self.losses.append(loss)
        self.averages.append((BETA * before + (1 - BETA) * loss) / (1 - BETA ** (count + 1)))

    def lowest(self) -> int:
        """The update with the lowest average."""
        return self.averages.index(min(self.averages))

    def suggestion(self) -> float:
        """A tenth of the rate at which the average is lowest: a rate where the loss still falls."""
        return self.lrs[self.lowest()] / 10

    def steepest(self) -> float:
        """The rate at which the average falls fastest over log(rate); it varies more than the suggestion."""
        middles = range(2 * SETTLED, self.lowest() - SETTLED + 1)
        # over many updates, because a single mini-batch can make any step steep
        falls = {t: self.averages[t - SETTLED] - self.averages[t + SETTLED] for t in middles}
        return self.lrs[max(falls, key=lambda t: falls[t], default=self.lowest())]

    def doubt(self) -> str | None:
        """Why the suggestion may be wrong, or None."""
        if self.lowest() < SETTLED:
            return f"the loss rises from the start; try a lower low than {self.lrs[0]:g}"
        if not self.diverged and self.lowest() >= len(self.averages) - SETTLED:
            return f"the loss still falls at the end; try a higher high than {self.lrs[-1]:g}"
        return None


@dataclass(frozen=True)
class RangeTest:
    """Trains with lr_t = low (high / low)^(t / (steps - 1)), t = 0, 1, ..., until the loss diverges."""

    low: float  # > 0
    high: float  # > low
    steps: int  # updates, >= 50
    seed: int  # of the random numbers of the updates

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"low must be positive and below high, got low={self.low} and high={self.high}")
        check_at_least(LEAST_STEPS, steps=self.steps)

    def __call__(self, task: Classification) -> RangeCurve:
        """Test a copy of a task that is set up, from its current state; UserError if its first loss is not finite."""
        curve = RangeCurve()
        with scratch_copy(task, self.seed) as copy:
            descent = copy.descent
            descent.base_lrs = [self.low for _ in descent.base_lrs]
            descent.schedule = Exponential(gamma=(self.high / self.low) ** (1 / (self.steps - 1)), period=1)
            descent.updates = 0
            while len(curve.lrs) < self.steps and not curve.diverged:
                loss = float(copy.step()["train/loss"])
                if math.isfinite(loss):
                    curve.append(descent.lr(), loss)
                curve.diverged = not math.isfinite(loss) or curve.averages[-1] > DIVERGED * min(curve.averages)
        if not curve.losses:
            raise UserError("the loss is no number before the first update: there is nothing to test")
        return curve


def draw_range_curve(curve: RangeCurve) -> Tensor:
    """Loss over learning rate with the suggestion and the steepest point, an image (1, 3, H, W) in [0, 1]."""
    figure = new_figure(7, 4.5)
    axes = figure.add_subplot()
    axes.plot(curve.lrs, curve.losses, color="silver", linewidth=1, label="loss of the mini-batch")
    axes.plot(curve.lrs, curve.averages, color="black", label="moving average")
    points = {"suggestion, minimum / 10": curve.suggestion(), "steepest point": curve.steepest()}
    for (name, lr), color in zip(points.items(), COLORS[1:], strict=False):
        axes.axvline(lr, color=color, linestyle="--", label=f"{name}: {lr:.2g}")
    highest, lowest = max(curve.averages[: curve.lowest() + 1]), min(curve.averages)
    span = highest - lowest or abs(highest)  # of what it fell, if it did
    axes.set_ylim(lowest - 0.5 * span, highest + 0.5 * span)  # cuts off the divergence, which would flatten the rest
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss", title="Learning-rate range test")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")
    figure.tight_layout()
    return to_image(figure)
