"""Sheets of images as they come."""

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.images.tables import labelled_grid, under
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.result import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seed, Seeds, parse_numbers, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import MOST_PIXELS, Synthesizer


class Grid(Sampler):
    """A sheet of images, each labelled with its seed.

    Args:
        seeds: as parse_seeds takes them.
        columns: images per row, >= 1.
        synthesizer: draws the images.

    Raises:
        ValueError: a value outside these ranges.
    """

    def __init__(self, seeds: Seeds, columns: int, synthesizer: Synthesizer):
        if columns < 1:
            raise ValueError(f"columns must be at least 1, got {columns}")
        self.points, self.columns, self.synthesizer = parse_seeds(seeds), columns, synthesizer

    def __call__(self, generator: Generator) -> Result:
        """Draw the sheet."""
        images = self.synthesizer.images(generator, self.points)
        labels = [point.label for point in self.points]
        singles = {label.replace(" ", "_"): to_pil_image(image) for label, image in zip(labels, images, strict=True)}
        return Result(labelled_grid(images, labels, self.columns), singles=singles)


class Uncurated(Sampler):
    """Images as they come, large and small   (Karras et al. 2019, figure 2).

    Args:
        seeds: the first one; the others follow it one by one, none left out.
        rows: of images at full resolution, >= 1.
        halvings: for each column how often its images are halved, >= 0; it holds 2^halvings as many.
        synthesizer: draws the images.

    Raises:
        ValueError: a value outside these ranges.
    """

    def __init__(self, seeds: Seeds, rows: int, halvings: list[int], synthesizer: Synthesizer):
        numbers = parse_numbers(seeds)
        if len(numbers) > 1:
            raise ValueError(f"seeds must be the first one alone, the others follow it, got {seeds!r}")
        if rows < 1:
            raise ValueError(f"rows must be at least 1, got {rows}")
        if not halvings or min(halvings) < 0:
            raise ValueError(f"halvings must be one number >= 0 for each column, got {halvings}")
        self.first, self.rows, self.halvings, self.synthesizer = numbers[0], rows, halvings, synthesizer

    def __call__(self, generator: Generator) -> Result:
        """Draw column by column; no more images are kept than the sheet shows.

        Raises:
            UserError: a sheet that is too large.
        """
        size = generator.resolution
        sizes = [max(1, size >> times) for times in self.halvings]
        if sum(sizes) * size * self.rows > MOST_PIXELS:
            raise UserError(
                f"rows={self.rows}, halvings={self.halvings}: more than {MOST_PIXELS / 1e6:.0f} million pixels"
            )
        sheet = Image.new("RGB", (sum(sizes), size * self.rows), "white")
        seed, left = self.first, 0
        for side in sizes:
            count = self.rows * (size // side)
            points = [Seed(number) for number in range(seed, seed + count)]
            for index, point in enumerate(points):
                (image,) = self.synthesizer.images(generator, [point])
                reduced = to_pil_image(image).resize((side, side), Image.Resampling.BOX)
                sheet.paste(reduced, (left, index * side))
            seed, left = seed + count, left + side
        factor = max(1, -(-600 // sheet.width))
        shown = sheet.resize((sheet.width * factor, sheet.height * factor), Image.Resampling.NEAREST)
        psi = self.synthesizer.truncation_psi
        heading = f"Seeds {self.first} to {seed - 1}, column by column, none left out; psi {psi:g}"
        return Result(under(heading, shown, max(13, shown.width // 50)), singles={"sheet": sheet})
