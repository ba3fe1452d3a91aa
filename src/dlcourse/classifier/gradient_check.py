"""Compares autograd's gradient with central differences, tensor by tensor.

    d^_i = (J(theta + eps e_i) - J(theta - eps e_i)) / (2 eps)        relative error = |d^ - d| / (|d^| + |d|)

J is the whole objective with its penalties, in float64: there the truncation error, eps^2 J''' / 6, and the rounding
error, about 1e-16 |J| / eps, are both near 1e-11 at eps = 1e-5. Across a kink of J (a ReLU that switches, another
maximum of a pooling, |w| at 0) the difference is not the gradient; such entries are detected by the values of J alone,
and left out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcourse.classifier.task import Classification, scratch_copy
from dlcourse.errors import UserError, check_at_least, check_positive

Objective = Callable[[], Tensor]  # J at the current parameters; deterministic

FINE, SUSPICIOUS = 1e-7, 1e-5  # largest relative errors of these verdicts


@dataclass(frozen=True)
class GradientComparison:
    """Autograd's gradient of one tensor compared with the numerical one, over the checked entries."""

    name: str
    checked: int  # entries
    skipped: int  # entries with a kink of J within epsilon
    norm: float  # |d|, of autograd's gradient
    difference: float  # |d^ - d|
    error: float  # the relative error; 0 if both gradients are 0
    rounding: float  # the |d^ - d| that rounding alone can cause

    def verdict(self) -> str:
        """fine, suspicious or wrong; unchecked if all entries were skipped."""
        if not self.checked:
            return "unchecked"
        if self.error <= FINE or self.difference <= self.rounding:
            return "fine"
        return "suspicious" if self.error <= SUSPICIOUS else "wrong"


@dataclass(frozen=True)
class GradientCheck:
    """Checks every trained tensor of a classifier on one training batch, with augmentation and dropout drawn once.

    The noise is needed because biases start at zero, where a unit with zero inputs lies exactly on its kink.
    """

    epsilon: float  # half the distance of the two points, > 0
    after_updates: int  # steps of training before the check, >= 0
    max_entries: int  # of each tensor, >= 1; larger tensors are sampled
    jitter: float  # standard deviation of Gaussian noise on the biases and the parameters of norms, >= 0
    seed: int  # of the training, the noise, the augmentation, the dropout and the choice of entries

    def __post_init__(self) -> None:
        check_positive(epsilon=self.epsilon)
        check_at_least(0, after_updates=self.after_updates, jitter=self.jitter)
        check_at_least(1, max_entries=self.max_entries)

    def __call__(self, task: Classification) -> list[GradientComparison]:
        """Check a copy of a task that is set up; UserError if its device has no float64, or J is not finite."""
        if task.device.type == "mps":
            raise UserError("device=mps has no float64, which a gradient check needs; use device=cpu")
        with scratch_copy(task, self.seed) as copy:
            for _ in range(self.after_updates):
                copy.step()
            copy.model.double()
            with torch.no_grad():
                for parameter in copy.model.parameters():
                    if parameter.ndim < 2:
                        parameter.add_(self.jitter * torch.randn_like(parameter))
            inputs, labels = next(copy.batches)
            inputs = copy.dataset.augment(inputs)

            def objective() -> Tensor:
                torch.manual_seed(self.seed)  # every call drops the same units
                return copy.losses(inputs, labels)["loss"]

            parameters = {name: value for name, value in copy.model.named_parameters() if value.requires_grad}
            return compare_gradients(objective, parameters, self.epsilon, self.max_entries, self.seed)


def compare_gradients(
    objective: Objective, parameters: Mapping[str, Tensor], epsilon: float, max_entries: int, seed: int
) -> list[GradientComparison]:
    """Check the gradients of the objective in the `parameters`, float64; UserError if the objective is not finite."""
    generator = torch.Generator().manual_seed(seed)
    value = objective()
    if not value.isfinite():
        raise UserError(f"the objective is {value.item()}: it has no gradient to check")
    gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    found = []
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        entries = torch.randperm(parameter.numel(), generator=generator)[:max_entries].tolist()
        analytic = torch.zeros_like(parameter) if gradient is None else gradient
        slopes = [central_difference(objective, parameter.view(-1), entry, epsilon, value.item()) for entry in entries]
        numerical = torch.tensor(slopes, dtype=torch.float64)
        found.append(comparison(name, analytic.flatten()[entries].cpu(), numerical, rounding_of(value.item(), epsilon)))
    return found


@torch.no_grad()
def central_difference(objective: Objective, values: Tensor, entry: int, epsilon: float, here: float) -> float:
    """dJ/dtheta for theta = values[entry], one entry of a flattened parameter; NaN if there is a kink within epsilon.

    `here` is J at theta. If J is smooth, half the step gives the same slope, and one-sided slopes that differ by half
    as much: their difference is eps J''. A kink at a distance t < eps from theta, with a jump s of the slope, violates
    the first rule by s min(t, eps - t) / (2 eps), and the second by s (eps - t) / eps, or by s |3 t - eps| / eps for
    t < eps / 2. At every t, at least one of these is not zero.
    """
    theta = values[entry].item()
    found = []
    for share in (1.0, -1.0, 0.5, -0.5):
        values[entry] = theta + share * epsilon
        found.append(objective().item())
    values[entry] = theta
    above, below, half_above, half_below = found
    slope, half_slope = (above - below) / (2 * epsilon), (half_above - half_below) / epsilon
    bend, half_bend = (above - 2 * here + below) / epsilon, (half_above - 2 * here + half_below) / (epsilon / 2)
    is_smooth = max(abs(slope - half_slope), abs(bend - 2 * half_bend)) <= 5 * rounding_of(here, epsilon)
    return slope if is_smooth else math.nan


def rounding_of(value: float, epsilon: float) -> float:
    """The error that rounding can cause in a difference quotient of an objective with this value."""
    return 10 * torch.finfo(torch.float64).eps * max(1.0, abs(value)) / epsilon


def comparison(name: str, analytic: Tensor, numerical: Tensor, rounding: float) -> GradientComparison:
    """Compare two gradients of the same entries, float64 (N,); NaN entries of `numerical` are skipped."""
    smooth = ~numerical.isnan()
    d, estimate = analytic[smooth], numerical[smooth]
    norm, difference, total = d.norm().item(), (estimate - d).norm().item(), (estimate.norm() + d.norm()).item()
    error = difference / total if total else 0.0
    return GradientComparison(name, len(d), len(analytic) - len(d), norm, difference, error, rounding * len(d) ** 0.5)


def gradient_table(comparisons: Sequence[GradientComparison]) -> list[str]:
    """A header, and a line of text for each tensor."""
    width = max(len(comparison.name) for comparison in comparisons)
    lines = [f"{'tensor':<{width}}  checked  skipped  |gradient|  relative error  verdict"]
    for one in comparisons:
        numbers = f"{one.checked:7}  {one.skipped:7}  {one.norm:10.2e}  {one.error:14.1e}"
        lines.append(f"{one.name:<{width}}  {numbers}  {one.verdict()}")
    return lines


def check_agreement(comparisons: Sequence[GradientComparison]) -> None:
    """Raise UserError with the names of tensors whose gradient is wrong, or could not be checked."""
    if wrong := [comparison.name for comparison in comparisons if comparison.verdict() == "wrong"]:
        raise UserError(f"wrong gradient of {', '.join(wrong)}")
    if unchecked := [comparison.name for comparison in comparisons if comparison.verdict() == "unchecked"]:
        raise UserError(
            f"{', '.join(unchecked)}: not checked, every entry has a kink within epsilon; "
            "try a smaller epsilon, or fewer samples (task.batch_size=8)"
        )
