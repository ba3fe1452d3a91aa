"""From the variables of another implementation to ours, by a table."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dlcourse.errors import UserError

Weights = dict[str, Tensor]


def same(value: Tensor) -> Tensor:
    """The value as it is."""
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
            except (RuntimeError, IndexError) as error:
                raise UserError(f"its {theirs} has the shape {tuple(value.shape)}, which does not fit") from error
    return weights, unknown


def find(name: str, rules: Sequence[Rule]) -> tuple[Rule | None, re.Match[str] | None]:
    """The first rule for a name, and how it matches."""
    for rule in rules:
        match = re.fullmatch(rule.pattern, name)
        if match:
            return rule, match
    return None, None


def starting_with(prefix: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables with a prefix, without it."""
    return {name[len(prefix) :]: value for name, value in variables.items() if name.startswith(prefix)}


def is_variables(content: Any) -> bool:
    """Whether something is name -> value."""
    return isinstance(content, Mapping) and all(isinstance(name, str) for name in content)


def repeat_first_style(bias: Tensor) -> Tensor:
    """A style bias around 1 for the scale, (2 C): ours is around 0."""
    scale, shift = bias.chunk(2)
    return torch.cat([scale - 1, shift])
