"""Ranges of layers: coarse, middle and fine."""

from collections.abc import Mapping

from dlcourse.errors import UserError

Limits = dict[str, list[int]]  # name -> [first, behind the last]
Ranges = dict[str, list[int] | None]  # a user's; None is the default of that name


def default_ranges(num_layers: int) -> Limits:
    """Coarse is 4x4 and 8x8, middle 16x16 and 32x32, fine the rest   (Karras et al. 2019, section 3.1).

    Of 18 layers these are 0-3, 4-7 and 8-17. Generators below 64x64 have no such fine layers: there the finest
    resolution is fine, the one below it middle, and the rest coarse.
    """
    middle = min(8, num_layers - 2)
    coarse = min(4, max(1, middle - 2))
    return {"coarse": [0, coarse], "middle": [coarse, middle], "fine": [middle, num_layers]}


def check_ranges(ranges: Ranges) -> None:
    """Raise ValueError for ranges that fit no generator."""
    for name, limits in given(ranges).items():
        if len(limits) != 2 or not 0 <= limits[0] <= limits[1]:
            raise ValueError(f"ranges.{name} must be [first layer, layer behind the last], such as [0,4], got {limits}")


def given(ranges: Ranges) -> Limits:
    return {name: limits for name, limits in ranges.items() if limits is not None}


def resolve_ranges(ranges: Ranges, num_layers: int) -> Limits:
    """The default ranges, replaced and extended by the user's; UserError for one beyond the generator's layers."""
    own = given(ranges)
    for name, (first, last) in own.items():
        if last > num_layers:
            raise UserError(f"ranges.{name}=[{first},{last}]: this generator has layers 0 to {num_layers - 1}")
    return default_ranges(num_layers) | own


def chosen_range(ranges: Mapping[str, list[int]], name: str) -> list[int]:
    """One of the ranges by its name, or UserError."""
    if name not in ranges:
        raise UserError(f"there is no range {name!r}; there are {', '.join(ranges)}")
    return ranges[name]


def describe_range(limits: list[int]) -> str:
    """A range in words: "layers 4-7 (16x16 to 32x32)"."""
    first, last = limits[0], limits[1] - 1
    if last < first:
        return "no layers"
    low, high = (2 ** (layer // 2 + 2) for layer in (first, last))
    sizes = f"{low}x{low}" if low == high else f"{low}x{low} to {high}x{high}"
    return f"layer {first} ({sizes})" if first == last else f"layers {first}-{last} ({sizes})"
