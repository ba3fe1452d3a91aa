"""The values of a request's JSON object, each checked for its type and range."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlcourse.errors import UserError

MOST_TEXT = 200  # characters of a text


class Fields:
    """A JSON object from the page. Its methods raise UserError, "NAME must be ..., got ...", for any other value."""

    def __init__(self, values: Mapping[str, Any]):
        self.values = values

    @classmethod
    def of(cls, content: bytes) -> "Fields":
        """Read a request's body; UserError unless it is a JSON object."""
        try:
            values = json.loads(content or b"{}")
        except (ValueError, RecursionError):
            raise UserError("the request is not JSON") from None
        if not isinstance(values, dict):
            raise UserError("the request must be a JSON object")
        return cls(values)

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number in [low, high]."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise refused(name, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise refused(name, f"a whole number from {low} to {high}", value)
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """A text that must be one of these words."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or value not in choices:
            raise refused(name, f"one of {', '.join(choices)}", value)
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A value that must be true or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise refused(name, "true or false", value)
        return value

    def text(self, name: str, default: str | None = None, most: int = MOST_TEXT) -> str:
        """A text of at most `most` characters."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or len(value) > most:
            raise refused(name, f"a text of at most {most} characters", value)
        return value

    def part(self, name: str) -> "Fields":
        """An object inside this one."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise refused(name, "an object", value)
        return Fields(value)

    def parts(self, name: str, most: int) -> list["Fields"]:
        """A list of at most `most` objects; none if it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > most or not all(isinstance(one, dict) for one in value):
            raise refused(name, f"a list of at most {most} objects", value)
        return [Fields(one) for one in value]

    def numbers(self, name: str, low: float, high: float, most: int) -> list[float]:
        """A list of at most `most` finite numbers in [low, high]; none if it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise refused(name, f"a list of at most {most} numbers", value)
        return [Fields({name: one}).number(name, low, high) for one in value]

    def rows(self, name: str, low: float, high: float, most: int, longest: int) -> list[list[float]]:
        """A list of at most `most` lists as of `numbers`; none if it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise refused(name, f"a list of at most {most} lists", value)
        return [Fields({name: row}).numbers(name, low, high, longest) for row in value]

    def wholes(self, name: str, low: int, high: int, most: int) -> list[int]:
        """A list of at most `most` whole numbers in [low, high]; none if it is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise refused(name, f"a list of at most {most} whole numbers", value)
        return [Fields({name: one}).whole(name, low, high) for one in value]


def refused(name: str, wanted: str, value: Any) -> UserError:
    """The error for a value that is not `wanted`."""
    shown = "nothing" if value is None else repr(value)[:60]
    return UserError(f"{name} must be {wanted}, got {shown}")


def plain(number: float) -> float | int:
    """A number as it is typed: 1 instead of 1.0, and at most six digits."""
    rounded = float(f"{number:.6g}")
    return int(rounded) if math.isfinite(rounded) and rounded == int(rounded) else rounded
