"""A run's pictures one after the other, as an animated GIF."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dlcourse.errors import UserError
from dlcourse.picture_files import open_picture, whole_file

PICTURE = re.compile(r"(.+)_(\d+)\.png")  # images/<name>_<step>.png, as the logbook writes them
HOLD = 2.0  # seconds that the last picture stays longer
SHORTEST = 0.04  # seconds per picture; viewers show shorter ones for longer


def pictures_of(run_dir: Path, name: str | None) -> tuple[str, dict[int, Path]]:
    """The pictures of one kind: its name, and step -> file in the order of the steps.

    Args:
        run_dir: a run's folder.
        name: which kind; None is the only one.

    Raises:
        UserError: no run, no pictures, none of this kind, or several kinds and no name.
    """
    if not run_dir.is_dir():
        raise UserError(f"{run_dir}: no such run folder")
    kinds: dict[str, dict[int, Path]] = {}
    for path in (run_dir / "images").glob("*.png"):
        if match := PICTURE.fullmatch(path.name):
            kinds.setdefault(match[1], {})[int(match[2])] = path
    if not kinds:
        raise UserError(f"{run_dir}: no pictures (no images/<name>_<step>.png in it)")
    if name is None and len(kinds) > 1:
        raise UserError(f"{run_dir}: several kinds of pictures; say which: {', '.join(sorted(kinds))}")
    chosen = name or next(iter(kinds))
    if chosen not in kinds:
        raise UserError(f"{run_dir}: no pictures called {chosen}; there are {', '.join(sorted(kinds))}")
    return chosen, dict(sorted(kinds[chosen].items()))


def thin_out(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of the steps, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(index * (len(steps) - 1) / (most - 1))] for index in range(most)]


def captioned(picture: Image.Image, caption: str, size: tuple[int, int]) -> Image.Image:
    """An RGB picture of (width, height) `size`, with the picture at the top and a line of text beneath."""
    width, height = size
    font_size = max(12, width // 30)
    strip = round(1.8 * font_size)
    frame = Image.new("RGB", (width, height + strip), "white")
    frame.paste(picture, ((width - picture.width) // 2, 0))
    position = (width / 2, height + strip / 2)
    ImageDraw.Draw(frame).text(position, caption, "black", ImageFont.load_default(font_size), anchor="mm")
    return frame


def animate(pictures: dict[int, Path], output: Path, seconds: float) -> None:
    """Write the pictures as a GIF that repeats for ever, atomically; the step stands beneath each.

    Every frame has a palette of its own, so that its 256 colours are its own ones. If there are more pictures than
    `seconds` can show, some are left out.

    Args:
        pictures: step -> file, at least one.
        output: the file to write; its folder is created if need be.
        seconds: from the first picture to the last one, which then stays for a while, > 0.

    Raises:
        UserError: seconds out of range, a broken picture, or a file that cannot be written.
    """
    if not 0 < seconds <= 600:
        raise UserError(f"--seconds must be in (0, 600], got {seconds:g}")
    steps = thin_out(list(pictures), most=max(2, int(seconds / SHORTEST)))
    try:
        opened = {step: open_picture(pictures[step]) for step in steps}
    except ValueError as error:
        raise UserError(str(error)) from error
    size = max(picture.width for picture in opened.values()), max(picture.height for picture in opened.values())
    digits = len(str(steps[-1]))
    frames = [captioned(picture, f"step {step:>{digits}}", size).quantize(256) for step, picture in opened.items()]
    duration = round(1000 * max(SHORTEST, seconds / len(frames)))
    durations = [duration] * (len(frames) - 1) + [duration + round(1000 * HOLD)]
    try:
        write_gif(frames, durations, output)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})") from error


def write_gif(frames: Sequence[Image.Image], durations: Sequence[int], output: Path) -> None:
    """Write frames with palettes, shown for so many milliseconds each, as a whole file or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    first, *others = frames
    with whole_file(output) as temporary:
        first.save(temporary, "GIF", save_all=True, append_images=others, duration=list(durations), loop=0)
