"""Preview images of a generator in training. Letters: N images, L layers, R resolution."""

import math

import torch
from PIL import Image
from torch import Tensor

from dlcourse.images.tables import Table, enlarged, enlargement, headed_table, labelled_grid, under
from dlcourse.images.tensors import to_tensor
from dlcourse.stylegan.networks.generator import Generator, mix_styles, truncate
from dlcourse.stylegan.sampling.ranges import default_ranges, describe_range
from dlcourse.stylegan.sampling.seeds import Seed, draw_z
from dlcourse.stylegan.sampling.synthesizer import to_unit

SEEDS, COLUMNS = 16, 4
MIXED_SEEDS = 5  # as sources and as destinations
TRUNCATION_SEEDS = 6
PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # Karras et al. 2019, figure 8
PSI = 0.7  # as in configs/sample.yaml: a seed is the same face here and in every sampler
SMALLEST = 128  # pixels per side of an image, so that a grid has more than 512


@torch.no_grad()
def previews(generator: Generator, lod: float, progress: str) -> dict[str, Tensor]:
    """Captioned images of fixed seeds: at psi 0.7; with the top row's coarse styles; at psi 1 to -1.

    A generator with classes shows them in turn. The captions begin with `progress`. Returns name -> (1, 3, H, W) in
    [0, 1].
    """
    draw = lambda styles: to_unit(generator.synthesis(styles, lod=lod).float().cpu())  # (N, L, w_dim) -> (N, 3, R, R)
    whole, titles = styles_of(generator, SEEDS), [seed.label for seed in seeds_of(generator, SEEDS)]
    styles = truncate(whole, generator.w_avg, PSI, None)
    fakes = draw(styles)
    truncated = [draw(truncate(whole[:TRUNCATION_SEEDS], generator.w_avg, psi, None)) for psi in PSIS]  # by column
    truncation = {
        (title, f"psi {psi:g}"): enlarged(image, SMALLEST)
        for row, title in enumerate(titles[:TRUNCATION_SEEDS])
        for psi, image in zip(PSIS, (column[row] for column in truncated), strict=True)
    }
    progress = f"{progress}; {described_lod(generator.resolution, lod)}. Average of the generator"
    coarse = default_ranges(generator.num_layers)["coarse"]
    mixing = mixing_table(draw, styles[:MIXED_SEEDS], titles[:MIXED_SEEDS], coarse)
    above = f"coarse styles, {describe_range(coarse)}, of the seed above, all others of the seed at the left"
    sheets = {
        "fakes": under(f"{progress}, psi {PSI:g}.", labelled_grid(fakes, titles, COLUMNS, SMALLEST)),
        "mixing": headed_table(f"{progress}, psi {PSI:g}: {above}.", mixing),
        "truncation": headed_table(f"{progress}: truncation, w' = w_avg + psi (w - w_avg).", truncation),
    }
    return {name: to_tensor(sheet)[None] for name, sheet in sheets.items()}


def mixing_table(draw, styles: Tensor, titles: list[str], limits: list[int]) -> Table[Image.Image]:
    """The images of `styles` (N, L, w_dim) above and at the left; between them, styles in `limits` from above."""
    sources = [enlarged(image, SMALLEST) for image in draw(styles)]
    cells: Table[Image.Image] = {("", ""): Image.new("RGB", sources[0].size, "white")}  # the corner
    cells |= {("", title): image for title, image in zip(titles, sources, strict=True)}
    for row, own, image in zip(titles, styles, sources, strict=True):
        mixed = draw(mix_styles(own.expand_as(styles), styles, *limits))
        cells[row, ""] = image
        cells |= {(row, title): enlarged(one, SMALLEST) for title, one in zip(titles, mixed, strict=True)}
    return cells


def real_sheet(images: Tensor) -> Tensor:
    """Some images of the data set, uint8 (N, 3, R, R), evenly spaced, with a caption: (1, 3, H, W) in [0, 1]."""
    size, count = images.shape[-1], len(images)
    chosen = torch.linspace(0, count - 1, min(SEEDS, count)).round().long()
    titles = [f"image {index}" for index in chosen.tolist()]
    sheet = labelled_grid(images[chosen].float() / 255, titles, COLUMNS, SMALLEST)
    return to_tensor(under(f"Real images of the training set; {described_lod(size, 0.0)}.", sheet))[None]


def described_lod(resolution: int, lod: float) -> str:
    """The pixels that a level of detail shows, and how they are enlarged, in words for a caption."""
    low, high = (resolution >> level for level in (math.ceil(lod), math.floor(lod)))
    faded = f"{low} x {low} pixels" + ("" if low == high else f" fading into {high} x {high}")
    factor = enlargement(resolution, SMALLEST) * resolution // high
    return faded + (f", enlarged {factor} times" if factor > 1 else "")


def seeds_of(generator: Generator, count: int) -> list[Seed]:
    """The first seeds; their classes are 0, 1, ..., 0, 1, ... if the generator has some."""
    size = generator.num_classes
    return [Seed(number, number % size if size else None) for number in range(count)]


def styles_of(generator: Generator, count: int) -> Tensor:
    """Styles of `seeds_of`, (N, L, w_dim)."""
    device, size = generator.w_avg.device, generator.num_classes
    labels = torch.eye(size, device=device)[torch.arange(count) % size] if size else None
    return generator.broadcast(generator.mapping(draw_z(range(count), generator.z_dim).to(device), labels))
