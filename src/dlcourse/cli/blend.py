"""Make a style transfer weaker, without painting again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dlcourse.cli import command_line, handover
from dlcourse.cli.memory_told import memory_told
from dlcourse.engine.nodes import in_yaml
from dlcourse.engine.run_folder import has_begun
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from PIL import Image

    from dlcourse.style_transfer.dataset import ContentAndStyles

READS = ("run", "result", "luminance", "color", "output")


@memory_told("smaller images")
def blend(cfg: DictConfig) -> None:
    """Read content and result, blend them, and write a new image with the result's transparency."""
    config = command_line.plain(cfg)
    shares = [config["luminance"], config["color"]]
    for key, share in zip(("luminance", "color"), shares, strict=True):
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise UserError(f"{key} must be from 0 (the content) to 1 (the result), got {in_yaml(share)}")
    output = Path(config["output"])
    handover.check_new(output)
    content, result = images_of_run(Path(config["run"])) if config["result"] is None else two_images(config)
    handover.check_sides(output, *result.size)
    import torch

    from dlcourse.images.files import save_new_image
    from dlcourse.images.tensors import to_pil_image, to_tensor
    from dlcourse.style_transfer import colors

    before, after = to_tensor(content.convert("RGB")), to_tensor(result)
    blended = colors.blend(before, after[:3], *shares)  # (3, H, W)
    say(save_new_image(to_pil_image(torch.cat([blended, after[3:]])), output))


def two_images(config: dict[str, Any]) -> "tuple[Image.Image, Image.Image]":
    """The images that the keys `run` and `result` name, the content without transparency and as large as the result.

    UserError for another shape.
    """
    from dlcourse.images.tensors import resize, resized
    from dlcourse.style_transfer.named_images import read_image

    try:
        content, result = read_image("content", config["run"]), read_image("result", config["result"], keep_alpha=True)
    except ValueError as error:
        raise UserError(str(error)) from error
    if resized(content.size, max(result.size)) == result.size:
        content = resize(content, max(result.size))
    check_same_size(config["run"], content.size, config["result"], result.size)
    return content, result


def check_same_size(name: str, size: tuple[int, int], other: str, other_size: tuple[int, int]) -> None:
    """Raise UserError unless two images have the same size."""
    if size != other_size:
        sizes = ["{} x {} pixels".format(*one) for one in (size, other_size)]
        raise UserError(f"{name} has {sizes[0]}, {other} {sizes[1]}; content and result must have one shape")


def images_of_run(run_dir: Path) -> "tuple[Image.Image, Image.Image]":
    """The content of a style transfer, as its task had it, and the last image of its run."""
    if run_dir.is_file():
        raise UserError(f"{run_dir}: a file, not a run; of two images, dlcourse blend CONTENT RESULT")
    if not has_begun(run_dir):
        raise UserError(f"{run_dir}: not a run; give a run's folder or latest, or two images, CONTENT RESULT")
    from dlcourse.engine.build import build
    from dlcourse.images.files import open_image
    from dlcourse.reports.runs import images_of
    from dlcourse.reports.sheet import dataset_of

    config, painted = dataset_of(run_dir), list(images_of(run_dir, "image")[1].values())[-1]
    try:
        result = open_image(painted, keep_alpha=True)
    except ValueError as error:
        raise UserError(str(error)) from error
    # not the config's own size, which may be a stranger's; one number scales, [width, height] is any shape
    size = max(result.size) if type(config.get("content_size")) is int else [*result.size]
    alone: dict[str, Any] = {"style": config.get("content"), "style_weights": None, "style_regions": []}
    alone |= {"style_masks": [], "style_size": 16, "content_size": size}
    dataset: ContentAndStyles = build(config | alone, "dataset", frozenset({config["_target_"]}))
    check_same_size(f"{dataset.labels[0]}, scaled,", dataset.content.size, str(painted), result.size)
    return dataset.content, result


def main() -> None:
    command_line.command("blend", blend, READS)
