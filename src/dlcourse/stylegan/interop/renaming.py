"""From the variables of another implementation to ours, by a table."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.stylegan.networks.layers import GAIN
from dlcourse.stylegan.networks.synthesis import FIRST_FLIPPED_RESOLUTION

Weights = dict[str, Tensor]


def same(value: Tensor) -> Tensor:
    return value


class Rule(NamedTuple):
    """One line of a table.

    Attributes:
        pattern: a regular expression for whole names.
        name: our name from the match; None drops the variable.
        change: the value from theirs.
    """

    pattern: str
    name: Callable[[re.Match[str]], str] | None
    change: Callable[[Tensor], Tensor] = same


def rename(variables: Mapping[str, Any], rules: Sequence[Rule]) -> tuple[Weights, list[str]]:
    """Our weights in float32, and the names that no rule knows.

    Raises:
        UserError: a variable that is no tensor, or whose shape a rule does not expect.
    """
    weights: Weights = {}
    unknown = []
    for theirs, value in variables.items():
        rule, match = find(theirs, rules)
        if rule is None or match is None:
            unknown.append(theirs)
        elif rule.name is not None:
            if not isinstance(value, Tensor) or not value.is_floating_point():
                raise UserError(f"its {theirs} holds no numbers")
            try:
                weights[rule.name(match)] = rule.change(value.detach().float()).contiguous().clone()
            except (RuntimeError, IndexError, ValueError) as error:
                raise UserError(f"its {theirs} has the shape {tuple(value.shape)}, which does not fit") from error
    return weights, unknown


def find(name: str, rules: Sequence[Rule]) -> tuple[Rule | None, re.Match[str] | None]:
    """The first rule for a name, and how it matches."""
    for rule in rules:
        match = re.fullmatch(rule.pattern, name)
        if match:
            return rule, match
    return None, None


def single_number(value: Any) -> float | None:
    """The number in a tensor of one; None for anything else."""
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else None


def starting_with(prefix: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables with a prefix, without it."""
    return {name[len(prefix) :]: value for name, value in variables.items() if name.startswith(prefix)}


def is_variables(content: Any) -> bool:
    """Whether something is name -> value, and no name has a number of five digits, as no layer or resolution has."""
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and not re.search(r"\d{5}", name) for name in content
    )


def without_module(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Names without the prefix that DataParallel puts before all of them."""
    is_prefixed = bool(variables) and all(name.startswith("module.") for name in variables)
    return starting_with("module.", variables) if is_prefixed else dict(variables)


def blocks_above(variables: Mapping[str, Any], pattern: str) -> int:
    """The largest number that the group of `pattern` takes in the names; 0 if none fits."""
    return max((int(match[1]) for match in map(re.compile(pattern).fullmatch, variables) if match), default=0)


def synthesis_layer(index: int) -> str:
    """Our name of layer 0, 1, ... of the synthesis network, two for each resolution from 4x4."""
    resolution = 4 * 2 ** (index // 2)
    kind = ("const", "conv")[index % 2] if index < 2 else ("conv0_up", "conv1")[index % 2]
    return f"synthesis.{resolution}x{resolution}.{kind}"


def with_flipped_kernels(weights: Weights, are_turned: bool) -> Weights:
    """Kernels of all upscaling layers flipped by 180 degrees, or none -> flipped from 128x128 on, as ours are."""
    changed = dict(weights)
    for name, kernel in weights.items():
        match = re.fullmatch(r"synthesis\.(\d+)x\d+\.conv0_up\.weight", name)
        if match and are_turned != (int(match[1]) >= FIRST_FLIPPED_RESOLUTION):
            changed[name] = kernel.flip(2, 3)
    return changed


def times_gain(weight: Tensor) -> Tensor:
    """Weights of a layer whose gain is sqrt(2), where ours is 1."""
    return weight * GAIN


def around_zero(bias: Tensor) -> Tensor:
    """A style's bias, (2 C), whose scale is around 1: ours is around 0."""
    scale, shift = bias.chunk(2)
    return torch.cat([scale - 1, shift])


def as_rows(kernel: Tensor) -> Tensor:
    """A 4x4 kernel over a 4x4 plane as the linear layer it is: (C', C, 4, 4) -> (C', 16 C)."""
    return kernel.flatten(1)


def with_zero_const_bias(weights: Weights) -> Weights:
    """The bias of the learned constant, where a graph has none."""
    const = weights.get("synthesis.4x4.const.const")
    return weights if const is None else weights | {"synthesis.4x4.const.bias": torch.zeros(const.shape[1])}
