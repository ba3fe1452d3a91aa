"""What a sampler hands over, and how it reaches the disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from dlcourse import picture_files
from dlcourse.animation_files import WRITERS, save_animation
from dlcourse.errors import UserError
from dlcourse.picture_files import save_picture, whole_file


@dataclass(frozen=True)
class Result:
    """A labelled picture, and whatever else there is.

    Args:
        picture: it explains itself.
        frames: of an animation that repeats; RGB, of equal size.
        seconds: each frame is shown for so long.
        singles: name -> a single picture without labels.
        found: what another sampler can start from, {"w": (L, w_dim), "noise": L tensors}; plain data and tensors.
    """

    picture: Image.Image
    frames: list[Image.Image] = field(default_factory=list)
    seconds: float = 0.1
    singles: Mapping[str, Image.Image] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)


def check_output(output: Path) -> None:
    """Raise UserError, before anything is drawn, for a name that no file of a sampler can have."""
    suffixes = dict.fromkeys([*picture_files.WRITERS, *WRITERS])
    if output.suffix.lower() not in suffixes:
        raise UserError(f"output={output}: must end in one of {', '.join(suffixes)}, or be a folder, as in output=A/")


def save(result: Result, output: Path, singles: bool) -> list[Path]:
    """Write a result: the picture to `output`, everything else beside it under the same name.

    Args:
        result: what to write.
        output: a picture's name; where there are frames also an animation's (.gif, .webp, .mp4), the picture then is
            a .png beside it.
        singles: whether the single pictures are wanted too, in a folder of the same name.

    Returns:
        The files, the one called `output` first; for singles their folder.

    Raises:
        UserError: a name of another kind, or a file that cannot be written.
    """
    named_animation = bool(result.frames) and output.suffix.lower() in WRITERS
    picture = output.with_suffix(".png") if named_animation else output
    try:
        save_picture(result.picture, picture)
        written = [picture]
        if result.frames:
            animation = output if named_animation else output.with_suffix(".gif")
            save_animation(result.frames, [round(1000 * result.seconds)] * len(result.frames), animation)
            written.insert(0 if named_animation else 1, animation)
        if result.found:
            with whole_file(output.with_suffix(".pt")) as temporary:
                torch.save(result.found, temporary)
            written.append(output.with_suffix(".pt"))
        if singles and result.singles:
            folder = output.with_suffix("")
            for name, image in result.singles.items():
                save_picture(image, folder / f"{name}.png")
            written.append(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"output={error}") from error
    return written
