"""A painting by gradient descent that the page began, and what is left of it when the page is loaded anew."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.images.srgb import to_rgb
from dlcourse.images.tensors import resize
from dlcourse.page.commands import command_line
from dlcourse.page.uploads import data_url, thumbnail
from dlcourse.reports.runs import images_of, read_logged_rows
from dlcourse.style_transfer.named_images import read_image

LOSSES = ("train/loss", "train/content", "train/style")
STEPS = "runner.max_steps"
STRIP = 8  # images at most of how it came about


@dataclass
class PageRun:
    """A run that the page began; requests name it by its number."""

    folder: Path
    content: str
    styles: list[str]
    words: list[str]  # of the command that makes it
    total: int
    step: int = 0
    is_on: bool = False

    @property
    def command(self) -> str:
        return command_line(["train", *self.words])

    def lengthen(self, total: int) -> None:
        """Let it have more steps."""
        self.total = total
        self.words = [word for word in self.words if not word.startswith(f"{STEPS}=")] + [f"{STEPS}={total}"]

    def about(self, number: int) -> dict[str, Any]:
        """What it is; images are told by name, without their folders."""
        names = {"content": Path(self.content).stem, "styles": [Path(style).stem for style in self.styles]}
        return {"run": number, "folder": str(self.folder), "command": self.command, "total": self.total} | names

    def images(self) -> dict[int, Path]:
        """Step -> image; UserError if there is none yet."""
        return images_of(self.folder, "image")[1]

    def result(self) -> Path:
        """The file of its last image."""
        return list(self.images().values())[-1]

    def painted(self) -> dict[str, Any]:
        """Its last image and step, its content at that size, its curves and strip; nothing if there is no image."""
        try:
            images = self.images()
        except UserError:
            return {}
        self.step = list(images)[-1]
        image = open_image(images[self.step])
        content = resize(read_image("content", self.content), max(image.size))
        every = math.ceil(len(images) / STRIP)
        some = list(images.items())[::-every][::-1]  # with the last one
        return {
            "step": self.step,
            "size": max(image.size),
            "image": shown(image),
            "before": shown(content),
            "points": self.points(),
            "strip": [{"step": step, "image": shown(thumbnail(open_image(path)))} for step, path in some],
        }

    def points(self) -> list[list[float]]:
        """[step, losses ...] of each step that was logged."""
        file = self.folder / "metrics.jsonl"
        rows = read_logged_rows(file) if file.is_file() else []
        return [[row["step"], *(row[tag] for tag in LOSSES)] for row in rows if all(tag in row for tag in LOSSES)]


def shown(image: Image.Image) -> str:
    return data_url(to_rgb(image), "JPEG")
