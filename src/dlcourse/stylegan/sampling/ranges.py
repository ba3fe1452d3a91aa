"""Ranges of layers: coarse, middle and fine."""

from dlcourse.errors import UserError

Ranges = dict[str, list[int] | None]  # a user's: name -> [first, behind the last]; None is the default of that name


def default_ranges(num_layers: int) -> dict[str, list[int]]:
    """Coarse is 4x4 and 8x8, middle 16x16 and 32x32, fine the rest   (Karras et al. 2019, section 3.1).

    Of 18 layers these are 0-3, 4-7 and 8-17. Generators below 64x64 have no such fine layers: there the finest
    resolution is fine, the one below it middle, and the rest coarse.
    """
    middle = min(8, num_layers - 2)
    coarse = min(4, max(1, middle - 2))
    return {"coarse": [0, coarse], "middle": [coarse, middle], "fine": [middle, num_layers]}


def check_ranges(ranges: Ranges) -> None:
    """Raise ValueError for ranges that fit no generator."""
    for name, limits in ranges.items():
        if limits is not None and (len(limits) != 2 or not 0 <= limits[0] <= limits[1]):
            raise ValueError(f"ranges.{name} must be [first layer, layer behind the last], such as [0,4], got {limits}")


def find_range(name: str, ranges: Ranges, num_layers: int) -> list[int]:
    """The limits of "all" layers, of one of the user's ranges, or of one of `default_ranges`.

    UserError for another name, or if one of the user's ranges ends beyond the generator's layers.
    """
    own = {title: limits for title, limits in ranges.items() if limits is not None}
    for title, (first, last) in own.items():
        if last > num_layers:
            raise UserError(f"ranges.{title}=[{first},{last}]: this generator has layers 0 to {num_layers - 1}")
    found = {"all": [0, num_layers]} | default_ranges(num_layers) | own
    if name not in found:
        raise UserError(f"there is no range {name!r}; there are {', '.join(found)}")
    return found[name]


def describe_range(limits: list[int]) -> str:
    """A range in words: "layers 4-7 (16x16 to 32x32)"."""
    first, last = limits[0], limits[1] - 1
    if last < first:
        return "no layers"
    low, high = (2 ** (layer // 2 + 2) for layer in (first, last))
    sizes = f"{low}x{low}" if low == high else f"{low}x{low} to {high}x{high}"
    return f"layer {first} ({sizes})" if first == last else f"layers {first}-{last} ({sizes})"
