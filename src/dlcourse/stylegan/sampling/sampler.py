"""What a sampler is, what it returns, and how that is written."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.files import outputs, torch_file
from dlcourse.images import files
from dlcourse.images.animation import WRITERS, save_animation, writer_for
from dlcourse.images.files import save_image
from dlcourse.stylegan.networks.generator import Generator


@dataclass(frozen=True)
class Result:
    """What a sampler draws."""

    image: Image.Image  # the sheet, with titles or a heading
    frames: list[Image.Image] = field(default_factory=list)  # of a repeating animation; RGB, of equal size
    seconds: float = 0.1  # how long each frame is shown
    singles: Mapping[str, Image.Image] = field(default_factory=dict)  # name -> a single image without labels
    found: dict[str, Any] = field(default_factory=dict)  # tensors, such as a w for other samplers to start from


class Sampler(ABC):
    """Draws a labelled image with a generator.

    Samplers take `seeds`, see `parse_seeds`, a `synthesizer`, which draws the images, and some `ranges`, see
    `find_range`. Their constructors raise ValueError for senseless values.
    """

    is_animated = False  # whether its result has frames
    writes_tensors = False  # whether its result has `found`, for a .pt file beside the image

    @abstractmethod
    def __call__(self, generator: Generator) -> Result:
        """Draw the result."""


def check_output(sampler: Sampler, output: Path, singles: bool, inputs: Collection[Path]) -> None:
    """Raise UserError if `save_result` could not write what this sampler makes, or would overwrite one of `inputs`."""
    given = f"output={output}"
    suffixes = dict.fromkeys([*files.WRITERS, *(WRITERS if sampler.is_animated else ())])
    if output.suffix.lower() not in suffixes:
        raise UserError(f"{given}: must end in one of {', '.join(suffixes)}, or be a folder, as in output=A/")
    still, animation = names_of(output, sampler.is_animated)
    written = {still: True, animation: sampler.is_animated, output.with_suffix(".pt"): sampler.writes_tensors}
    for path in (path for path, is_written in written.items() if is_written):
        outputs.check_file(path, given if path == output else f"{given}: {path}")
        if any(path.resolve() == taken.resolve() for taken in inputs):
            raise UserError(f"{given}: {path} is read here and would be overwritten; choose another name")
    if sampler.is_animated:
        writer_for(animation)
    if singles:
        outputs.check_folder(output.with_suffix(""), given)


def names_of(output: Path, is_animated: bool) -> tuple[Path, Path]:
    """The file names of the image and the animation for `output`, which is one of them."""
    if is_animated and output.suffix.lower() in WRITERS:
        return output.with_suffix(".png"), output
    return output, output.with_suffix(".gif")


def save_result(result: Result, output: Path, singles: bool) -> list[Path]:
    """Write the image or the animation to `output`, everything else beside it under the same name.

    `singles` tells whether to write the single images, too, into a folder; spaces in their names become "_". Returns
    the files, `output` first, and that folder. UserError for a file that cannot be written.
    """
    still, animation = names_of(output, bool(result.frames))
    try:
        save_image(result.image, still)
        written = [still]
        if result.frames:
            save_animation(result.frames, [round(1000 * result.seconds)] * len(result.frames), animation)
            written.insert(0 if animation == output else 1, animation)
        if result.found:
            torch_file.save(result.found, output.with_suffix(".pt"))
            written.append(output.with_suffix(".pt"))
        if singles and result.singles:
            folder = output.with_suffix("")
            for name, image in result.singles.items():
                save_image(image, folder / f"{name.replace(' ', '_').replace('/', '_')}.png")
            written.append(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"output={error}") from error
    return written
