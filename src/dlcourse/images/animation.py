"""Writes animations as GIF, WebP or MP4; a failure leaves no partial file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

MAX_HELD = 2**28  # pixels of all frames of a GIF or WebP, which are held in memory: 256 frames of 1024 x 1024
BT709, LIMITED = 1, 1  # ITU-T H.273's code of BT.709; FFmpeg's code of the range 16 to 235


def save_animation(frames: Iterable[Image.Image], durations: Sequence[int], path: Path) -> None:
    """Write an animation as a whole file or not at all.

    Args:
        frames: RGB, of equal size, at least one; taken one at a time.
        durations: of each, in milliseconds, >= 1; in a video whole multiples of the first one's.
        path: its folder is created if needed; UserError as `writer_for`, or if the file cannot be written.
    """
    write = writer_for(path)
    others = iter(frames)
    first = next(others)
    if write is not write_mp4 and first.width * first.height * len(durations) > MAX_HELD:
        raise UserError(
            f"{path}: {len(durations)} frames of {first.width} x {first.height} pixels are more than fit into memory; "
            "write an .mp4, or fewer or smaller ones"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            write(chain([first], others), durations, temporary)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def writer_for(path: Path) -> "Writer":
    """The function that writes the format of a suffix; UserError for an unknown suffix, or a video without PyAV."""
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise UserError(f"{path}: the name of an animation must end in one of {', '.join(WRITERS)}")
    if write is write_mp4:
        check_pyav("an .mp4")
    return write


def check_pyav(what: str) -> None:
    """Raise UserError, "WHAT needs PyAV ...", unless it is installed."""
    if find_spec("av") is None:
        raise UserError(f"{what} needs PyAV, which is not installed: pip install 'dlcourse[video]'")


def write_gif(frames: Iterator[Image.Image], durations: Sequence[int], path: Path) -> None:
    """A GIF that loops for ever; each frame has its own palette of 256 colours."""
    first, *others = [frame.quantize(256) for frame in frames]
    first.save(path, "GIF", save_all=True, append_images=others, duration=list(durations), loop=0)


def write_webp(frames: Iterator[Image.Image], durations: Sequence[int], path: Path) -> None:
    """A WebP that loops for ever, in all colours and a fraction of a GIF's size."""
    first, *others = frames
    first.save(path, "WEBP", save_all=True, append_images=others, duration=list(durations), loop=0, quality=90)


def write_mp4(frames: Iterator[Image.Image], durations: Sequence[int], path: Path) -> None:
    """A video as of `add_h264`, padded with white to an even size.

    All frames of a video have the same duration, so longer ones are repeated.
    """
    import av  # here because it is an optional dependency

    first = next(frames)
    width, height = (side + side % 2 for side in first.size)
    repeats = [max(1, round(duration / durations[0])) for duration in durations]
    shown = (frame for frame, count in zip(chain([first], frames), repeats, strict=True) for _ in range(count))
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = add_h264(container, (width, height), Fraction(1000, durations[0]))
        for number, image in enumerate(shown):
            even = Image.new("RGB", (width, height), "white")
            even.paste(image)
            frame = video_frame(even)
            frame.pts, frame.time_base = number, Fraction(durations[0], 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def add_h264(container: "OutputContainer", size: tuple[int, int], rate: Fraction) -> "VideoStream":
    """A new stream of H.264 for every player and browser: yuv420p in BT.709; width and height are even."""
    stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    tags = stream.codec_context  # without these tags, players guess the colour space from the size
    tags.colorspace = tags.color_primaries = tags.color_trc = BT709
    tags.color_range = LIMITED
    return stream


def video_frame(image: Image.Image) -> "VideoFrame":
    """A frame of `add_h264`, without a time, of an RGB image."""
    from av import VideoFrame

    frame = VideoFrame.from_image(image)
    return frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


# suffix -> function of (RGB frames of equal size, their durations in ms, path of any name)
Writer = Callable[[Iterator[Image.Image], Sequence[int], Path], None]
WRITERS: dict[str, Writer] = {".gif": write_gif, ".webp": write_webp, ".mp4": write_mp4}
