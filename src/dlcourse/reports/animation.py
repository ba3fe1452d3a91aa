"""A run's images in sequence, as an animated GIF or WebP or as a video."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from dlcourse.errors import UserError
from dlcourse.images.animation import save_animation, writer_for
from dlcourse.images.files import load_image, stated_size
from dlcourse.images.tables import captioned

IMAGE = re.compile(r"(.+)_(\d+)\.png")  # images/<name>_<step>.png, as RunLogger writes them
LARGEST = 4096  # pixels per side of a frame
HOLD = 2.0  # additional seconds for the last image
SHORTEST = 0.04  # seconds per image; many viewers slow down anything faster


def images_of(run_dir: Path, name: str | None) -> tuple[str, dict[int, Path]]:
    """The images of the kind `name` (None: of the only kind): the name, and step -> file in the order of the steps.

    Raises:
        UserError: no run, no images, none of this kind, or several kinds and no name.
    """
    if not run_dir.is_dir():
        raise UserError(f"{run_dir}: no such run folder")
    kinds = kinds_of(run_dir)
    if not kinds:
        raise UserError(f"{run_dir}: no images (no images/<name>_<step>.png in it)")
    if name is None and len(kinds) > 1:
        raise UserError(f"{run_dir}: several kinds of images; say which: {', '.join(sorted(kinds))}")
    chosen = name or next(iter(kinds))
    if chosen not in kinds:
        raise UserError(f"{run_dir}: no images called {chosen}; there are {', '.join(sorted(kinds))}")
    return chosen, kinds[chosen]


def kinds_of(run_dir: Path) -> dict[str, dict[int, Path]]:
    """The images of a run: name -> step -> file, in the order of names and steps."""
    kinds: dict[str, dict[int, Path]] = {}
    for path in (run_dir / "images").glob("*.png"):
        if match := IMAGE.fullmatch(path.name):
            kinds.setdefault(match[1], {})[int(match[2])] = path
    return {name: dict(sorted(files.items())) for name, files in sorted(kinds.items())}


class RunImage:
    """Stands for a Pillow image in a table, but is read only when it is drawn. UserError for a broken file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.size = stated_size(path)
        except ValueError as error:
            raise UserError(str(error)) from error

    def copy(self) -> Image.Image:
        return load_image(self.path)


def thin_out(steps: Sequence[int], most: int) -> list[int]:
    """At most `most` of the steps, evenly spaced, with the first and the last."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(index * (len(steps) - 1) / (most - 1))] for index in range(most)]


def write_animation(images: dict[int, Path], output: Path, seconds: float) -> None:
    """Write the images as an animation, atomically, with the step below each.

    If there are more images than `seconds` can show, some are left out; images larger than 4096 pixels are reduced.

    Args:
        images: step -> file, at least one.
        output: the file to write, in the format of its suffix, one of WRITERS; its folder is created if need be.
        seconds: from the first image to the last one, which then stays for two more, in (0, 600].

    Raises:
        UserError: another suffix, seconds out of range, a broken image, or a file that cannot be written.
    """
    writer_for(output)  # raises an error before the images are read
    if not 0 < seconds <= 600:
        raise UserError(f"--seconds must be in (0, 600], got {seconds:g}")
    steps = thin_out(list(images), most=max(2, int(seconds / SHORTEST)))
    sizes = [RunImage(images[step]).size for step in steps]
    size = max(width for width, _ in sizes), max(height for _, height in sizes)
    size = min(LARGEST, size[0]), min(LARGEST, size[1])
    digits = len(str(steps[-1]))
    frames = (captioned(fitted(load_image(images[step]), size), f"step {step:>{digits}}", size) for step in steps)
    duration = round(1000 * max(SHORTEST, seconds / len(steps)))
    durations = [duration] * (len(steps) - 1) + [duration + round(1000 * HOLD)]
    save_animation(frames, durations, output)


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An image no larger than (width, height)."""
    if image.width <= size[0] and image.height <= size[1]:
        return image
    return ImageOps.contain(image, size, Image.Resampling.LANCZOS)
