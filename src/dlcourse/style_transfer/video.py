"""Style transfer of a video's frames: the files, a record of the settings, and the flicker."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor

from dlcourse.datasets.sources import LEAVES_FOLDER, leaves_folder, report_files
from dlcourse.engine.build import build, locate
from dlcourse.engine.nodes import flatten
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.images.files import load_image
from dlcourse.images.tensors import resize, to_tensor
from dlcourse.style_transfer.frames import frames_in
from dlcourse.style_transfer.objective import StyleObjective
from dlcourse.style_transfer.task import StyleTransfer

# Record of what the images depend on, kept beside them, so that other settings do not continue the same folder
SETTINGS = "settings.json"
GROUPS = ("dataset", "objective", "model", "optimizer", "scheduler", "task")
KEYS = ("style", "seed", "precision", "steps_first", "steps_next", "from_last")


@dataclass(frozen=True)
class FrameSequence:
    """The frames of a video, and the files of the images painted from them.

    Each frame after the first starts from the image painted before, so parts that do not move do not flicker, and few
    steps are enough (Ruder, Dosovitskiy, Brox 2016, section 4.1, the initialization without optical flow).
    """

    frames: str  # a folder of images, used in natural order of their names
    output: str  # the folder for NAME.png of each frame
    steps_first: int  # >= 1, for a frame that starts from `task.init`, all scales together
    steps_next: int  # >= 1, for a frame that starts from the image before, at full size only
    from_last: bool  # whether later frames start from the image before; else every frame is painted like the first

    def __post_init__(self) -> None:
        for name, steps in {"steps_first": self.steps_first, "steps_next": self.steps_next}.items():
            if steps < 1:
                raise ValueError(f"{name} must be at least 1, got {steps}")
        folder, output = Path(self.frames), Path(self.output)
        found = frames_in(folder)
        if output.exists() and not output.is_dir():
            raise ValueError(f"output={output}: is a file, not a folder")
        if output.resolve() == folder.resolve():
            raise ValueError(f"output={output}: is the frames' own folder; choose another one")
        links = {path.name: LEAVES_FOLDER for path in folder.iterdir() if leaves_folder(path, folder)}
        report_files(self.frames, f"skipped {len(links)} files", links)
        for first, second in pairwise(sorted(found, key=lambda path: path.stem)):
            if first.stem == second.stem:
                raise ValueError(f"frames={self.frames}: {first.name} and {second.name} would be the same image")

    def images(self) -> dict[Path, Path]:
        """Frame -> file of the image painted from it, in order."""
        return {frame: Path(self.output, f"{frame.stem}.png") for frame in frames_in(Path(self.frames))}


def content_size(config: dict[str, Any]) -> int | list[int]:
    """dataset.content_size of a config of style transfer; UserError for another task."""
    target = locate(config["task"]["_target_"], "task")
    if not (isinstance(target, type) and issubclass(target, StyleTransfer)):
        raise UserError(f"task: {target.__name__} paints no content; try experiment=style_transfer_offline")
    return config["dataset"]["content_size"]


def transfer(config: dict[str, Any], objective: StyleObjective, content: Path, **changes: Any) -> StyleTransfer:
    """The task of one frame, with the given objective and some arguments of the task changed."""
    dataset = build(config["dataset"] | {"content": str(content)}, "dataset")
    return build(config["task"] | {"objective": objective, "dataset": dataset} | changes, "task")


def of_one_size(paths: Iterable[Path], size: int | list[int] | None) -> Iterator[Tensor]:
    """Read images as (3, H, W) in [0, 1], one at a time, resized as by `resize` unless `size` is None.

    UserError for a broken file, or one that has another size than the first.
    """
    first: tuple[Path, tuple[int, int]] | None = None
    for path in paths:
        image = load_image(path) if size is None else resize(load_image(path), size)
        first = first or (path, image.size)
        if image.size != first[1]:
            here, there = (f"{width} x {height}" for width, height in (image.size, first[1]))
            raise UserError(f"{path}: has another size; it would be {here} pixels, {first[0]} {there}")
        yield to_tensor(image)


def check_painted(images: dict[Path, Path], size: int | list[int]) -> dict[Path, Path]:
    """Those that exist of the frames' images; UserError for a broken one, or one not of the resized frames' size."""
    found = {frame: image for frame, image in images.items() if image.exists()}
    width, height = resize(load_image(next(iter(images))), size).size
    for image in found.values():
        if load_image(image).size != (width, height):
            raise UserError(f"{image}: is there already, but not of {width} x {height} pixels; choose another output")
    return found


def flicker(images: Iterable[Tensor]) -> float:
    """mean_t mean_p |x_t,p - x_t-1,p| over successive images t and over pixels and channels p; 0 for one image.

    Values are in [0, 1], so 1/255 is one level. Motion counts too, so compare with the frames' value at the same size.
    """
    measured = Flicker()
    for image in images:
        measured.add(image)
    return measured.mean()


class Flicker:
    """`flicker` of images that are added one at a time."""

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self.total, self.count = 0.0, 0  # of changes; of images

    def add(self, image: Tensor) -> None:
        """Take the next image, (3, H, W) in [0, 1]."""
        self.total += 0.0 if self.last is None else float((image - self.last).abs().mean())
        self.last, self.count = image, self.count + 1

    def mean(self) -> float:
        """The flicker of the images so far."""
        return self.total / max(1, self.count - 1)


def flicker_line(of_frames: float, of_images: float) -> str:
    """What is printed of the flicker of frames and of the images painted from them."""
    ratio = f", {of_images / of_frames:.2f} times as much" if of_frames else ""
    return f"flicker: {of_images:.4f}; of the frames themselves {of_frames:.4f}{ratio}"


def settings_of(config: Mapping[str, Any], frames: Mapping[Path, Path]) -> dict[str, dict[str, Any]]:
    """What images depend on: keys of the resolved config, digests of the files that they name, and of the frames."""
    groups = {group: config[group] for group in GROUPS}
    of_groups = {  # without copies of other groups
        key: value for key, value in flatten(groups).items() if not set(key.split(".")[1:]) & {*GROUPS, "content"}
    }
    keys = {key: config[key] for key in KEYS} | of_groups
    del keys["dataset.style"]
    files = {key: [digest(path) for path in paths_in(value)] for key, value in keys.items() if paths_in(value)}
    return {"keys": keys, "files": files, "frames": {frame.name: digest(frame) for frame in frames}}


def paths_in(value: Any) -> list[Path]:
    """The existing files that a config value names."""
    values = value if isinstance(value, list) else [value]
    return [Path(word) for word in values if isinstance(word, str) and Path(word).is_file()]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:20]


def check_same_settings(now: dict[str, dict[str, Any]], painted: Mapping[Path, Path], output: Path) -> None:
    """Raise UserError if one of the `painted` images is of other settings, or of another frame, than now."""
    first = next(iter(painted.values()))
    then = read_settings(output / SETTINGS)
    if then is None:
        raise UserError(f"{first}: is there already, and no {SETTINGS} says how it was painted; choose another output")
    before, after = (record["keys"] | record["files"] for record in (then, now))  # of a file, its digest counts
    changed = [
        f"{key}={then['keys'].get(key)} (now {now['keys'].get(key)})"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    if changed:
        raise UserError(f"{first}: is there already, painted with {', '.join(changed)}; choose another output")
    for frame, image in painted.items():
        if then["frames"].get(frame.name) != now["frames"][frame.name]:
            raise UserError(f"{image}: is there already, painted from another {frame.name}; choose another output")


def read_settings(path: Path) -> dict[str, dict[str, Any]] | None:
    """The settings in a file; None if there is no such file, or it holds something else."""
    try:
        record = json.loads(path.read_bytes()[: 2**24])
    except (OSError, ValueError, RecursionError):
        return None
    parts = record.values() if isinstance(record, dict) and {*record} == {"keys", "files", "frames"} else [None]
    return record if all(isinstance(part, dict) for part in parts) else None


def write_settings(record: dict[str, dict[str, Any]], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    with atomic_write(output / SETTINGS) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
