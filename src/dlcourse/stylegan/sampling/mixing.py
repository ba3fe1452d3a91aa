"""Style mixing: coarse, middle or fine styles of one image in another."""

from PIL import Image

from dlcourse.images.tables import Table, enlarged, headed_table, unique
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator, mix_styles
from dlcourse.stylegan.sampling.ranges import Ranges, check_ranges, chosen_range, describe, resolve_ranges
from dlcourse.stylegan.sampling.result import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import Synthesizer


class Mixing(Sampler):
    """Styles of a range of layers from the source above, all others from the destination at the left.

    (Karras et al. 2019, section 3.1 and figure 3)

    Args:
        seeds: the sources, along the top.
        destinations: name of a range -> the destinations at the side whose layers of this range are replaced;
            None leaves the range out.
        ranges: layers by name, [first, behind the last]; None, and what is not named, is as `default_ranges` has it.
        synthesizer: draws the images.

    Raises:
        ValueError: seeds or ranges that make no sense.
    """

    def __init__(self, seeds: Seeds, destinations: dict[str, Seeds | None], ranges: Ranges, synthesizer: Synthesizer):
        check_ranges(ranges)
        self.sources = parse_seeds(seeds)
        self.destinations = {name: parse_seeds(given) for name, given in destinations.items() if given is not None}
        if not self.destinations:
            raise ValueError("destinations must name at least one range, such as {coarse: 5-7}")
        self.ranges, self.synthesizer = ranges, synthesizer

    def __call__(self, generator: Generator) -> Result:
        """Draw the table."""
        ranges = resolve_ranges(self.ranges, generator.num_layers)
        synthesizer = self.synthesizer
        sources = synthesizer.styles(generator, self.sources)
        titles = unique([point.label for point in self.sources])
        cells: Table[Image.Image] = {}
        singles: dict[str, Image.Image] = {}
        for title, image in zip(titles, synthesizer.images(generator, self.sources), strict=True):
            cells["", title] = enlarged(image)
        for name, points in self.destinations.items():
            first, last = chosen_range(ranges, name)
            rows = unique([f"{point.label}\nwith {name} styles,\n{describe([first, last])}" for point in points])
            for row, point, own in zip(rows, points, synthesizer.styles(generator, points), strict=True):
                mixed = mix_styles(own.expand_as(sources), sources, first, last)
                noise = point.noise(generator)
                (destination,) = synthesizer.synthesize(generator, own[None], noise)
                cells[row, ""] = enlarged(destination)
                for title, image in zip(titles, synthesizer.synthesize(generator, mixed, noise), strict=True):
                    cells[row, title] = enlarged(image)
                    singles[f"{point.label}_{name}_of_{title}".replace(" ", "_")] = to_pil_image(image)
        heading = (
            "Style mixing. Left: destinations; top: sources. An image takes the named layers' styles from the source "
            "above it and everything else from the destination at its left."
        )
        return Result(headed_table(heading, corner_first(cells)), singles=singles)


def corner_first(cells: Table[Image.Image]) -> Table[Image.Image]:
    """The same cells behind an empty corner, so that the column without a title is the first one."""
    size = next(iter(cells.values())).size
    return {("", ""): Image.new("RGB", size, "white")} | cells
