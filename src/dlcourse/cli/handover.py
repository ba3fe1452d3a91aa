"""`output=C.jpg` of a style transfer: the result where the user wants it, and `strip=true`: beside its inputs."""

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlcourse.engine.nodes import in_yaml
from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.files.terminal import say

STRIP_HEIGHT = 512  # pixels, at most; content and style are read no larger for a sheet, either


def check_output(cfg: DictConfig, overrides: Iterable[str], is_resumed: bool = False) -> None:
    """Raise UserError if `output` cannot be written, or is there already.

    A resumed run that recorded it may find it there, and gets a number then. Of such a run, which may be a stranger's,
    an `output` outside of the current folder counts only if it is typed again; else it is removed from the config.
    """
    output, strip = cfg.get("output"), cfg.get("strip")
    if not isinstance(output, str | None):
        raise UserError(f"output must be the path of a new image, got {in_yaml(output)}")
    if strip not in (None, True, False):
        raise UserError(f"strip must be true or false, got {in_yaml(strip)}")
    if output is None:
        if strip and not is_resumed:
            raise UserError("strip=true: the strip is written beside the result; give output=PATH.jpg as well")
        return
    is_typed = any(word.lstrip("+").startswith("output=") for word in overrides)
    if is_resumed and not is_typed and not Path(output).resolve().is_relative_to(Path.cwd()):
        say(f"output={output}: is not in this folder, and so written only if it is typed again", file=sys.stderr)
        cfg.output = None
        return
    check_new(Path(output), bool(strip), may_exist=is_resumed and not is_typed)
    size = OmegaConf.select(cfg, "dataset.content_size")
    sides = size if OmegaConf.is_list(size) else [size]
    if sides and all(type(side) is int for side in sides):  # else the dataset refuses it
        check_sides(Path(output), *sides)


def check_new(
    output: Path, strip: bool = False, may_exist: bool = False, suffixes: Collection[str] | None = None
) -> None:
    """Raise UserError unless a new image, and perhaps its strip, can be written in a folder that is there.

    With `suffixes`, a file of one of these instead of an image.
    """
    from dlcourse.images.files import WRITERS  # here: it loads numpy and Pillow

    given = f"output={output}"
    if output.suffix.lower() not in (suffixes or WRITERS):
        raise UserError(f"{given}: must end in one of {', '.join(suffixes or WRITERS)}")
    if not output.parent.exists():
        raise UserError(f"{given}: no such folder as {output.parent}; make it first, or choose another")
    for path in files_of(output, strip):
        outputs.check_file(path, given)
        if os.path.lexists(path) and not may_exist:
            which = "" if path == output else f"{path} "
            raise UserError(f"{given}: {which}is there already; choose another name, such as {unused(output, strip)}")


def check_sides(output: Path, *sides: int) -> None:
    """Raise UserError if an image with these sides, in pixels, is too large for the format of `output`."""
    from dlcourse.images import files

    try:
        files.check_sides(output, *sides)
    except ValueError as error:
        raise UserError(f"output={output}: {error}") from error


def files_of(output: Path, strip: bool) -> list[Path]:
    """The result, and the strip if it is asked for: C.jpg and C_strip.jpg."""
    return [output, output.with_name(f"{output.stem}_strip{output.suffix}")][: 1 + strip]


def unused(output: Path, strip: bool) -> Path:
    """`output`, or with a number if it or its strip is there already."""
    names = outputs.with_numbers(output)
    return next(one for one in names if not any(map(os.path.lexists, files_of(one, strip))))


def hand_over(run_dir: Path, config: dict[str, Any], only_missing: bool = False) -> list[str]:
    """Write the last image of a run to `output`, if it is given, and the strip; return lines that name the files.

    A file that has come to be there meanwhile is kept, and the new one gets a number. With `only_missing`, for a run
    that was complete before, it is not written again. Of several processes, process 0 writes.
    """
    from dlcourse.engine import distributed  # here: it loads torch

    output = config.get("output")
    if output is None or distributed.rank() or (only_missing and os.path.lexists(output)):
        return []
    from dlcourse.images.files import load_image, open_image, save_image
    from dlcourse.images.tables import Cell, Table, draw_tables
    from dlcourse.reports import sheet
    from dlcourse.reports.runs import images_of

    image = list(images_of(run_dir, "image")[1].values())[-1]
    with_strip = bool(config.get("strip"))
    result, *strips = files_of(unused(Path(output), with_strip), with_strip)
    try:
        save_image(open_image(image, keep_alpha=True), result)
        for strip in strips:
            shown = load_image(image)
            table: Table[Cell] = {**sheet.inputs([run_dir]), ("", "result"): shown}
            save_image(draw_tables(sheet.broken(table), max(16, min(STRIP_HEIGHT, shown.height))), strip)
    except (OSError, ValueError) as error:
        raise UserError(f"output={error}; the result is {image}") from error
    return [f"result: {result}", *(f"strip: {strip}" for strip in strips)]
