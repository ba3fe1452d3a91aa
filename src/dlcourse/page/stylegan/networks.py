"""The StyleGANs that the page can open: the bundled faces, those under runs/ and checkpoints/."""

import json
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcourse.engine.device import autocast, find_device, set_precision
from dlcourse.engine.run_folder import all_of, has_begun, runs_below, task_of
from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file
from dlcourse.files.locations import CHECKPOINTS, STYLEGAN_FACES
from dlcourse.files.terminal import printable
from dlcourse.page.stylegan.previews import fit_to_rgb, seconds
from dlcourse.stylegan.interop.files import load_generator
from dlcourse.stylegan.interop.locate import files_of
from dlcourse.stylegan.networks.synthesis import constant_weights
from dlcourse.stylegan.sampling.editing import principal_components
from dlcourse.stylegan.sampling.ranges import default_ranges
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

SUFFIXES = (".pt", ".pth", ".pkl")
COMPONENTS = 20  # that have a slider
COMPONENT_SEEDS = range(10_000, 20_000)  # as sampler.component_seeds
FITTED_SEEDS = range(4)  # whose images show what a smaller image must look like
FAST = 0.13  # seconds that an image takes at most while a brush moves
MOST_METRICS = 2**20  # bytes of a file of metrics
LEAST_SHARE = 0.4  # of all changes of an attribute, for a layer that is said to move it


class Network:
    """A generator that is ready to draw.

    Args:
        path: a run or a file.
        device, precision: as in configs/sample.yaml.
    """

    def __init__(self, path: Path, device: str, precision: str):
        try:
            self.path, self.device, self.precision = path, find_device(device), precision
            autocast(self.device, precision)  # checks it
        except ValueError as error:
            raise UserError(str(error)) from error
        self.files = files_of(path, only_to_draw=True)
        set_precision(self.device, precision)
        torch.backends.cudnn.deterministic = True  # as dlcourse sample
        generator = load_generator(self.files).averaged_generator.requires_grad_(False)
        self.generator = generator.to(self.device).to(memory_format=torch.channels_last)
        self.known_components: dict[int | None, tuple[Tensor, list[float]]] = {}
        self.open = ExitStack()
        self.open.enter_context(constant_weights(self.generator))

    def synthesizer(self, class_number: int | None, psi: float = 1.0, cutoff: int | None = None) -> Synthesizer:
        return Synthesizer(classes=class_number, truncation_psi=psi, truncation_cutoff=cutoff, batch_size=1)

    @torch.no_grad()
    def draw(self, styles: Tensor, noise: Any, halvings: int = 0) -> Tensor:
        """The image of styles (L, w_dim), (3, r, r) in [0, 1]."""
        with autocast(self.device, self.precision):
            return self.synthesizer(None).synthesize(self.generator, styles[None], noise, halvings)[0]

    def components(self, class_number: int | None) -> tuple[Tensor, list[float]]:
        """The first principal components of the W of a class, (COMPONENTS, w_dim), and their shares of the variance."""
        if class_number not in self.known_components:
            w = self.synthesizer(class_number).w(self.generator, COMPONENT_SEEDS)
            self.known_components[class_number] = principal_components(w, COMPONENTS)
        return self.known_components[class_number]

    @cached_property
    def halvings(self) -> int:
        """How often images are halved while a brush moves, so that one takes at most FAST seconds."""
        layers, most = self.generator.num_layers, self.generator.resolution.bit_length() - 5  # 16 pixels
        styles = self.generator.w_avg.expand(layers, -1)
        tried = reversed(range(most + 1))
        slow = (halvings for halvings in tried if seconds(partial(self.draw, styles, "const", halvings)) > FAST)
        halvings = max(0, min(next(slow, -1) + 1, most))
        if halvings:
            w = self.synthesizer(0 if self.generator.num_classes else None).w(self.generator, FITTED_SEEDS)
            fitted = torch.lerp(self.generator.w_avg, w, 0.7)[:, None].expand(-1, layers, -1)
            fit_to_rgb(self.generator, fitted, halvings)
        return halvings

    def describe(self) -> dict[str, Any]:
        """What the page shows of it."""
        generator = self.generator
        ranges = default_ranges(generator.num_layers).items()
        of_layer = [name for name, (first, last) in ranges for _ in range(first, last)]
        layers = [
            {"resolution": 2 ** (layer // 2 + 2), "range": of_layer[layer], "moves": moved}
            for layer, moved in enumerate(self.moved_attributes())
        ]
        numbers = {"resolution": generator.resolution, "classes": generator.num_classes, "halvings": self.halvings}
        return numbers | {"layers": layers, "components": self.components(0 if generator.num_classes else None)[1]}

    def moved_attributes(self) -> list[list[str]]:
        """For each layer the attributes that its style moves most, where `metrics=[styles]` has measured them."""
        run = next((folder for folder in self.files[0].parents if has_begun(folder)), None)
        measured = sorted(run.glob("evaluation/*/metrics.json"), reverse=True) if run else []
        places = [CHECKPOINTS / f"{STYLEGAN_FACES.stem}_styles.json"] if self.path == STYLEGAN_FACES else measured
        shares = next(filter(None, map(shares_of, places)), {})
        return [most_moved(shares, str(layer)) for layer in range(self.generator.num_layers)]


def shares_of(path: Path) -> dict[str, Any]:
    """Attribute -> layer -> how often it moves, relative to all layers together, in a metrics.json; or nothing."""
    try:
        with open_file(path) as file:
            found = json.loads(file.read(MOST_METRICS))["styles"]["relative_to_all"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def most_moved(shares: dict[str, Any], layer: str) -> list[str]:
    """Up to three attributes that a layer moves most, such as "eye color"."""
    of_layer = {name: moved.get(layer) for name, moved in shares.items() if isinstance(moved, dict)}
    found = {name: share for name, share in of_layer.items() if isinstance(share, int | float) and share >= LEAST_SHARE}
    return [printable(name.replace("_", " "))[:30] for name in sorted(found, key=lambda name: -found[name])[:3]]


class Networks:
    """What can be opened, and the network that is open."""

    def __init__(self, asked: Path | None, device: str, precision: str):
        self.asked, self.device, self.precision = asked, device, precision
        self.paths = self.find()
        self.names = ["bundled faces" if path == STYLEGAN_FACES else str(path) for path in self.paths]
        self.current = self.paths.index(asked) if asked in self.paths else 0

    @property
    def path(self) -> Path:
        """Of the network that is open."""
        return self.paths[self.current]

    @property
    def name(self) -> str:
        """Of the network that is open."""
        return self.names[self.current]

    def find(self) -> list[Path]:
        """The runs and files that the page can open."""
        runs = [run for run in reversed(runs_below(Path("runs"))) if task_of(run) == "StyleGAN" and all_of(run)]
        there = Path("checkpoints")
        is_own = there.is_dir() and there.resolve() == CHECKPOINTS.resolve()
        files = [] if is_own or not there.is_dir() else sorted(there.iterdir())
        files = [path for path in files if path.suffix in SUFFIXES and path.is_file()]
        return list(dict.fromkeys([*([self.asked] if self.asked else []), STYLEGAN_FACES, *runs, *files]))

    @cached_property
    def network(self) -> Network:
        """The network that is open; it is loaded when it is first used."""
        return Network(self.paths[self.current], self.device, self.precision)

    def open(self, index: int) -> None:
        """Open another one; after a UserError the one before stays open."""
        if index != self.current:
            network = Network(self.paths[index], self.device, self.precision)
            self.current, self.network = index, network
