"""Images and masks by the path or the built-in name that a user gives."""

import os
from collections.abc import Iterable

from PIL import Image

from dlcourse.errors import MissingFileError
from dlcourse.files.missing import nothing_at
from dlcourse.images.files import check_image, open_image, stated_size
from dlcourse.images.srgb import BACKGROUND
from dlcourse.style_transfer.demo_images import IMAGES, MASKS

NAMED_INITS = ("content", "style", "noise")  # what the task's `init` may be instead of an image


def read_image(
    key: str, path: str, background: tuple[int, int, int] = BACKGROUND, keep_alpha: bool = False
) -> Image.Image:
    """The built-in image called `path`, or the image in that file; error messages name `key`."""
    if path in IMAGES:
        return IMAGES[path]()
    try:
        return open_image(path, background, keep_alpha)
    except ValueError as error:
        raise ValueError(f"{key}={error}") from error


def read_mask(key: str, path: str) -> Image.Image:
    """The built-in mask called `path`, or the image in that file as grey; ValueError if all of it is black."""
    if path in MASKS:
        return MASKS[path]()
    check_named(key, path)
    mask = read_image(key, path).convert("L")
    if mask.getextrema()[1] == 0:
        raise ValueError(f"{key}={path}: is all black; a mask is white where it counts")
    return mask


def check_named(key: str, path: str) -> None:
    """Raise ValueError, as `read_image` and `read_mask` do, unless there is such an image; it is not decoded."""
    if path in IMAGES or path in MASKS:
        return
    if path.isalpha() and not os.path.lexists(path):
        names = listed(MASKS if "mask" in key or "region" in key else IMAGES)
        raise MissingFileError(f"{key}={path}: {nothing_at(path, f'no such file (nor {names})')}")
    if key == "style" and "," in path and not os.path.lexists(path):
        raise MissingFileError(f"{key}={path}: no such file; several are '{key}=[{path}]'")
    check_image(key, path)


def listed(names: Iterable[str]) -> str:
    """a, b or c."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


def longest_side(path: str) -> int:
    """Pixels on the longer side of the image called `path`; ValueError, "content=PATH: reason", for none."""
    check_named("content", path)
    return max(IMAGES[path]().size if path in IMAGES else stated_size(path))


def check_init(key: str, path: str) -> None:
    """`check_named` for the task's `init`."""
    if path not in NAMED_INITS:
        check_named(key, path)
