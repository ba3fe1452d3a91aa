"""The style-transfer tab: a network paints at once, gradient descent slowly and better."""

import contextlib
import threading
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from werkzeug.wrappers import Response

from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.images.srgb import to_rgb
from dlcourse.images.tensors import resize, to_pil_image, to_tensor
from dlcourse.page.app import Events, Handler, file_response
from dlcourse.page.commands import Compose, Train, command_line
from dlcourse.page.fields import Fields, plain
from dlcourse.page.style_transfer.fast_painter import FastPainter
from dlcourse.page.style_transfer.page_run import LOSSES, STEPS, PageRun
from dlcourse.page.style_transfer.settings import (
    MOST_STYLES,
    MOST_UPLOADS,
    PRESETS,
    SIZES,
    Chosen,
    FastSettings,
    Presets,
    experiment_of,
    image_of,
)
from dlcourse.page.training import TIME, NewFolders, prepare, train_watched
from dlcourse.page.uploads import Uploads, data_url, encoded, thumbnail
from dlcourse.page.worker import Worker
from dlcourse.style_transfer.colors import blend
from dlcourse.style_transfer.demo_images import IMAGES
from dlcourse.style_transfer.inputs import COLORS
from dlcourse.style_transfer.named_images import NAMED_INITS, read_image

ORDERS = ("pause", "play", "stop")
MOST_RUNS = 10_000


class StyleTransferTab:
    """Paints what the page has chosen: {"content": image, "styles": [image and weight, ...], masks, settings}.

    An image is {"builtin": NAME} or {"upload": NUMBER}; see `Chosen` and `Presets.choose` for the rest.
    """

    def __init__(
        self,
        uploads: Uploads,
        worker: Worker,
        device: str,
        precision: str,
        compose: Compose,
        train: Train,
    ):
        self.uploads, self.worker, self.device, self.train = uploads, worker, device, train
        self.presets, self.painter = Presets(compose), FastPainter(device, precision)
        self.runs: list[PageRun] = []
        self.folders = NewFolders()
        self.lock = threading.Lock()  # of the number of a new run, and of what is loaded early
        self.is_warm = False

    def routes(self) -> dict[str, Handler]:
        """What answers which request."""
        return {
            "style_transfer": self.describe,
            "style_transfer/uploads": self.describe_uploads,
            "style_transfer/content": self.content,
            "style_transfer/stylize": self.stylize,
            "style_transfer/save": self.save,
            "style_transfer/command": lambda fields: {"command": command_line(["train", *self.words(fields)])},
            "style_transfer/paint": self.paint,
            "style_transfer/run": self.describe_run,
            "style_transfer/go_on": self.go_on,
            "style_transfer/order": self.order,
            "style_transfer/blend": self.blend,
            "style_transfer/result": self.result,
        }

    def describe(self, _: Fields) -> dict[str, Any]:
        """What can be chosen."""
        runs = [{"folder": str(run.folder), "step": run.step, "total": run.total} for run in self.runs]
        images = [{"builtin": name, "image": small(name), "size": [*IMAGES[name]().size]} for name in IMAGES]
        return {
            "presets": self.presets.describe(),
            "images": images,
            "colors": list(COLORS),
            "inits": list(NAMED_INITS),
            "most_styles": MOST_STYLES,
            "runs": runs,
        }

    def warm_up(self) -> None:
        """Load what the first painting needs, once."""
        with self.lock:
            is_first, self.is_warm = not self.is_warm, True
        if is_first:
            with contextlib.suppress(Exception):  # the painting itself tells what is wrong
                for _ in self.worker.events(prepare, train=self.train):
                    pass

    def describe_uploads(self, fields: Fields) -> dict[str, Any]:
        """Those of the numbers "uploads" that there are. "file" tells an upload from another one of an older server."""
        found = []
        for number in fields.wholes("uploads", 0, MOST_UPLOADS, 50):
            with contextlib.suppress(UserError, ValueError):  # the file may have been deleted
                path = Path(self.uploads.path(number))
                image = open_image(path, keep_alpha=True)
                about = {"file": path.name, "size": [*image.size], "image": data_url(thumbnail(image))}
                found.append({"upload": number} | about)
        return {"images": found}

    def content(self, fields: Fields) -> Response:
        """The content at the size at which it is painted, to compare."""
        path, size = image_of(fields.part("content"), self.uploads), fields.whole("content_size", *SIZES, 256)
        return Response(encoded(resize(read_image("content", path), size), "JPEG"), mimetype="image/jpeg")

    def fast(self, fields: Fields) -> tuple[Image.Image, str]:
        """The content painted at once, and the command that does it."""
        chosen, settings = Chosen.of(fields, self.uploads), FastSettings.of(fields)
        words = [*chosen.words(""), *settings.words(), *self.painter.words(), "output=painted.png"]
        return self.painter(chosen, settings), command_line(["stylize", *words])

    def stylize(self, fields: Fields) -> dict[str, Any]:
        """The image that is painted at once, and its command; then the worker gets ready for a slow painting."""
        image, line = self.fast(fields)
        threading.Thread(target=self.warm_up, daemon=True).start()
        return {"image": data_url(to_rgb(image), "JPEG"), "command": line}

    def save(self, fields: Fields) -> Response:
        """The same as a PNG."""
        return file_response(encoded(self.fast(fields)[0]), "painted.png", "image/png")

    def words(self, fields: Fields) -> list[str]:
        """Overrides of dlcourse train."""
        name, values = self.presets.choose(fields)
        images = Chosen.of(fields, self.uploads).train_words()
        device = [] if self.device == "auto" else [f"device={self.device}"]
        return [*PRESETS[name][:1], *images, *self.presets.words(name, values)[1:], *device]

    def paint(self, fields: Fields) -> Events:
        """Paint by gradient descent, in a new run. The first event has its number, the last one says "done"."""
        name, values = self.presets.choose(fields)
        chosen, words = Chosen.of(fields, self.uploads), self.words(fields)
        folder = self.folders.make(Path("runs", experiment_of(name), f"{datetime.now():{TIME}}_page"))
        with self.lock:
            number = len(self.runs)
            self.runs.append(PageRun(folder, chosen.content, chosen.styles, words, values["steps"]))
        # a row for each step, for the curves; it does not change the image
        return self.watched(number, [*words, "runner.log_every=1", f"run_dir={folder}"])

    def go_on(self, fields: Fields) -> Events:
        """Go on with a run that was stopped, or as long again with one that has ended; events as in `paint`."""
        number, run = self.run(fields)
        if run.is_on:
            raise UserError(f"{run.folder} is being painted")
        if run.step >= run.total:
            run.lengthen(2 * run.total)
        return self.watched(number, [f"resume={run.folder}", f"{STEPS}={run.total}"])

    def watched(self, number: int, overrides: list[str]) -> Events:
        """The events of a run's job."""
        run = self.runs[number]
        about = {"train": self.train, "overrides": overrides, "folder": run.folder, "total": run.total}
        about |= {"curves": LOSSES}
        run.is_on = True
        try:
            yield run.about(number)
            for event in self.worker.events(train_watched, **about):
                run.step = event["step"] if event else run.step
                yield event
        finally:  # a page that was closed or loaded anew ends it, too
            run.is_on = False
        yield {"done": True, "step": run.step, "total": run.total}

    def describe_run(self, fields: Fields) -> dict[str, Any]:
        """A run, for a page that is loaded anew: as the first event of `paint`, and what it painted if it has ended."""
        number, run = self.run(fields)
        return run.about(number) | {"is_on": run.is_on} | ({} if run.is_on else run.painted())

    def order(self, fields: Fields) -> dict[str, Any]:
        """Pause the job, let it play, or stop it: its best image is kept."""
        self.worker.order(fields.choice("order", ORDERS))
        return {}

    def run(self, fields: Fields) -> tuple[int, PageRun]:
        """The run that a request names, and its number."""
        number = fields.whole("run", 0, MOST_RUNS)
        if number >= len(self.runs):
            raise UserError(f"there is no run {number} since the page was started")
        return number, self.runs[number]

    def blended(self, fields: Fields) -> tuple[Image.Image, str]:
        """A run's result, weaker in luminance or colour as dlcourse blend makes it, and the command that does it."""
        _, run = self.run(fields)
        shares = [plain(fields.number(key, 0, 1, 1)) for key in ("luminance", "color")]
        result = open_image(run.result(), keep_alpha=True)
        content = resize(read_image("content", run.content), max(result.size))
        before, after = to_tensor(content.convert("RGB")), to_tensor(result)
        image = to_pil_image(torch.cat([blend(before, after[:3], *shares), after[3:]]))
        words = [f"{key}={share}" for key, share in zip(("luminance", "color"), shares, strict=True) if share != 1]
        return image, command_line(["blend", str(run.folder), *words, "output=blended.png"])

    def blend(self, fields: Fields) -> dict[str, Any]:
        image, line = self.blended(fields)
        return {"image": data_url(to_rgb(image), "JPEG"), "command": line}

    def result(self, fields: Fields) -> Response:
        """The blended result as a PNG; without blending the run's own pixels."""
        _, run = self.run(fields)
        return file_response(encoded(self.blended(fields)[0]), f"{run.folder.name}.png", "image/png")


@cache
def small(name: str) -> str:
    """A built-in image as the page shows it among others."""
    return data_url(thumbnail(IMAGES[name](), 160))
