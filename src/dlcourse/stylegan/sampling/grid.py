"""Tables of images: a grid of seeds, uncurated images, style mixing, truncation and the mean image."""

from dataclasses import dataclass
from itertools import chain

import torch
from PIL import Image

from dlcourse.errors import UserError, check_at_least
from dlcourse.images.tables import Table, enlarged, headed_table, labelled_grid, under
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator, mix_styles
from dlcourse.stylegan.sampling.ranges import Ranges, check_ranges, describe_range, find_range
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seed, Seeds, labels_of, parse_numbers, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import MOST_PIXELS, Synthesizer, check_psi


@dataclass(eq=False)
class Grid(Sampler):
    """A sheet of images, each labelled with its seed."""

    seeds: Seeds
    columns: int  # images per row, >= 1
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        check_at_least(1, columns=self.columns)
        self.latents = parse_seeds(self.seeds)

    def __call__(self, generator: Generator) -> Result:
        images = self.synthesizer.images(generator, self.latents)
        labels = [latent.label for latent in self.latents]
        singles = {label: to_pil_image(image) for label, image in zip(labels, images, strict=True)}
        size = f"{generator.resolution} x {generator.resolution} pixels"
        heading = f"{len(labels)} image{'s' * (len(labels) > 1)} of {size}, {self.synthesizer.described(self.latents)}"
        return Result(under(heading, labelled_grid(images, labels, self.columns)), singles=singles)


@dataclass(eq=False)
class Uncurated(Sampler):
    """Uncurated images of several sizes   (Karras et al. 2019, figure 2)."""

    seeds: Seeds  # the first seed; all others follow it
    rows: int  # of images at full resolution, >= 1
    halvings: list[int]  # for each column, how often its images are halved, >= 0; it has 2^halvings times as many
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        self.first, *others = parse_numbers(self.seeds)
        if others:
            raise ValueError(f"seeds must be the first one alone, the others follow it, got {self.seeds!r}")
        check_at_least(1, rows=self.rows)
        if not self.halvings or min(self.halvings) < 0:
            raise ValueError(f"halvings must be one number >= 0 for each column, got {self.halvings}")

    def __call__(self, generator: Generator) -> Result:
        """Draw column by column, a batch at a time; UserError for a sheet that is too large."""
        size = generator.resolution
        sizes = [max(1, size >> times) for times in self.halvings]
        if sum(sizes) * size * self.rows > MOST_PIXELS:
            given = f"rows={self.rows}, halvings={self.halvings}"
            raise UserError(f"{given}: more than {MOST_PIXELS / 1e6:.0f} million pixels")
        sheet = Image.new("RGB", (sum(sizes), size * self.rows), "white")
        seed, left, batch_size = self.first, 0, self.synthesizer.batch_size
        for side in sizes:
            count = self.rows * (size // side)
            for start in range(0, count, batch_size):
                latents = [Seed(seed + index) for index in range(start, min(start + batch_size, count))]
                for index, image in enumerate(self.synthesizer.images(generator, latents), start=start):
                    reduced = to_pil_image(image).resize((side, side), Image.Resampling.BOX)
                    sheet.paste(reduced, (left, index * side))
            seed, left = seed + count, left + side
        factor = max(1, -(-600 // sheet.width))
        shown = sheet.resize((sheet.width * factor, sheet.height * factor), Image.Resampling.NEAREST)
        psi = self.synthesizer.described(())
        heading = f"Seeds {self.first} to {seed - 1}, column by column, none left out; {psi}"
        return Result(under(heading, shown, max(13, shown.width // 50)), singles={"sheet": sheet})


@dataclass(eq=False)
class Mixing(Sampler):
    """Style mixing: a range of layers from the source above, all others from the destination at the left.

    As in Karras et al. 2019, section 3.1 and figure 3.
    """

    seeds: Seeds  # the sources, in the top row
    destinations: dict[str, Seeds | None] | Seeds  # name of a range -> whose layers in it are replaced; one: of all
    ranges: Ranges
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        check_ranges(self.ranges)
        self.sources = parse_seeds(self.seeds)
        given = self.destinations
        if not isinstance(given, dict):
            given = dict.fromkeys(self.ranges, given)
        self.latents = {name: parse_seeds(seeds) for name, seeds in given.items() if seeds is not None and seeds != []}
        if not self.latents:
            raise ValueError("destinations must name at least one range, such as {coarse: 5-7}")

    def __call__(self, generator: Generator) -> Result:
        synthesizer = self.synthesizer
        ranges = {name: find_range(name, self.ranges, generator.num_layers) for name in self.latents}
        sources, titles = synthesizer.styles(generator, self.sources), labels_of(self.sources)
        top = [enlarged(image) for image in synthesizer.images(generator, self.sources)]
        cells: Table[Image.Image] = {("", ""): Image.new("RGB", top[0].size, "white")}  # the corner
        cells |= {("", title): image for title, image in zip(titles, top, strict=True)}
        singles: dict[str, Image.Image] = {}
        for name, latents in self.latents.items():
            rows = [f"{label}\nwith {name} styles,\n{describe_range(ranges[name])}" for label in labels_of(latents)]
            for row, latent, own in zip(rows, latents, synthesizer.styles(generator, latents), strict=True):
                mixed = mix_styles(own.expand_as(sources), sources, *ranges[name])
                noise = latent.noise(generator)
                cells[row, ""] = enlarged(synthesizer.synthesize(generator, own[None], noise)[0])
                for title, image in zip(titles, synthesizer.synthesize(generator, mixed, noise), strict=True):
                    cells[row, title] = enlarged(image)
                    singles[f"{latent.label} {name} of {title}"] = to_pil_image(image)
        heading = (
            "Style mixing. Left: destinations; top: sources. An image takes the named layers' styles from the source "
            "above it and everything else from the destination at its left; "
            + synthesizer.described([*self.sources, *chain.from_iterable(self.latents.values())])
        )
        return Result(headed_table(heading, cells), singles=singles)


@dataclass(eq=False)
class Truncation(Sampler):
    """w' = w_avg + psi (w - w_avg) for several psi   (Karras et al. 2019, appendix B and figure 8)."""

    seeds: Seeds  # one row each
    truncation_psi: float | list[float]  # one column each; 1 is the image itself, 0 the mean image, -1 its opposite
    synthesizer: Synthesizer  # its own psi is not used

    def __post_init__(self) -> None:
        self.psis = self.truncation_psi if isinstance(self.truncation_psi, list) else [self.truncation_psi]
        if not self.psis:
            raise ValueError("truncation_psi must name at least one value, such as [1,0.7,0.5,0,-0.5,-1]")
        for psi in self.psis:
            check_psi(psi)
        self.latents = parse_seeds(self.seeds)

    def __call__(self, generator: Generator) -> Result:
        synthesizer = self.synthesizer
        whole = synthesizer.whole_styles(generator, self.latents)
        cells: Table[Image.Image] = {}
        singles: dict[str, Image.Image] = {}
        for label, latent, own in zip(labels_of(self.latents), self.latents, whole, strict=True):
            styles = torch.cat([synthesizer.truncated(generator, own[None], psi) for psi in self.psis])
            images = synthesizer.synthesize(generator, styles, latent.noise(generator))
            for psi, image in zip(self.psis, images, strict=True):
                cells[label, f"psi {psi:g}"] = enlarged(image)
                singles[f"{label} psi {psi:g}"] = to_pil_image(image)
        heading = "Truncation, w' = w_avg + psi (w - w_avg): psi 1 is the image itself, psi 0 the mean image"
        cutoff = synthesizer.truncation_cutoff
        heading += "" if cutoff is None else f"; only in the {cutoff} coarsest layers"
        return Result(headed_table(heading, cells), singles=singles)


@dataclass(eq=False)
class MeanImage(Sampler):
    """The image of the mean w beside the mean of images   (Karras et al. 2019, appendix B)."""

    seeds: Seeds  # the mean is over their w before truncation
    pixel_samples: int  # the mean of images is over so many of them, from the first, >= 1
    synthesizer: Synthesizer  # its psi is not used
    writes_tensors = True

    def __post_init__(self) -> None:
        check_at_least(1, pixel_samples=self.pixel_samples)
        self.numbers = parse_numbers(self.seeds)

    def __call__(self, generator: Generator) -> Result:
        synthesizer = self.synthesizer
        w = synthesizer.w(generator, self.numbers)  # (N, w_dim)
        mean, tracked = w.mean(0), generator.w_avg
        of_mean, of_tracked = synthesizer.synthesize(generator, generator.broadcast(torch.stack([mean, tracked])))
        total = torch.zeros_like(of_mean)
        sampled = w[: self.pixel_samples]
        for chunk in sampled.split(synthesizer.batch_size):
            total += synthesizer.synthesize(generator, generator.broadcast(chunk)).sum(0)
        images = {
            f"mean of w, {len(w)} seeds": of_mean,
            "w_avg, tracked in training": of_tracked,
            f"mean of pixels, {len(sampled)} seeds": total / len(sampled),
        }
        distance = float((mean - tracked).norm() / (w - mean).norm(dim=1).mean())
        heading = (
            "The mean image, without truncation (psi 1): the mean of w gives an image, the mean of pixels a blur. The "
            f"mean of w and w_avg are {distance:.3f} apart, where 1 is the mean distance of a w from the mean."
        )
        singles = dict(zip(("mean_w", "w_avg", "mean_pixels"), map(to_pil_image, images.values()), strict=True))
        table = headed_table(heading, {("", title): enlarged(image, 192) for title, image in images.items()})
        return Result(table, singles=singles, found={"w": generator.broadcast(mean[None])[0].cpu().clone()})
