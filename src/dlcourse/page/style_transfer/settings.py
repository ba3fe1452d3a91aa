"""What the page may say about a style transfer: its values, checked, and as overrides of dlcourse train and stylize."""

import threading
from dataclasses import dataclass
from typing import Any

from dlcourse.page.commands import Compose, quoted, value_at
from dlcourse.page.fields import Fields, plain
from dlcourse.page.uploads import Uploads
from dlcourse.style_transfer.demo_images import IMAGES
from dlcourse.style_transfer.inputs import COLORS
from dlcourse.style_transfer.named_images import NAMED_INITS

# Preset -> its words. The experiments whose own weights are downloaded take those that come with the project.
GATYS_LAYERS = "objective.style_layers=[relu1_1,relu2_1,relu3_1,relu4_1]"  # as far as these weights reach
PRESETS = {
    "offline": ["experiment=style_transfer_offline"],
    "hq": ["experiment=style_transfer_hq"],
    "gatys": ["experiment=style_transfer_gatys", "model.weights=edges", GATYS_LAYERS],
    "tutorial": ["experiment=style_transfer", "model.weights=edges"],
    "untrained": ["experiment=style_transfer_untrained"],
}
KEYS = {
    "content_size": "dataset.content_size",
    "style_size": "dataset.style_size",
    "colors": "dataset.colors",
    "content_weight": "objective.content_weight",
    "steps": "runner.max_steps",
    "init": "task.init",
    "seed": "seed",
}
STYLIZE = {"strength": 0.8, "grain": 0.5, "style_size": 512, "colors": "content_to_style"}  # as of dlcourse stylize
SIZES = 64, 1024  # pixels on the longer side
MOST_CONTENT_WEIGHT = 1e6
MOST_STEPS = 5000
MOST_SEED = 2**31 - 1
MOST_STYLES = 6
STYLE_WEIGHTS = 0.01, 100.0
MOST_UPLOADS = 10_000


class Presets:
    """The presets' own values, read from their experiments when they are first asked for."""

    def __init__(self, compose: Compose):
        self.compose = compose
        self.lock = threading.Lock()
        self.known: dict[str, dict[str, Any]] = {}

    def values(self, name: str) -> dict[str, Any]:
        """Those of KEYS."""
        with self.lock:
            if name not in self.known:
                config = self.compose("train", PRESETS[name])
                self.known[name] = {field: value_at(config, key) for field, key in KEYS.items()}
            return self.known[name]

    def describe(self) -> list[dict[str, Any]]:
        return [{"name": name, "experiment": experiment_of(name)} | self.values(name) for name in PRESETS]

    def choose(self, fields: Fields) -> tuple[str, dict[str, Any]]:
        """The preset and the values that a request asks for; what it does not say is the preset's own."""
        name = fields.choice("preset", list(PRESETS), "offline")
        own = self.values(name)
        given = Fields(own | {key: value for key, value in fields.values.items() if value is not None})
        weight = given.number("content_weight", 0, MOST_CONTENT_WEIGHT)
        return name, {
            "content_size": given.whole("content_size", *SIZES),
            "style_size": given.whole("style_size", *SIZES),
            "colors": given.choice("colors", list(COLORS)),
            "content_weight": plain(weight),
            "steps": given.whole("steps", 1, MOST_STEPS),
            "init": given.choice("init", NAMED_INITS),
            "seed": given.whole("seed", 0, MOST_SEED),
        }

    def words(self, name: str, values: dict[str, Any]) -> list[str]:
        """The words of a preset, and of the values that are not its own."""
        own = self.values(name)
        return PRESETS[name] + [f"{KEYS[key]}={value}" for key, value in values.items() if value != own[key]]


@dataclass(frozen=True)
class Chosen:
    """The images and masks of a request, as paths or built-in names."""

    content: str
    styles: list[str]
    weights: list[float | int] | None  # None: all the same
    regions: list[str]  # a mask for each style; empty: all styles everywhere
    content_mask: str | None

    @classmethod
    def of(cls, fields: Fields, uploads: Uploads) -> "Chosen":
        """Read a request; UserError for one that names what is not there."""
        styles = fields.parts("styles", MOST_STYLES)
        weights = [plain(style.number("weight", *STYLE_WEIGHTS, 1)) for style in styles]
        mask = fields.values.get("content_mask")
        return cls(
            image_of(fields.part("content"), uploads),
            [image_of(style, uploads) for style in styles] or ["painting"],
            weights if len(set(weights)) > 1 else None,
            [uploads.path(number) for number in fields.wholes("regions", 0, MOST_UPLOADS, MOST_STYLES)],
            None if mask is None else uploads.path(fields.whole("content_mask", 0, MOST_UPLOADS)),
        )

    @property
    def style(self) -> str | list[str]:
        """One style, or the list of several."""
        return self.styles[0] if len(self.styles) == 1 else self.styles

    def words(self, prefix: str) -> list[str]:
        """Overrides; `prefix` is that of the keys of weights and masks, such as "dataset."."""
        styles = [quoted(style) for style in self.styles]
        words = [f"content={quoted(self.content)}"]
        words.append(f"style={styles[0] if len(styles) == 1 else listed(styles)}")
        if self.weights:
            words.append(f"{prefix}style_weights={listed(map(str, self.weights))}")
        if self.regions:
            words.append(f"{prefix}style_regions={listed(map(quoted, self.regions))}")
        return words

    def train_words(self) -> list[str]:
        """Overrides of dlcourse train."""
        mask = [] if self.content_mask is None else [f"dataset.content_mask={quoted(self.content_mask)}"]
        return self.words("dataset.") + mask


@dataclass(frozen=True)
class FastSettings:
    """Of the network that paints at once."""

    strength: float
    grain: float
    size: int
    style_size: int
    colors: str

    @classmethod
    def of(cls, fields: Fields) -> "FastSettings":
        """Read a request."""
        return cls(
            plain(fields.number("strength", 0, 1, 0.8)),
            plain(fields.number("grain", 0, 3, 0.5)),
            fields.whole("content_size", *SIZES, 256),
            fields.whole("style_size", *SIZES, 256),
            fields.choice("colors", list(COLORS), "content_to_style"),
        )

    def words(self) -> list[str]:
        """Overrides of dlcourse stylize."""
        given = {name: getattr(self, name) for name in STYLIZE}
        return [f"size={self.size}"] + [f"{key}={value}" for key, value in given.items() if value != STYLIZE[key]]


def experiment_of(preset: str) -> str:
    return PRESETS[preset][0].partition("=")[2]


def image_of(fields: Fields, uploads: Uploads) -> str:
    """The built-in name, or the file of the upload, that {"builtin": NAME} or {"upload": NUMBER} means."""
    if "upload" in fields.values:
        return uploads.path(fields.whole("upload", 0, MOST_UPLOADS))
    return fields.choice("builtin", list(IMAGES))


def listed(values: Any) -> str:
    return f"[{','.join(values)}]"
