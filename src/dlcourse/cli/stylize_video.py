"""`dlcourse stylize A.mp4 STYLE B.mp4`: every frame of a video, one after the other."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.errors import UserError
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from PIL import Image

    from dlcourse.style_transfer.painter import Painter

BETWEEN = 10.0  # seconds between lines that say how far it is


def is_video(content: object) -> bool:
    """Whether the value of `content` is a video and not a folder."""
    from dlcourse.images import video_files

    return isinstance(content, str) and video_files.is_video(content) and not Path(content).is_dir()


def count_frames(content: str) -> int:
    """The number of frames, after all have been read; UserError for a broken video, or without PyAV."""
    from dlcourse.images import video_files

    try:
        return video_files.count_frames(Path(content))
    except ValueError as error:
        raise UserError(f"content={error}") from error


def paint_video(painter: "Painter", content: str, style: str | list[str], output: Path, count: int) -> None:
    """Paint the `count` frames of a video, write them as another one, and tell the flicker."""
    from dlcourse.images.tensors import resize, to_tensor
    from dlcourse.images.video_files import repaint
    from dlcourse.style_transfer.painter import FramePainter
    from dlcourse.style_transfer.video import Flicker, flicker_line

    paint_frame, of_frames, of_images = FramePainter(painter, style), Flicker(), Flicker()
    start = told = time.perf_counter()

    def paint(frame: "Image.Image") -> "Image.Image":
        nonlocal told
        image = paint_frame(frame)
        of_frames.add(to_tensor(resize(frame, [*image.size])))
        of_images.add(to_tensor(image))
        if time.perf_counter() - told > BETWEEN:
            told = time.perf_counter()
            say(f"{of_images.count}/{count} frames, {told - start:.0f} s", file=sys.stderr)
        return image

    try:
        repaint(Path(content), output, paint)
    except ValueError as error:
        raise UserError(f"content={error}") from error
    except OSError as error:
        raise UserError(f"output={output}: cannot be written ({error.strerror})") from error
    say(flicker_line(of_frames.mean(), of_images.mean()))
    say(f"{output}: {of_images.count} frames, {time.perf_counter() - start:.1f} s")
