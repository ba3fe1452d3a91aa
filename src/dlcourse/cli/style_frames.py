"""Paint the frames of a video in one style.

ffmpeg -i A.mp4 F/%05d.png makes the frames=F, and ffmpeg -framerate 25 -i G/%05d.png -pix_fmt yuv420p B.mp4 makes a
video of the output=G.
"""

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
    """Paint the frames that are not painted yet, and measure the flicker."""
    from dlcourse.engine.build import build
    from dlcourse.files import outputs
    from dlcourse.files.atomic import atomic_write
    from dlcourse.style_transfer import video
    from dlcourse.style_transfer.video import check_painted, content_size, flicker, of_one_size

    for key in ("content", "resume", "run_dir"):
        if cfg[key] is not None:
            raise UserError(f"{key}={cfg[key]}: has no meaning here; give frames=FOLDER and output=FOLDER")
    config = command_line.plain(cfg)
    size = content_size(config)
    sequence: FrameSequence = build(config["sequence"], "sequence")
    outputs.check_folder(Path(sequence.output), f"output={sequence.output}")
    images = sequence.images()
    of_frames = flicker(of_one_size(images, size))  # reads every frame before any is painted
    painted, settings = check_painted(images, size), video.settings_of(config, images)
    if painted:
        video.check_same_settings(settings, painted, Path(sequence.output))
        say(f"skipped {len(painted)} of {len(images)} frames, whose images are there already", file=sys.stderr)
    try:
        if len(painted) < len(images):
            paint_missing(config, sequence, settings)
        of_images = flicker(of_one_size(images.values(), None))
        report = {"frames": of_frames, "images": of_images, "ratio": of_images / of_frames if of_frames else None}
        with atomic_write(Path(sequence.output, "flicker.json")) as temporary:
            temporary.write_text(json.dumps(report) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"output={error}") from error
    except KeyboardInterrupt as end:
        say("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(status_of(end))
    ratio = f", {of_images / of_frames:.2f} times as much" if of_frames else ""
    say(f"flicker: {of_images:.4f}; of the frames themselves {of_frames:.4f}{ratio}")
    say(sequence.output)


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
