"""The network that paints in any style at once, kept loaded."""

import threading
from dataclasses import dataclass

from PIL import Image

from dlcourse.engine.device import find_device, set_precision
from dlcourse.page.style_transfer.settings import Chosen, FastSettings
from dlcourse.style_transfer.painter import Painter


@dataclass
class FastPainter:
    """Paints what the page has chosen, one image at a time; equal to dlcourse stylize on the same device."""

    device: str
    precision: str

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.painter: Painter | None = None
        self.of_style: tuple[object, ...] = ()  # the settings of the statistics that the painter knows

    def __call__(self, chosen: Chosen, settings: FastSettings) -> Image.Image:
        """The painted image, with the content's transparency; ValueError for a style or a size that is too small."""
        with self.lock:
            painter = self.loaded()
            of_style = settings.style_size, settings.grain, str(chosen.weights), bool(chosen.regions)
            if of_style != self.of_style:
                painter.known.clear()
                self.of_style = of_style
            painter.strength, painter.grain, painter.colors = settings.strength, settings.grain, settings.colors
            painter.size, painter.style_size, painter.style_weights = settings.size, settings.style_size, chosen.weights
            painter.style_regions = chosen.regions
            return painter(chosen.content, chosen.style)

    def loaded(self) -> Painter:
        """The painter, loaded when it is first needed."""
        if self.painter is None:
            painter = Painter(None, 1.0, 1.0, None, 512, None, [], "content_to_style")
            device = find_device(self.device)
            set_precision(device, self.precision)
            self.painter = painter.to(device, self.precision)
        return self.painter

    def words(self) -> list[str]:
        """Overrides of dlcourse stylize."""
        given = {"device": (self.device, "auto"), "precision": (self.precision, "fp32")}
        return [f"{key}={value}" for key, (value, default) in given.items() if value != default]
