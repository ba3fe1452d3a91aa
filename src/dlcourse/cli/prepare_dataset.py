"""Decode your images for StyleGAN, and look at them."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from dlcourse.cli import command_line
from dlcourse.cli.memory_told import memory_told
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from dlcourse.datasets.contact_sheet import ContactSheet

READS = ("sheet", "dataset", "output")


@memory_told("a smaller dataset.resolution or fewer images")
def prepare_dataset(cfg: DictConfig) -> None:
    """Decode the images into the cache, print a summary, and write the contact sheet."""
    from dlcourse.datasets.image_folder import ImageFolder
    from dlcourse.engine.build import build, locate
    from dlcourse.errors import UserError
    from dlcourse.files import outputs
    from dlcourse.images.files import WRITERS, save_image

    config = command_line.plain(cfg)
    output = Path(config["output"])
    outputs.check_file(output, f"output={output}", WRITERS)
    if locate(config["dataset"]["_target_"], "dataset") is not ImageFolder:
        raise UserError("dataset: there are no files to be prepared; give dataset=image_folder")
    sheet: ContactSheet = build(config["sheet"], "sheet")(build(config["dataset"], "dataset"))
    try:
        for line in sheet.summary():
            say(line)
        save_image(sheet.draw(), output)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    say(output)


def main() -> None:
    command_line.command("prepare_dataset", prepare_dataset, READS)
