"""Paint a video, or a folder of its frames, in one style."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dlcourse.cli import command_line
from dlcourse.engine.signals import status_of
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from dlcourse.engine.runner import Runner
    from dlcourse.style_transfer.task import StyleTransfer
    from dlcourse.style_transfer.video import FrameSequence

READS = ("sequence", "task", "runner", "content", "run_dir", "resume", "seed")


def style_frames(cfg: DictConfig) -> None:
    """Paint the frames of a folder, or those of a video, and put these together."""
    from dlcourse.style_transfer.film import film_of
    from dlcourse.style_transfer.video import content_size

    for key in ("content", "resume", "run_dir"):
        if cfg[key] is not None:
            raise UserError(f"{key}={cfg[key]}: has no meaning here; give frames and output")
    config = command_line.plain(cfg)
    size, names = content_size(config), config["sequence"]
    if names["output"] is None:
        raise UserError("output: no value given; set output=...")
    film = film_of(names["frames"], names["output"])
    try:
        if film:
            film.take_apart()
            config["sequence"] = names | film.parts
        images = paint_frames(config, size)
        if film:
            film.put_together(images)
            say(f"{film.folder} has its frames, and is not needed any more", file=sys.stderr)
    except OSError as error:
        raise UserError(f"output={error}") from error
    except KeyboardInterrupt as end:
        say("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(status_of(end))
    say(names["output"])


def paint_frames(config: dict[str, Any], size: int | list[int]) -> list[Path]:
    """Paint the frames that are not painted yet, measure the flicker, and return the images of all frames."""
    from dlcourse.engine.build import build
    from dlcourse.files import outputs
    from dlcourse.files.atomic import atomic_write
    from dlcourse.style_transfer import video
    from dlcourse.style_transfer.video import check_painted, flicker, of_one_size

    sequence: FrameSequence = build(config["sequence"], "sequence")
    outputs.check_folder(Path(sequence.output), f"output={sequence.output}")
    images = sequence.images()
    of_frames = flicker(of_one_size(images, size))  # reads every frame before any is painted
    painted, settings = check_painted(images, size), video.settings_of(config, images)
    if painted:
        video.check_same_settings(settings, painted, Path(sequence.output))
        say(f"skipped {len(painted)} of {len(images)} frames, whose images are there already", file=sys.stderr)
    if len(painted) < len(images):
        paint_missing(config, sequence, settings)
    of_images = flicker(of_one_size(images.values(), None))
    report = {"frames": of_frames, "images": of_images, "ratio": of_images / of_frames if of_frames else None}
    with atomic_write(Path(sequence.output, "flicker.json")) as temporary:
        temporary.write_text(json.dumps(report) + "\n", encoding="utf-8")
    say(video.flicker_line(of_frames, of_images))
    return list(images.values())


def paint_missing(config: dict[str, Any], sequence: "FrameSequence", settings: dict[str, Any]) -> None:
    """Paint the missing frames one after the other, with one network."""
    import torch

    from dlcourse.engine.build import build
    from dlcourse.engine.runner import Runner, step_seed
    from dlcourse.images.files import save_image
    from dlcourse.images.tensors import to_pil_image
    from dlcourse.style_transfer.video import transfer, write_settings

    images = sequence.images()
    runner: Runner = build(config["runner"], "runner")
    torch.manual_seed(config["seed"])  # as dlcourse train does
    objective = build(config["objective"], "objective")
    runner.prepare(transfer(config, objective, next(iter(images)), smallest_size=None))
    write_settings(settings, Path(sequence.output))
    objective.calibrate = False  # `prepare` has done it, once for all frames
    last: Path | None = None
    for number, (frame, image) in enumerate(images.items()):
        if not image.exists():
            begins_with = {"init": str(last), "smallest_size": None} if last else {}
            task = transfer(config, objective, frame, **begins_with)
            torch.manual_seed(step_seed(runner.seed, number))  # of the noise, if the image starts as noise
            runner.prepare(task)
            loss = paint(runner, task, sequence.steps_next if last else sequence.steps_first)
            save_image(to_pil_image(task.visualize()["image"][0]), image)
            say(f"{number + 1}/{len(images)} {image}: loss {loss:.4g}", file=sys.stderr)
        last = image if sequence.from_last else None


def paint(runner: "Runner", task: "StyleTransfer", steps: int) -> float:
    """Train a prepared task; return the loss of its result."""
    for step in range(steps):
        if task.is_finished():
            break
        runner.step(task, step)
    loss = float(task.finalize()["result/loss"])
    if not math.isfinite(loss):
        raise UserError(f"{task.dataset.labels[0]}: its loss is {loss}; try a smaller optimizer.lr, or precision=fp32")
    return loss


def main() -> None:
    command_line.command("style_frames", style_frames, READS)
