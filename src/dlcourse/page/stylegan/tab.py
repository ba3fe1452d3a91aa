"""The StyleGAN tab: images of the network that is open, as `sampler=layer_mixing` draws them."""

import itertools
import tempfile
import threading
from pathlib import Path
from typing import Any

from torch import Tensor
from werkzeug.wrappers import Response

from dlcourse.errors import UserError
from dlcourse.files.locations import STYLEGAN_FACES
from dlcourse.files.torch_file import save as save_tensors
from dlcourse.images.animation import MAX_HELD, save_animation
from dlcourse.images.tables import enlarged, under
from dlcourse.images.tensors import to_pil_image
from dlcourse.page.app import Events, Handler, file_response
from dlcourse.page.commands import Train, command_line, quoted
from dlcourse.page.fields import Fields, plain
from dlcourse.page.stylegan import walks
from dlcourse.page.stylegan.latents import Latents
from dlcourse.page.stylegan.networks import COMPONENTS, Networks
from dlcourse.page.training import NewFolders, train_watched
from dlcourse.page.uploads import Uploads, encoded
from dlcourse.page.worker import Worker
from dlcourse.stylegan.sampling.layer_mixing import MOST_NOISE, WEIGHTS, LayerMixing, LayerNoise, noise_tensors
from dlcourse.stylegan.sampling.seeds import MAX_SEED
from dlcourse.stylegan.sampling.synthesizer import MOST_PSI

MOST_SEEDS = 20  # mixed in one image
MOST_EDITS = 20
MOST_FRAMES = 600  # of a walk
MOST_KEYS = 20
LABELLED = 512  # pixels per side of an image with its command, at least
SMALL = 256  # pixels per side up to which an image is sent as a PNG while a brush moves
MOST_SAFE = 2**53 - 1  # the largest seed that JavaScript counts exactly
KINDS = {"gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}
PROJECTIONS = Path("runs/projection")
CURVES = ("train/loss", "train/psnr")


class StyleGANTab:
    """Draws images of one network at a time, each from a state that the page sends.

    A state is {"seeds": [{"seed": 7} or {"latent": "NAME"}, ...], "weights": a row for each seed but the first, "psi",
    "cutoff": layers or null, "class": number or null, "noise": "stored", "none" or a seed, "noise_strength", "edits":
    rows as in `LayerMixing`, "network": the name of the one that it is for, or nothing}. Latents are those found by
    projection, now or before the server was started.
    """

    def __init__(self, networks: Networks, uploads: Uploads, worker: Worker, train: Train):
        self.networks, self.uploads, self.worker, self.train = networks, uploads, worker, train
        self.lock = threading.Lock()  # one image at a time
        networks.network.describe()  # loads it: a file that is no StyleGAN is told before the page is there
        self.latents = Latents(PROJECTIONS)
        self.folders = NewFolders()
        self.walks: dict[int, tuple[bytes, str]] = {}  # number -> animation and its kind; the last two
        self.walk_numbers = itertools.count()

    def routes(self) -> dict[str, Handler]:
        """What answers which request."""
        return {
            "stylegan": self.describe,
            "stylegan/open": self.open,
            "stylegan/image": self.image,
            "stylegan/command": lambda fields: {"command": self.command(fields.part("state"))},
            "stylegan/save": self.save,
            "stylegan/walk": self.walk,
            "stylegan/walk_file": self.file_of_walk,
            "stylegan/project": self.project,
            "stylegan/stop": self.stop,
        }

    def describe(self, _: Fields) -> dict[str, Any]:
        """The networks that can be opened, and the one that is open."""
        with self.lock:
            networks = self.networks
            psnr = self.latents.of_network(networks.path)
            about = {"networks": networks.names, "current": networks.current, "latents": list(psnr), "psnr": psnr}
            return about | networks.network.describe()

    def open(self, fields: Fields) -> dict[str, Any]:
        """Open another network."""
        index = fields.whole("index", 0, len(self.networks.paths) - 1)
        with self.lock:
            self.networks.open(index)
        return self.describe(fields)

    def sampler(self, state: Fields) -> LayerMixing:
        """The sampler that draws a state; UserError for a state that fits no image of the network that is open."""
        if state.values.get("network", self.networks.name) != self.networks.name:
            raise UserError(f"another page has opened {self.networks.name}: load this page anew")
        generator = self.networks.network.generator
        layers = generator.num_layers
        seeds = [self.seed(one) for one in state.parts("seeds", MOST_SEEDS)]
        weights = state.rows("weights", *WEIGHTS, MOST_SEEDS, layers)
        edits = state.rows("edits", -MOST_SAFE, MOST_SAFE, MOST_EDITS, 4)
        cutoff = None if state.values.get("cutoff") is None else state.whole("cutoff", 0, layers)
        number = None if state.values.get("class") is None else state.whole("class", 0, MOST_SAFE)
        is_word = isinstance(state.values.get("noise", "stored"), str)
        noise = state.choice("noise", ("stored", "none"), "stored") if is_word else state.whole("noise", 0, MOST_SAFE)
        psi = plain(state.number("psi", -MOST_PSI, MOST_PSI, 0.7))
        return LayerMixing(
            seeds=seeds or [0],
            weights=[[plain(one) for one in row] for row in weights],
            edits=[[plain(one) for one in row] for row in edits],
            component_seeds="10000-19999",
            noise=noise,
            noise_strength=plain(state.number("noise_strength", 0, MOST_NOISE, 1)),
            synthesizer=self.networks.network.synthesizer(number, psi, cutoff),
        )

    def seed(self, fields: Fields) -> int | str:
        """A seed, or the file of a latent."""
        if "latent" not in fields.values:
            return fields.whole("seed", 0, min(MAX_SEED, MOST_SAFE))
        return str(self.latents.path(fields.text("latent"), self.networks.path))

    def frame(self, state: Fields) -> tuple[Tensor, LayerNoise]:
        """The styles and the noise of a state."""
        network, sampler = self.networks.network, self.sampler(state)
        components = network.components(state.values.get("class"))[0] if sampler.edits else None
        if any(edit[0] >= COMPONENTS for edit in sampler.edits):
            raise UserError(f"edits: components are 0 to {COMPONENTS - 1} here")
        return sampler.styles(network.generator, components), sampler.layer_noise(network.generator)

    def image(self, fields: Fields) -> Response:
        """The image of a state; with "preview" at the level of detail that is fast enough while a brush moves."""
        state, is_preview = fields.part("state"), fields.flag("preview", False)
        with self.lock:
            network = self.networks.network
            image = to_pil_image(network.draw(*self.frame(state), network.halvings if is_preview else 0))
        kind = "PNG" if image.width <= SMALL or not is_preview else "JPEG"
        return Response(encoded(image, kind), mimetype=f"image/{kind.lower()}")

    def command(self, state: Fields) -> str:
        """The command that draws the image of a state, bit for bit."""
        sampler, networks = self.sampler(state), self.networks
        seeds = [quoted(str(one)) for one in listed(sampler.seeds)]
        synthesizer = sampler.synthesizer
        words = [
            *self.network_words(""),
            "sampler=layer_mixing",
            f"seeds={seeds[0]}" if len(seeds) == 1 else f"seeds=[{','.join(seeds)}]",
            f"truncation_psi={synthesizer.truncation_psi}",
        ]
        optional = {
            "sampler.weights": sampler.weights,
            "sampler.edits": sampler.edits,
            "truncation_cutoff": synthesizer.truncation_cutoff,
            "classes": synthesizer.classes,
            "sampler.noise": None if sampler.noise == "stored" else sampler.noise,
            "sampler.noise_strength": None if sampler.noise_strength == 1 else sampler.noise_strength,
            "precision": None if networks.precision == "fp32" else networks.precision,
        }
        given = {key: value for key, value in optional.items() if value not in (None, [])}
        words += [f"{key}={str(value).replace(' ', '')}" for key, value in given.items()]
        return command_line(["sample", *words, "output=image.png"])

    def network_words(self, key: str) -> list[str]:
        """The words of a command for the network that is open, as the value of a key, and for the device."""
        path, device = self.networks.path, self.networks.device
        network = [] if path == STYLEGAN_FACES else [f"{key}{quoted(str(path)) if key else path}"]
        return network + ([] if device == "auto" else [f"device={device}"])

    def save(self, fields: Fields) -> Response:
        """The image as a PNG, enlarged with its command above, or w and noise as a .pt, a seed for other samplers."""
        state, kind = fields.part("state"), fields.choice("kind", ("png", "labelled", "pt"))
        with self.lock:
            network = self.networks.network
            styles, noise = self.frame(state)
            if kind == "png":
                return file_response(encoded(to_pil_image(network.draw(styles, noise))), "image.png", "image/png")
            if kind == "labelled":
                image = under(self.command(state), enlarged(network.draw(styles, noise), LABELLED))
                return file_response(encoded(image), "image.png", "image/png")
            found = {"w": styles.cpu().clone(), "noise": [one.cpu() for one in noise_tensors(network.generator, noise)]}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "image.pt")
            save_tensors(found, path)
            return file_response(path.read_bytes(), "image.pt", "application/octet-stream")

    def walk(self, fields: Fields) -> Events:
        """An animation through several states, or of one with moving noise; the file is asked for afterwards."""
        states = fields.parts("states", MOST_KEYS)
        kind, frames = fields.choice("kind", list(KINDS)), fields.whole("frames", 1, MOST_FRAMES)
        milliseconds, loop = fields.whole("milliseconds", 20, 1000, 66), fields.flag("loop", True)
        if not states:
            raise UserError("states must be at least one")
        with self.lock:
            network = self.networks.network
            pairs = [self.frame(state) for state in states]
            keys = [(styles, noise_tensors(network.generator, noise)) for styles, noise in pairs]
        moving = walks.noise_loop(network, keys[0], frames) if len(keys) == 1 else walks.between(keys, frames, loop)
        total = frames if len(keys) == 1 else frames * (len(keys) - 1 + loop) + (not loop)
        most = min(MOST_FRAMES, MAX_HELD // network.generator.resolution**2)
        if total > most:
            raise UserError(f"{total} frames: at most {most} of this size")
        images = []
        for image in walks.draw(network, moving):
            images.append(image)
            yield {"done": len(images), "total": total}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"walk.{kind}")
            save_animation(images, [milliseconds] * len(images), path)
            number = next(self.walk_numbers)
            self.walks = dict([*self.walks.items(), (number, (path.read_bytes(), kind))][-2:])
        yield {"kind": kind, "walk": number}

    def file_of_walk(self, fields: Fields) -> Response:
        """One of the last two animations, by its number."""
        number = fields.whole("walk", 0, MOST_SAFE)
        if number not in self.walks:
            raise UserError(f"there is no animation {number} any more")
        content, kind = self.walks[number]
        return file_response(content, f"walk.{kind}", KINDS[kind])

    def project(self, fields: Fields) -> Events:
        """Find the w of an upload, in a new run; the last event has its name, which can stand for a seed."""
        target = Path(self.uploads.path(fields.whole("upload", 0, MOST_SAFE)))
        steps, space = fields.whole("steps", 1, 5000, 500), fields.choice("space", ("w", "w+"), "w+")
        folder = self.folders.make(PROJECTIONS / target.stem)
        words = ["experiment=projection", f"target={quoted(str(target))}", f"runner.max_steps={steps}"]
        words += self.network_words("checkpoint=") + ([] if space == "w+" else [f"task.space={space}"])
        overrides = [*words, f"run_dir={quoted(str(folder))}", "runner.log_every=1"]  # a row for each step, for the dB
        about = {"train": self.train, "overrides": overrides, "folder": folder, "total": steps, "curves": CURVES}
        yield {"folder": str(folder), "command": command_line(["train", *words])}
        yield from self.worker.events(train_watched, **about)
        yield {"latent": folder.name} if folder.name in self.latents.found() else {}

    def stop(self, _: Fields) -> dict[str, Any]:
        """End the projection; the best w so far is kept."""
        self.worker.order("stop")
        return {}


def listed(seeds: Any) -> list[Any]:
    return seeds if isinstance(seeds, list) else [seeds]
