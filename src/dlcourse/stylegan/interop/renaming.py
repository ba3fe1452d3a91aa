"""Tables of rules that rename the variables of another implementation to ours."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.stylegan.networks.layers import GAIN, block_name
from dlcourse.stylegan.networks.synthesis import FIRST_FLIPPED_RESOLUTION

Weights = dict[str, Tensor]
Change = Callable[[Tensor], Tensor]


def same(value: Tensor) -> Tensor:
    return value


class Rule(NamedTuple):
    """One line of a table."""

    pattern: str  # a regular expression for whole names
    name: Callable[[re.Match[str]], str] | None  # the match -> our name; None drops the variable
    change: Change = same  # their value -> ours


def layer_rules(
    prefix: str, name: Callable[[re.Match[str]], str], weight: Change = same, bias: Change = same
) -> list[Rule]:
    """The rules for the weight and the bias of a layer, which these ports call `weight_orig` and `bias`."""
    return [
        Rule(prefix + "weight_orig", lambda m: name(m) + ".weight", weight),
        Rule(prefix + "bias", lambda m: name(m) + ".bias", bias),
    ]


def style_rules(prefix: str) -> list[Rule]:
    """`layer_rules` for the styles of a layer; the two groups of `prefix` are those of `styled_layer`."""
    return layer_rules(prefix, lambda m: styled_layer(m[1], m[2]) + ".style_mod", times_gain, around_zero)


def rename(variables: Mapping[str, Any], rules: Sequence[Rule]) -> tuple[Weights, list[str]]:
    """Our weights in float32, and the names that no rule matches; UserError for values that a rule cannot take."""
    weights: Weights = {}
    unknown = []
    for theirs, value in variables.items():
        found = [(rule, match) for rule in rules if (match := re.fullmatch(rule.pattern, theirs))]
        if not found:
            unknown.append(theirs)
            continue
        (_, name, change), match = found[0]
        if name is None:
            continue
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise UserError(f"its {theirs} holds no numbers")
        try:
            weights[name(match)] = change(value.detach().float()).contiguous().clone()
        except (RuntimeError, IndexError, ValueError) as error:
            raise UserError(f"its {theirs} has the shape {tuple(value.shape)}, which does not fit") from error
    return weights, unknown


def single_number(value: Any) -> float | None:
    """The value of a tensor with one element; None for anything else."""
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else None


def starting_with(prefix: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables whose names have a prefix, which is removed."""
    return {name[len(prefix) :]: value for name, value in variables.items() if name.startswith(prefix)}


def is_variables(content: Any) -> bool:
    """Whether this maps names to values. No layer or resolution has five digits, so no name may have."""
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and not re.search(r"\d{5}", name) for name in content
    )


def without_module(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables without the prefix that DataParallel puts before all names."""
    is_prefixed = bool(variables) and all(name.startswith("module.") for name in variables)
    return starting_with("module.", variables) if is_prefixed else dict(variables)


def blocks_above(variables: Mapping[str, Any], pattern: str) -> int:
    """The largest number that the group of `pattern` matches in any name; 0 if no name matches."""
    return max((int(match[1]) for match in map(re.compile(pattern).fullmatch, variables) if match), default=0)


def synthesis_layer(index: int) -> str:
    """Our name of layer 0, 1, ... of the synthesis network, two for each resolution from 4x4."""
    kinds = ("const", "conv") if index < 2 else ("conv0_up", "conv1")
    return f"synthesis.{block_name(index // 2 + 2)}.{kinds[index % 2]}"


def styled_layer(block: str, index: str) -> str:
    """Our name of layer 1 or 2 of block b, which has resolution 4 * 2^b."""
    return synthesis_layer(2 * int(block) + int(index) - 1)


def with_flipped_kernels(weights: Weights, are_flipped: bool) -> Weights:
    """Weights where the kernels of all upscaling layers, or none, are flipped -> flipped from 128x128 on, as ours."""
    changed = dict(weights)
    for name, kernel in weights.items():
        match = re.fullmatch(r"synthesis\.(\d+)x\d+\.conv0_up\.weight", name)
        if match and are_flipped != (int(match[1]) >= FIRST_FLIPPED_RESOLUTION):
            changed[name] = kernel.flip(2, 3)
    return changed


def times_gain(weight: Tensor) -> Tensor:
    """The weight of a layer whose gain is sqrt(2) there and 1 here."""
    return weight * GAIN


def around_zero(bias: Tensor) -> Tensor:
    """A style's bias, (2 C), whose scales are around 1 there and around 0 here."""
    scale, shift = bias.chunk(2)
    return torch.cat([scale - 1, shift])


def as_rows(kernel: Tensor) -> Tensor:
    """A 4x4 convolution of a 4x4 image as a linear layer: (C', C, 4, 4) -> (C', 16 C)."""
    return kernel.flatten(1)


def with_zero_const_bias(weights: Weights) -> Weights:
    """Add the bias of the learned constant, which other graphs do not have."""
    const = weights.get("synthesis.4x4.const.const")
    return weights if const is None else weights | {"synthesis.4x4.const.bias": torch.zeros(const.shape[1])}
