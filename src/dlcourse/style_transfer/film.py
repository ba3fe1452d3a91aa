"""Style transfer of a video file: it is taken apart, and its painted frames are put together again."""

import json
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.images.files import load_image, save_image
from dlcourse.images.video_files import is_video, open_video, repaint
from dlcourse.style_transfer.video import digest

MOST_FRAMES = 100_000  # an hour, which takes days to paint


@dataclass(frozen=True)
class Film:
    """A video and the file of its painted frames, which a folder beside it collects until all are painted.

    UserError if that file is no .mp4, is there already or cannot be written.
    """

    source: Path
    output: Path

    def __post_init__(self) -> None:
        given = f"output={self.output}"
        if self.output.suffix.lower() != ".mp4":
            raise UserError(f"{given}: must end in .mp4, because frames={self.source} is a video")
        if os.path.lexists(self.output):
            raise UserError(f"{given}: is there already; choose another name")
        outputs.check_file(self.output, given)
        outputs.check_folder(self.folder, given, "settings.json")

    @property
    def folder(self) -> Path:
        """B_frames for B.mp4, with frames/ and painted/ in it."""
        return self.output.with_name(f"{self.output.stem}_frames")

    @property
    def parts(self) -> dict[str, str]:
        """The folders of frames and painted images, as arguments of `FrameSequence`."""
        return {"frames": str(self.folder / "frames"), "output": str(self.folder / "painted")}

    def take_apart(self) -> None:
        """Write the frames as PNGs and the video's digest, all or nothing, unless they are there.

        UserError for a broken video, one of more than MOST_FRAMES, or frames of another one.
        """
        frames, record = Path(self.parts["frames"]), {"video": digest(self.source)}
        if frames.exists():
            if read(frames / "video.json") != record:
                raise UserError(
                    f"{frames}: is there already, of another video than {self.source}; choose another output"
                )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = frames.with_name(f".frames.{os.getpid()}.{time.time_ns()}.tmp")
        try:
            temporary.mkdir()
            with open_video(self.source) as video:
                for number, image in enumerate(video.images(), 1):
                    if number > MOST_FRAMES:
                        raise ValueError(f"{self.source}: has more than {MOST_FRAMES} frames; cut it")
                    save_image(image, temporary / f"{number:05}.png")
            (temporary / "video.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
            temporary.rename(frames)
        except ValueError as error:
            raise UserError(f"frames={error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()  # if nothing is in it

    def put_together(self, images: Iterable[Path]) -> None:
        """Write the video of the painted images, with the times and the sound of the source."""
        left = iter(images)

        def next_image(_frame: Image.Image) -> Image.Image:
            if (path := next(left, None)) is None:
                raise ValueError(f"{self.source}: has changed since it was taken apart")
            return load_image(path)

        try:
            repaint(self.source, self.output, next_image)
        except ValueError as error:
            raise UserError(f"frames={error}") from error


def film_of(frames: str, output: str) -> Film | None:
    """The film, if `frames` is a video; None for a folder, whose `output` must be a folder, too, or UserError."""
    if is_video(frames) and not Path(frames).is_dir():
        return Film(Path(frames), Path(output))
    if is_video(output) and not Path(output).is_dir():
        raise UserError(f"output={output}: must be a folder, because frames={frames} is one")
    return None


def read(path: Path) -> object:
    """What a small JSON file holds; None if there is none."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(1000))
    except (OSError, ValueError, RecursionError):
        return None
