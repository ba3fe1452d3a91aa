"""How much, and at which scale, the style of each layer changes the image."""

import math
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.images.figures import COLORS, new_figure, to_image
from dlcourse.images.tables import Table, enlarged, gain_for, headed_table, heat, stacked
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator, mix_styles
from dlcourse.stylegan.sampling.ranges import describe_range
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

HEADING = (
    "Style inputs one at a time: each image has the style of one layer from {}, all others from {}; beneath it, how "
    "much each pixel changed, {:g} times as bright; {}. The chart, a mean over all seeds, is the share of the squared "
    "change by its scale: up to 4x4 means what an image of 4x4 pixels could show."
)


@dataclass(eq=False)
class Layers(Sampler):
    """Replace the style of each layer in turn by the next image's and measure the change.

    Each of `seeds` gets the next one's styles, the last one the first one's. The images are the first seed's, the chart
    is the mean over all.
    """

    seeds: Seeds  # at least two
    synthesizer: Synthesizer

    def __post_init__(self) -> None:
        self.latents = parse_seeds(self.seeds)
        if len(self.latents) < 2:
            raise ValueError(f"seeds must be at least two, got {self.seeds!r}")

    def __call__(self, generator: Generator) -> Result:
        styles = self.synthesizer.styles(generator, self.latents)
        images = self.synthesizer.synthesize(generator, styles)  # (N, 3, R, R)
        shown, energies = [], []
        for layer in range(generator.num_layers):
            mixed = mix_styles(styles, styles.roll(-1, 0), layer, layer + 1)
            drawn = self.synthesizer.synthesize(generator, mixed)
            shown.append(drawn[0])
            energies.append(energy_by_octave(drawn - images).mean(0))
        titles = [describe_range([layer, layer + 1]) for layer in range(generator.num_layers)]
        upper = self.tables(images[0], shown, titles)
        chart = to_pil_image(chart_of(torch.stack(energies), scale=max(1.0, upper.width / 1800))[0])
        singles = {f"layer_{layer:02}": to_pil_image(image) for layer, image in enumerate(shown)}
        return Result(stacked([upper, chart]), singles=singles | {"chart": chart})

    def tables(self, image: Tensor, changed: list[Tensor], titles: list[str]) -> Image.Image:
        """The image at the left, then a column for each layer: the changed image and a map of the change."""
        own, next_one = (latent.label for latent in self.latents[:2])
        cells: Table[Image.Image] = {("changed", own): enlarged(image)}
        maps = torch.stack([(other - image).abs().mean(0) for other in changed])
        gain = gain_for(maps)
        for title, other, change in zip(titles, changed, maps, strict=True):
            cells["changed", title] = enlarged(other)
            cells[f"change x {gain:g}", title] = heat(change * gain)
        return headed_table(HEADING.format(next_one, own, gain, self.synthesizer.described(self.latents)), cells)


def energy_by_octave(change: Tensor) -> Tensor:
    """The squared change of each image by scale: up to 4x4, 8x8, ..., RxR, (N, 3, R, R) -> (N, log2(R) - 1).

    A frequency of f periods per image (the larger one of both axes) needs a grid of 2 f pixels. The sum over scales is
    the mean square over pixels and colours   (Parseval).
    """
    size = change.shape[-1]
    power = torch.fft.fft2(change.double(), norm="forward").abs().square().mean(1)  # (N, R, R)
    frequency = torch.fft.fftfreq(size, 1 / size).abs()
    frequency = torch.maximum(frequency[:, None], frequency)  # (R, R)
    octave = torch.log2(frequency.clamp(min=2)).ceil().long() - 1  # 0: up to 2 periods, 1: up to 4, ...
    bands = int(math.log2(size)) - 1
    return torch.stack([(power * (octave == band)).sum((1, 2)) for band in range(bands)], dim=1)


def chart_of(energies: Tensor, scale: float = 1.0) -> Tensor:
    """A bar chart of the scales' shares over one of the changes' sizes by layer: (L, bands) -> (1, 3, H, W)."""
    total = energies.sum(1, keepdim=True)
    if not total.max() > 0:
        raise UserError("no style changes the image: is this generator trained, and psi not 0?")
    shares = energies / total.clamp(min=torch.finfo(energies.dtype).tiny)
    figure = new_figure(9, 5)
    figure.set_dpi(100 * scale)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    layers = range(len(energies))
    bottom = torch.zeros(len(energies), dtype=shares.dtype)
    for band, share in enumerate(shares.T):
        size = 2 ** (band + 2)
        color, label = COLORS[band % len(COLORS)], f"up to {size}x{size}"
        upper.bar(layers, share.numpy(), bottom=bottom.numpy(), color=color, label=label)
        bottom = bottom + share
    upper.set_title("What each layer's style changes, mean over seeds")
    upper.set(ylabel="share of the squared change", ylim=(0, 1))
    upper.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="scale", reverse=True)
    lower.bar(layers, energies.sum(1).sqrt().numpy(), color="grey")
    lower.set(xlabel="layer whose style is replaced", ylabel="change (RMS)", xticks=list(layers))
    figure.tight_layout()
    return to_image(figure)
