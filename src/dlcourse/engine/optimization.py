"""Gradient descent with any torch optimizer: all parameters are updated here."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from dlcourse.engine import distributed
from dlcourse.engine.light_optimizers import constant, light_step, make_light
from dlcourse.engine.profiling import span
from dlcourse.engine.schedules import Schedule
from dlcourse.errors import UserError

Metrics = dict[str, Any]  # tag, such as "train/loss" -> a number, or a scalar tensor on the device
MakeOptimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
MOST_SKIPPED = 10  # updates in a row
CURE = "try a smaller optimizer.lr, or precision=fp32"  # for values that are not finite


class NotFinite(Exception):  # noqa: N818  # caught below: the update is skipped
    """A loss or a gradient that is not finite."""


class Descent:
    """Gradient descent on some parameters: theta <- theta - lr(t) * direction(dL/dtheta).

    Every torch optimizer takes a closure: Adam calls it once, L-BFGS as often as it likes, so one `step` serves all.
    Gradients are taken with respect to these parameters alone; a loss that runs through another network leaves that
    network's gradients untouched. Biases and the scales of norms (parameters of less than two dimensions) are exempt
    from weight decay.

    An update whose loss or gradient is not finite is skipped and counted in `skipped`; L-BFGS, whose history may be
    the cause, also restores the parameters from before its last step and starts with an empty history.
    """

    def __init__(self, parameters: Iterable[Tensor], make_optimizer: MakeOptimizer, schedule: Schedule):
        self.make_optimizer, self.schedule = make_optimizer, schedule
        schedule(0)  # one that lacks a length says so before anything is written
        self.updates, self.skipped, self.skipped_in_a_row = 0, 0, 0
        self.restart(parameters)

    def restart(self, parameters: Iterable[Tensor], scale: float = 1.0, lr_factor: float = 1.0) -> None:
        """Continue with a new optimizer on these parameters; the schedule goes on counting.

        The optimizer sees the loss times `scale`, > 0. That changes no minimum, but lifts small losses above the
        absolute thresholds of torch's optimizers (1e-10 in L-BFGS, eps in Adam).
        """
        make_light()
        self.parameters = list(parameters)
        self.optimizer = self.make_optimizer(self.parameters)
        exempt_vectors(self.optimizer)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.scale, self.lr_factor = scale, lr_factor
        self.last_good_params: list[Tensor] = []  # from before the last step of L-BFGS

    def step(self, *loss_fns: Callable[[], Metrics]) -> Metrics:
        """Do one update of the optimizer; return the metrics at the point where the update starts.

        Args:
            loss_fns: the forward pass without the backward pass: they return scalars by name, and "loss" is
                minimized. Several are the equal parts of one minibatch (gradient accumulation), only one of which is
                in memory at a time: the update uses the mean over them, and over all processes.
        """
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr * self.lr_factor * self.schedule(self.updates)
        first: Metrics = {}

        def closure() -> Tensor:
            terms, gradients = self.differentiate(loss_fns)
            if not first:
                first.update(terms)
                if has_overflow(gradients) or not math.isfinite(float(terms["loss"])):
                    raise NotFinite
            return terms["loss"] * self.scale

        try:
            with span("optimizer"):
                self.update(closure)
            self.skipped_in_a_row = 0
        except NotFinite:
            self.skip(first)
        self.updates += 1
        return first

    def update(self, closure: Callable[[], Tensor]) -> None:
        """Call the optimizer's step; NotFinite if L-BFGS leaves parameters that are not finite."""
        is_lbfgs = isinstance(self.optimizer, torch.optim.LBFGS)
        start = [parameter.detach().clone() for parameter in self.parameters] if is_lbfgs else []
        light_step(self.optimizer, closure)
        if is_lbfgs:
            self.last_good_params = start
            if not all(bool(parameter.isfinite().all()) for parameter in self.parameters):
                raise NotFinite

    @torch.no_grad()
    def skip(self, terms: Metrics) -> None:
        """Count and log a skipped update; restore the parameters of L-BFGS. UserError after too many in a row."""
        self.skipped, self.skipped_in_a_row = self.skipped + 1, self.skipped_in_a_row + 1
        wrong = [f"{name} is {float(value)}" for name, value in terms.items() if not math.isfinite(float(value))]
        what = f"update {self.updates + 1}: {', '.join(wrong) or 'the gradient is not finite'}"
        if self.skipped_in_a_row == MOST_SKIPPED:
            raise UserError(f"{what}, {MOST_SKIPPED} times in a row; {CURE}")
        logging.getLogger(__name__).warning(f"{what}; skipped")
        if self.last_good_params:
            for parameter, last_good in zip(self.parameters, self.last_good_params, strict=True):
                parameter.copy_(last_good)
            self.restart(self.parameters, self.scale, self.lr_factor)

    def differentiate(self, loss_fns: Sequence[Callable[[], Metrics]]) -> tuple[Metrics, list[Tensor]]:
        """The terms of the loss and its gradients, means over a minibatch's parts and over all processes.

        The gradients are also in the parameters' `grad`, which is None where the loss does not depend on a parameter.
        """
        totals: Metrics = {}
        for parameter in self.parameters:
            parameter.grad = None
        for loss_fn in loss_fns:
            with span("forward"):
                terms = loss_fn()
            loss = terms["loss"] if self.scale == 1 else terms["loss"] * self.scale
            with span("backward"):
                loss.backward(inputs=self.parameters)  # adds to grad
            terms = {name: value.detach().clone() for name, value in terms.items()}
            totals = {name: totals[name] + value for name, value in terms.items()} if totals else terms
        gradients = self.gradients()
        means = [*totals.values(), *gradients]
        if len(loss_fns) > 1:
            torch._foreach_div_(means, len(loss_fns))
        distributed.average(means)
        return totals, gradients

    def gradients(self) -> list[Tensor]:
        """The gradient of the last update, for every parameter on which the loss depends."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def lr(self) -> float:
        return self.optimizer.param_groups[0]["lr"]

    def gradient_norm(self) -> Tensor:
        """The Euclidean norm of the last gradient, dL/dtheta, over all parameters; not finite if it was skipped."""
        return torch.nn.utils.get_total_norm(self.gradients()) / self.scale

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state and the counters; hyper-parameters are left to the config."""
        return {
            "updates": self.updates,
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
            "last_good_params": self.last_good_params,
            "scale": self.scale,
            "lr_factor": self.lr_factor,
            "optimizer": [self.optimizer.state.get(parameter, {}) for parameter in self.parameters],
            "schedule": self.schedule.state_dict(),
        }

    def checked(self, parameter: Tensor, saved: dict[str, Any], needed: set[str]) -> dict[str, Any]:
        """An optimizer's state for a parameter, which has the `needed` names; ValueError if it is not one.

        UserError if other options were in use.
        """
        if lacking := needed - saved.keys():
            raise UserError(
                f"the optimizer was saved without {min(lacking)}, which the optimizer.* keys of now need, such as "
                "amsgrad or momentum; a resumed run keeps them"
            )
        if not isinstance(self.optimizer, torch.optim.LBFGS):  # whose vectors are of all parameters together
            for name, value in saved.items():
                numel = value.numel() if isinstance(value, Tensor) else 1
                if numel not in (1, parameter.numel()) or isinstance(value, str | list | dict):
                    raise ValueError(f"the optimizer's {name} does not fit a parameter of {parameter.numel()} numbers")
        is_shaped = lambda value: isinstance(value, Tensor) and value.shape == parameter.shape
        return {name: laid_out_like(parameter, value) if is_shaped(value) else value for name, value in saved.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them. Hyper-parameters are not restored: `resume=RUN optimizer.lr=1e-4` uses the new rate."""
        grouped = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        place = {parameter: index for index, parameter in enumerate(grouped)}
        pairs = zip(self.parameters, state_dict["optimizer"], strict=True)
        needed = kept_names(self.make_optimizer, self.parameters[0].device)
        states = {place[parameter]: self.checked(parameter, saved, needed) for parameter, saved in pairs if saved}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        for name in ("updates", "skipped", "skipped_in_a_row", "scale", "lr_factor"):
            setattr(self, name, state_dict[name])
        pairs = zip(self.parameters, state_dict["last_good_params"], strict=False)  # none, or one for each
        self.last_good_params = [saved.to(parameter) for parameter, saved in pairs]
        self.schedule.load_state_dict(state_dict["schedule"])


def kept_names(make_optimizer: MakeOptimizer, device: torch.device) -> set[str]:
    """The names of what an optimizer keeps for a parameter, such as "exp_avg"; its options decide, such as amsgrad."""
    parameter = torch.zeros(1, device=device, requires_grad=True)
    parameter.grad = torch.zeros_like(parameter)
    optimizer = make_optimizer([parameter])
    light_step(optimizer, parameter.sum)
    return set(optimizer.state[parameter])


def laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` with the strides of a parameter, which torch's fused optimizers take for granted on a CPU."""
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def has_overflow(gradients: list[Tensor]) -> bool:
    """Whether gradients on one device hold NaN, infinity or, in float32, a number from 2^64 on: its square overflows.

    Waits for the device.
    """
    if not gradients:
        return False
    device = gradients[0].device
    if device.type not in ("cpu", "cuda"):
        return not math.isfinite(float(torch.stack(torch._foreach_norm(gradients)).sum()))
    found = torch.zeros((), dtype=torch.float32, device=device)
    for factor in (2.0**64, 2.0**-64):  # times a power of 2 and back is exact
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found, constant(factor, device))
    return bool(found.item())


def exempt_vectors(optimizer: torch.optim.Optimizer) -> None:
    """If there is weight decay, move parameters of less than two dimensions to a group without it."""
    (group,) = optimizer.param_groups
    vectors = [parameter for parameter in group["params"] if parameter.ndim < 2]
    if not group.get("weight_decay") or not vectors:
        return
    group["params"] = [parameter for parameter in group["params"] if parameter.ndim >= 2]
    optimizer.add_param_group({**group, "params": vectors, "weight_decay": 0.0})
