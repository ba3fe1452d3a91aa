"""Preview images of a generator in training. Letters: N images, L layers."""

import torch
from torch import Tensor

from dlcourse.stylegan.networks.generator import Generator, mix_styles, truncate
from dlcourse.stylegan.sampling.ranges import default_ranges
from dlcourse.stylegan.sampling.seeds import draw_z
from dlcourse.stylegan.sampling.synthesizer import to_unit

SEEDS = range(16)
MIXED_SEEDS = range(5)  # as sources and as destinations
TRUNCATION_SEEDS = range(6)
PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # Karras et al. 2019, figure 8
PSI = 0.7


@torch.no_grad()
def previews(generator: Generator, lod: float) -> dict[str, Tensor]:
    """Images of fixed seeds: at psi 0.7; with the top row's coarse styles and the left column's others; at psi 1 to -1.

    A generator with classes shows them in turn. Returns name -> (N, 3, R, R) in [0, 1], N a square number.
    """
    fakes = image_batch(generator, truncate(styles_of(generator, len(SEEDS)), generator.w_avg, PSI, None), lod)
    styles = styles_of(generator, len(MIXED_SEEDS))
    first, last = default_ranges(generator.num_layers)["coarse"]
    whole = truncate(styles, generator.w_avg, PSI, None)
    rows = [mix_styles(own.expand_as(whole), whole, first, last) for own in whole]
    mixed = [image_batch(generator, row, lod) for row in rows]
    sources = image_batch(generator, whole, lod)
    corner = torch.zeros_like(sources[:1])
    mixing = [corner, sources, *(torch.cat([own[None], row]) for own, row in zip(sources, mixed, strict=True))]
    some = styles_of(generator, len(TRUNCATION_SEEDS))
    truncation = [image_batch(generator, truncate(some, generator.w_avg, psi, None), lod) for psi in PSIS]
    return {"fakes": fakes, "mixing": torch.cat(mixing), "truncation": torch.cat(truncation)}


def styles_of(generator: Generator, count: int) -> Tensor:
    """Styles of the first seeds, (N, L, w_dim)."""
    z = draw_z(range(count), generator.z_dim).to(generator.w_avg.device)
    w = generator.mapping(z, classes_in_turn(generator, count))
    return w[:, None].expand(-1, generator.num_layers, -1)


def classes_in_turn(generator: Generator, count: int) -> Tensor | None:
    """Labels of the classes 0, 1, ..., 0, 1, ..., (N, num_classes), or None for a generator without classes."""
    size = generator.num_classes
    return torch.eye(size, device=generator.w_avg.device)[torch.arange(count) % size] if size else None


def image_batch(generator: Generator, styles: Tensor, lod: float) -> Tensor:
    """synthesis(styles), (N, L, w_dim) -> (N, 3, R, R) in [0, 1] on the CPU."""
    return to_unit(generator.synthesis(styles, lod=lod).float().cpu())
