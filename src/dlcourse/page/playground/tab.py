"""The playground tab: a classifier of points that trains while one watches."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from dlcourse.errors import UserError
from dlcourse.images.figures import COLORS
from dlcourse.page.app import Events, Handler
from dlcourse.page.commands import Compose, command_line
from dlcourse.page.fields import Fields
from dlcourse.page.playground import own_points
from dlcourse.page.playground.job import train
from dlcourse.page.playground.options import choices, overrides_of
from dlcourse.page.playground.view import Plane
from dlcourse.page.worker import Worker

PRESETS = Path(__file__).with_name("presets.json")
MOST_SAFE = 2**53 - 1  # the largest whole number that JavaScript counts exactly
FASTEST = 100_000  # steps a second


class PlaygroundTab:
    """Trains one classifier at a time. A new training, also of another page, ends the one before.

    A state is what `playground_options` reads: {"data", "hidden", "optimizer", "lr", ...}, with "own" points if data is
    "own". Its file of points is removed when they change, unless its command was asked for to be kept.
    """

    def __init__(self, worker: Worker, compose: Compose):
        self.worker = worker
        self.compose = cache_of(compose)
        self.training = -1  # the number that the page gave to the training that is on
        self.draft: Path | None = None  # a file of points that nobody needs but the training that is on

    def routes(self) -> dict[str, Handler]:
        """What answers which request."""
        return {
            "playground": self.describe,
            "playground/train": self.train,
            "playground/order": self.order,
            "playground/command": self.command,
            "playground/points": self.points,
        }

    def describe(self, _: Fields) -> dict[str, Any]:
        """The choices, the presets, the colours of classes."""
        lessons = json.loads(PRESETS.read_text(encoding="utf-8"))  # "usual" state, and "presets" that change it
        return {"choices": choices(), "colors": COLORS[: own_points.MOST_COLORS]} | lessons

    def train(self, fields: Fields) -> Events:
        """Train what a state says; see `classifier_job.train` for the events."""
        state = fields.part("state")
        is_paused, speed = fields.flag("paused", False), fields.number("speed", 0, FASTEST, 0)
        number, plane = fields.whole("training", 0, MOST_SAFE), read_plane(fields)
        config = self.compose("train", tuple(self.overrides(state)))
        colors = self.write_points(state) if state.values.get("data") == "own" else None
        self.worker.order("stop")
        self.training = number
        about = {"plane": plane, "colors": colors, "is_paused": is_paused, "speed": speed}
        return self.worker.events(train, config=config, **about)

    def overrides(self, state: Fields) -> list[str]:
        return overrides_of(state, lambda name, words: self.compose(name, tuple(words)))

    def write_points(self, state: Fields, is_kept: bool = False) -> list[int]:
        """Write the points of a state, for a training or, `is_kept`, for a command; the colours of their classes."""
        own = own_points.read_points(state)
        path, is_new = own_points.path_of(own), own_points.write(own)
        if is_kept:
            self.draft = None if path == self.draft else self.draft
        elif path != self.draft:
            if self.draft is not None:
                self.draft.unlink(missing_ok=True)
            self.draft = path if is_new else None
        return own_points.colors_of(own)

    def order(self, fields: Fields) -> dict[str, Any]:
        """Play, pause, do one step, stop, or limit the speed of the training of this number; others are over."""
        if fields.whole("training", 0, MOST_SAFE) != self.training:
            return {}
        if "speed" in fields.values:
            self.worker.order({"speed": fields.number("speed", 0, FASTEST)})
        else:
            self.worker.order(fields.choice("order", ("play", "pause", "step", "stop")))
        return {}

    def command(self, fields: Fields) -> dict[str, Any]:
        """The command that trains this very network; "keep" writes the file of own points that it names."""
        state = fields.part("state")
        words = self.overrides(state)
        if fields.flag("keep", False) and state.values.get("data") == "own":
            self.write_points(state, is_kept=True)
        return {"command": command_line(["train", *words])}

    def points(self, fields: Fields) -> dict[str, Any]:
        """The points of a table that was pasted or loaded, "name" is how the user calls it."""
        name = fields.text("name", own_points.NAME) or own_points.NAME
        return own_points.read_table_text(fields.text("text", most=own_points.MOST_LETTERS), name)


def cache_of(compose: Compose) -> Any:
    """`compose` with a memory; its overrides are a tuple."""

    @lru_cache(maxsize=64)
    def remembered(name: str, words: tuple[str, ...]) -> dict[str, Any]:
        return compose(name, list(words))

    return remembered


def read_plane(fields: Fields) -> Plane | None:
    """The part of the plane that the page shows, [left, right, bottom, top]; None if it is left to the points."""
    if fields.values.get("plane") is None:
        return None
    most = own_points.LARGEST
    numbers = fields.numbers("plane", -2 * most, 2 * most, 4)
    if len(numbers) != 4 or not (numbers[0] < numbers[1] and numbers[2] < numbers[3]):
        raise UserError("plane must be [left, right, bottom, top], left < right and bottom < top")
    left, right, bottom, top = numbers
    return left, right, bottom, top
