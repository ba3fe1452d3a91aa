"""Noise: variations of one image, their standard deviation, and what each range of layers adds."""

from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from dlcourse.images.tables import Table, enlarged, gain_for, headed_table, heat
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.ranges import Ranges, check_ranges, describe_range, find_range
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, labels_of, parse_numbers, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, seeded_noise


@dataclass(eq=False)
class Noise(Sampler):
    """A part of an image with several draws of noise, and how much pixels vary   (Karras et al. 2019, figure 4)."""

    seeds: Seeds  # one row each
    noise_seeds: Seeds  # the standard deviation is over all of them, >= 2
    variations: int  # how many of them are shown, from the first, >= 0
    crop: list[float]  # the part that is shown, [left, top, side] as shares of the image; [0, 0, 1] is all of it
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        self.latents, self.noises, crop = parse_seeds(self.seeds), parse_numbers(self.noise_seeds), self.crop
        if len(self.noises) < 2:
            raise ValueError(f"noise_seeds must be at least 2, got {self.noise_seeds!r}")
        if not 0 <= self.variations <= len(self.noises):
            raise ValueError(f"variations must be in [0, {len(self.noises)}], the noise_seeds, got {self.variations}")
        if not (len(crop) == 3 and min(crop) >= 0 and crop[2] > 0 and max(crop[0], crop[1]) + crop[2] <= 1):
            raise ValueError(f"crop must be [left, top, side], a square within [0, 1], got {crop}")

    def __call__(self, generator: Generator) -> Result:
        cells: Table[Image.Image] = {}
        singles: dict[str, Image.Image] = {}
        styles = self.synthesizer.styles(generator, self.latents)
        deviations: dict[str, Tensor] = {}
        size = max(192, generator.resolution)
        for row, own in zip(labels_of(self.latents), styles, strict=True):
            shown, deviations[row] = self.vary(generator, own[None])
            (stored,) = self.synthesizer.synthesize(generator, own[None])
            cells[row, "stored noise"] = framed(enlarged(stored, size), self.crop)
            for number, image in zip(self.noises, shown, strict=False):
                cells[row, f"noise {number}"] = enlarged(cropped(image, self.crop), size)
                singles[f"{row} noise {number}"] = to_pil_image(image)
        every = torch.stack([*deviations.values()])
        gain = gain_for(every)
        for row, deviation in deviations.items():
            cells[row, f"deviation x {gain:g}"] = heat(deviation * gain, size)
            singles[f"{row} deviation x {gain:g}"] = heat(deviation * gain, 1)
        heading = (
            f"Noise. Parts of one image under other draws of noise, and the standard deviation of each pixel over "
            f"{len(self.noises)} draws (on average {100 * every.mean():.2g} % of the range; the map is {gain:g} times "
            f"as bright); {self.synthesizer.described(self.latents)}"
        )
        return Result(headed_table(heading, cells), singles=singles)

    def vary(self, generator: Generator, styles: Tensor) -> tuple[list[Tensor], Tensor]:
        """The first variations, and the standard deviation of each pixel's mean colour over all of them, (R, R)."""
        shown: list[Tensor] = []
        mean = squares = torch.zeros(generator.resolution, generator.resolution, dtype=torch.float64)
        for count, number in enumerate(self.noises, start=1):
            (image,) = self.synthesizer.synthesize(generator, styles, seeded_noise(generator, number))
            shown += [image] if count <= self.variations else []
            grey = image.double().mean(0)
            step = grey - mean
            mean = mean + step / count
            squares = squares + step * (grey - mean)
        return shown, (squares / len(self.noises)).sqrt().float()


@dataclass(eq=False)
class NoiseComponents(Sampler):
    """Noise in all layers, none, the fine or the coarse ones   (Karras et al. 2019, figure 5)."""

    seeds: Seeds  # one row each
    ranges: Ranges  # coarse here is everything below the range `fine`
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        check_ranges(self.ranges)
        self.latents = parse_seeds(self.seeds)

    def __call__(self, generator: Generator) -> Result:
        num_layers = generator.num_layers
        first, last = find_range("fine", self.ranges, num_layers)
        kinds = {
            "all layers": [0, num_layers],
            "none": [0, 0],
            f"fine, {describe_range([first, last])}": [first, last],
            f"coarse, {describe_range([0, first])}": [0, first],
        }
        styles = self.synthesizer.styles(generator, self.latents)
        rows = labels_of(self.latents)
        cells: Table[Image.Image] = {}
        singles: dict[str, Image.Image] = {}
        for title, limits in kinds.items():
            images = self.synthesizer.synthesize(generator, styles, noise_within(generator, limits))
            for row, image in zip(rows, images, strict=True):
                cells[row, title] = enlarged(image, 192)
                singles[f"{row} {title.partition(',')[0]}"] = to_pil_image(image)
        heading = (
            "The same images with the stored noise in all layers, in none, in the fine and in the coarse ones; "
            + self.synthesizer.described(self.latents)
        )
        return Result(headed_table(heading, cells), singles=singles)


def noise_within(generator: Generator, limits: list[int]) -> list[Tensor]:
    """The stored noise in the layers of a range, zeros in the others."""
    first, last = limits
    stored = stored_noise(generator)
    return [own if first <= layer < last else torch.zeros_like(own) for layer, own in enumerate(stored)]


def cropped(image: Tensor, crop: list[float]) -> Tensor:
    """The part [left, top, side], in shares, of (3, R, R); at least a pixel."""
    size = image.shape[-1]
    side = max(1, round(crop[2] * size))
    left, top = (min(round(share * size), size - side) for share in crop[:2])
    return image[:, top : top + side, left : left + side]


def framed(image: Image.Image, crop: list[float]) -> Image.Image:
    """The image with a frame drawn around the part [left, top, side], unless that is all of it."""
    if crop[2] < 1:
        left, top, side = (round(share * image.width) for share in crop)
        box = left, top, left + max(side, 1) - 1, top + max(side, 1) - 1
        ImageDraw.Draw(image).rectangle(box, outline="white", width=max(2, image.width // 96))
        ImageDraw.Draw(image).rectangle(box, outline="black", width=max(1, image.width // 192))
    return image
