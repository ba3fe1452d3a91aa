"""Paint an image or a video in the style of an image in seconds, by a trained network."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dlcourse.cli import command_line, handover, stylize_video
from dlcourse.cli.memory_told import memory_told
from dlcourse.engine.nodes import in_yaml
from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.files.missing import is_folder
from dlcourse.files.terminal import printable, say

if TYPE_CHECKING:
    from PIL import Image

    from dlcourse.style_transfer.painter import Painter

READS = ("painter", "content", "style", "output", "device", "precision")
SHEET_SIZE = 512  # pixels on the longer side of the images of a sheet, if `size` does not say
LONGEST = 100  # bytes of the names that a default output is made of


@memory_told("a smaller size")
def stylize(cfg: DictConfig) -> None:
    """Look at everything that the config names, then paint."""
    config = command_line.plain(cfg)
    film = stylize_video.is_video(config["content"])
    contents = [] if film else images_in("content", config["content"])
    styles = images_in("style", config["style"])
    if styles and film:
        raise UserError(
            f"style={config['style']}: is a folder; a video is painted in one style, or in a mean of several"
        )
    if styles and contents:
        raise UserError(f"content={config['content']} and style={config['style']}: only one of them may be a folder")
    output = output_of(config, ".mp4" if film else "" if contents else ".png")
    if film:
        handover.check_new(output, suffixes=[".mp4"])
        count = stylize_video.count_frames(config["content"])
        stylize_video.paint_video(painter_of(config), config["content"], config["style"], output, count)
        return
    if contents:
        check_folder(output, Path(config["content"]))
        paint_folder(painter_of(config), results_of(contents, output), config["style"])
        return
    handover.check_new(output)
    if styles:
        from dlcourse.style_transfer.named_images import longest_side

        size = config["size"] or min(SHEET_SIZE, longest_side(config["content"]))
        paint_sheet(painter_of(config, size=size), config["content"], styles, output)
        return
    painter = painter_of(config)
    size = painter.size_for(config["content"])
    handover.check_sides(output, *(size if isinstance(size, list) else [size]))
    paint(painter, config["content"], config["style"], output)


def images_in(key: str, value: Any) -> list[Path]:
    """The images in the folder that a key names; none for images, which are checked; UserError if there are none."""
    from dlcourse.images.files import SUFFIXES
    from dlcourse.style_transfer.demo_images import IMAGES
    from dlcourse.style_transfer.frames import images_of
    from dlcourse.style_transfer.named_images import check_named

    paths = value if isinstance(value, list) else [value]
    if isinstance(value, str) and value not in IMAGES and is_folder(value):
        if found := images_of(Path(value)):
            return found
        raise UserError(f"{key}={value}: no images in it ({', '.join(sorted(SUFFIXES))})")
    if not paths or not all(isinstance(path, str) for path in paths) or (key == "content" and len(paths) > 1):
        raise UserError(f"{key} must be the path of an image or a folder, got {in_yaml(value)}")
    for path in paths:
        try:
            check_named(key, path)
        except ValueError as error:
            raise UserError(str(error)) from error
    return []


def output_of(config: dict[str, Any], suffix: str) -> Path:
    """`output`, or a name made of those of content and style; nothing has it yet, unless it is a folder (no suffix)."""
    if config["output"] is not None:
        return Path(config["output"])
    styles = config["style"] if isinstance(config["style"], list) else [config["style"]]
    names = [Path(path).stem or Path(path).resolve().name for path in (config["content"], *styles)]
    name = "_".join(names).encode()[:LONGEST].decode(errors="ignore")
    numbered = outputs.with_numbers(Path(f"{name}{suffix}"))
    return next(one for one in numbered if not suffix or not os.path.lexists(one))


def check_folder(output: Path, contents: Path) -> None:
    """Raise UserError unless images can be written to the folder `output`, another one than that of the contents."""
    from dlcourse.images.files import WRITERS

    if output.suffix.lower() in WRITERS:
        raise UserError(f"output={output}: the results of content={contents}, a folder, need a folder")
    outputs.check_folder(output, f"output={output}", "image.png")
    if output.resolve() == contents.resolve():
        raise UserError(f"output={output}: is the contents' own folder; choose another one")


def results_of(contents: Iterable[Path], output: Path) -> dict[Path, Path]:
    """Content -> NAME.png in the folder of results; of a.jpg and a.png, a.jpg.png and a.png.png."""
    names = {path: path.stem for path in contents}
    while shared := {name for name, count in Counter(names.values()).items() if count > 1}:
        names = {path: path.name if name in shared else name for path, name in names.items()}
    return {path: output / f"{name}.png" for path, name in names.items()}


def painter_of(config: dict[str, Any], **changes: Any) -> "Painter":
    """The painter of the config, some keys changed, on its device."""
    import torch

    from dlcourse.engine.build import build
    from dlcourse.engine.device import autocast, find_device, set_precision
    from dlcourse.engine.memory import keep_freed_memory

    try:
        device = find_device(config["device"])
        autocast(device, config["precision"])
    except ValueError as error:
        raise UserError(str(error)) from error
    set_precision(device, config["precision"])
    keep_freed_memory()  # every image allocates the same again
    torch.backends.cudnn.deterministic = True  # the same command gives the same image on a GPU, too
    painter: Painter = build(config["painter"] | changes, "painter")
    return painter.to(device, config["precision"])


def paint(painter: "Painter", content: str, style: str | list[str], output: Path) -> None:
    """Paint one image, write it and say so."""
    from dlcourse.images.files import save_new_image

    start = time.perf_counter()
    image = painted(painter, content, style)
    output = save_new_image(image, output)
    say(f"{output}: {image.width} x {image.height} pixels, {time.perf_counter() - start:.1f} s")


def painted(painter: "Painter", content: str, style: str | list[str]) -> "Image.Image":
    """A painted image; UserError for one that cannot be read."""
    try:
        return painter(content, style)
    except ValueError as error:
        raise UserError(str(error)) from error


def paint_folder(painter: "Painter", results: dict[Path, Path], style: str | list[str]) -> None:
    """Paint the images of a folder that have no result yet."""
    missing = {content: result for content, result in results.items() if not os.path.lexists(result)}
    if len(missing) < len(results):
        skipped = f"skipped {len(results) - len(missing)} of {len(results)} images, whose results are there"
        say(f"{skipped}; for others, with other settings, choose another output", file=sys.stderr)
    each("content", missing, lambda content: paint(painter, str(content), style, missing[content]))


def paint_sheet(painter: "Painter", content: str, styles: list[Path], output: Path) -> None:
    """Paint the content in each style, and arrange the results, labelled, in rows."""
    from dlcourse.images.files import save_new_image
    from dlcourse.images.srgb import to_rgb
    from dlcourse.images.tables import Cell, Table, draw_tables, unique
    from dlcourse.reports.sheet import broken
    from dlcourse.style_transfer.named_images import read_image

    start = time.perf_counter()
    names = dict(zip(styles, unique([printable(path.stem) for path in styles]), strict=True))
    cells: Table[Cell] = {}

    def add(style: Path) -> None:
        cells["", names[style]] = to_rgb(painted(painter, content, str(style)))

    def write() -> None:
        height = max(16, max(cell.size[1] for cell in cells.values()))
        table: Table[Cell] = {("", "content"): read_image("content", content), **cells}
        sheet = draw_tables(broken(table), height)
        written = save_new_image(sheet, output)
        say(f"{written}: {sheet.width} x {sheet.height} pixels, {time.perf_counter() - start:.1f} s")

    each("style", styles, add, write)


def each(
    key: str, paths: Iterable[Path], do: Callable[[Path], None], finish: Callable[[], None] = lambda: None
) -> None:
    """Do something with the image at each path, naming those that cannot be read, then finish if there is a result.

    UserError at the end if any could not, and at once for a mistake that is not of the image that `key` names.
    """
    paths, failed = list(paths), 0
    for path in paths:
        try:
            do(path)
        except UserError as error:
            if not str(error).startswith(f"{key}={path}:"):
                raise
            failed += 1
            say(f"skipped {error}", file=sys.stderr)
    if failed < len(paths):
        finish()
    if failed:
        raise UserError(f"{failed} of {len(paths)} images could not be painted; they are named above")


def main() -> None:
    command_line.command("stylize", stylize, READS)
