"""Preview images of a generator in training. Letters: N images, L layers."""

import torch
from torch import Tensor

from dlcourse.stylegan.networks.generator import Generator, mix_styles, truncate
from dlcourse.stylegan.sampling.ranges import default_ranges
from dlcourse.stylegan.sampling.seeds import draw_z
from dlcourse.stylegan.sampling.synthesizer import to_unit

SEEDS = 16
MIXED_SEEDS = 5  # as sources and as destinations
TRUNCATION_SEEDS = 6
PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # Karras et al. 2019, figure 8
PSI = 0.7


@torch.no_grad()
def previews(generator: Generator, lod: float) -> dict[str, Tensor]:
    """Images of fixed seeds: at psi 0.7; with the top row's coarse styles and the left column's others; at psi 1 to -1.

    A generator with classes shows them in turn. Returns name -> (N, 3, R, R) in [0, 1], N a square number.
    """
    draw = lambda styles: to_unit(generator.synthesis(styles, lod=lod).float().cpu())  # (N, L, w_dim) -> (N, 3, R, R)
    fakes = draw(truncate(styles_of(generator, SEEDS), generator.w_avg, PSI, None))
    styles = truncate(styles_of(generator, MIXED_SEEDS), generator.w_avg, PSI, None)
    first, last = default_ranges(generator.num_layers)["coarse"]
    mixed = [draw(mix_styles(own.expand_as(styles), styles, first, last)) for own in styles]
    sources = draw(styles)
    corner = torch.zeros_like(sources[:1])
    mixing = [corner, sources, *(torch.cat([own[None], row]) for own, row in zip(sources, mixed, strict=True))]
    some = styles_of(generator, TRUNCATION_SEEDS)
    truncation = [draw(truncate(some, generator.w_avg, psi, None)) for psi in PSIS]
    return {"fakes": fakes, "mixing": torch.cat(mixing), "truncation": torch.cat(truncation)}


def styles_of(generator: Generator, count: int) -> Tensor:
    """Styles of the first seeds, (N, L, w_dim); their classes are 0, 1, ..., 0, 1, ... if the generator has some."""
    device, size = generator.w_avg.device, generator.num_classes
    labels = torch.eye(size, device=device)[torch.arange(count) % size] if size else None
    return generator.broadcast(generator.mapping(draw_z(range(count), generator.z_dim).to(device), labels))
