"""A run's pictures one after the other, as an animated GIF or WebP or as a video."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dlcourse.errors import UserError
from dlcourse.picture_files import open_picture, whole_file

PICTURE = re.compile(r"(.+)_(\d+)\.png")  # images/<name>_<step>.png, as the logbook writes them
HOLD = 2.0  # seconds that the last picture stays longer
BT709, LIMITED = 1, 1  # of ITU-T H.273: its number of BT.709; H.264's levels 16 to 235, as FFmpeg numbers them
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


def opened(path: Path) -> Image.Image:
    """A run's picture, RGB; a broken file is a UserError."""
    try:
        return open_picture(path)
    except ValueError as error:
        raise UserError(str(error)) from error


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
    """Write the pictures as an animation, atomically; the step stands beneath each.

    If there are more pictures than `seconds` can show, some are left out.

    Args:
        pictures: step -> file, at least one.
        output: the file to write, in the format of its suffix, one of WRITERS; its folder is created if need be.
        seconds: from the first picture to the last one, which then stays for a while, > 0.

    Raises:
        UserError: another suffix, seconds out of range, a broken picture, or a file that cannot be written.
    """
    write = WRITERS.get(output.suffix.lower())
    if write is None:
        raise UserError(f"{output}: the name of an animation must end in one of {', '.join(WRITERS)}")
    if not 0 < seconds <= 600:
        raise UserError(f"--seconds must be in (0, 600], got {seconds:g}")
    steps = thin_out(list(pictures), most=max(2, int(seconds / SHORTEST)))
    shown = [opened(pictures[step]) for step in steps]
    size = max(picture.width for picture in shown), max(picture.height for picture in shown)
    digits = len(str(steps[-1]))
    frames = [captioned(picture, f"step {step:>{digits}}", size) for step, picture in zip(steps, shown, strict=True)]
    duration = round(1000 * max(SHORTEST, seconds / len(frames)))
    durations = [duration] * (len(frames) - 1) + [duration + round(1000 * HOLD)]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(output) as temporary:
            write(frames, durations, temporary)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})") from error


def write_gif(frames: Sequence[Image.Image], durations: Sequence[int], path: Path) -> None:
    """A GIF that repeats for ever; each frame has a palette of its own, so that its 256 colours are its own ones."""
    first, *others = [frame.quantize(256) for frame in frames]
    first.save(path, "GIF", save_all=True, append_images=others, duration=list(durations), loop=0)


def write_webp(frames: Sequence[Image.Image], durations: Sequence[int], path: Path) -> None:
    """A WebP that repeats for ever, in all colours and a fraction of a GIF's size."""
    first, *others = frames
    first.save(path, "WEBP", save_all=True, append_images=others, duration=list(durations), loop=0, quality=90)


def write_mp4(frames: Sequence[Image.Image], durations: Sequence[int], path: Path) -> None:
    """An H.264 video that every player and browser shows: yuv420p by BT.709, an even size (white is added).

    All frames of a video stay equally long, so one that stays longer is repeated.
    """
    try:
        import av  # here: only those who want videos need it
    except ImportError:
        raise UserError("an .mp4 needs PyAV, which is not installed: pip install 'dlcourse[video]'") from None
    width, height = (side + side % 2 for side in frames[0].size)
    repeats = [max(1, round(duration / durations[0])) for duration in durations]
    shown = [frame for frame, count in zip(frames, repeats, strict=True) for _ in range(count)]
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, durations[0]), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        tags = stream.codec_context  # without them players guess, by the size
        tags.colorspace = tags.color_primaries = tags.color_trc = BT709
        tags.color_range = LIMITED
        for number, picture in enumerate(shown):
            even = Image.new("RGB", (width, height), "white")
            even.paste(picture)
            frame = av.VideoFrame.from_image(even).reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = number, Fraction(durations[0], 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# suffix -> what writes frames, RGB and of equal size, shown for so many milliseconds each, to a path of any name
WRITERS: dict[str, Callable[[Sequence[Image.Image], Sequence[int], Path], None]] = {
    ".gif": write_gif,
    ".webp": write_webp,
    ".mp4": write_mp4,
}
