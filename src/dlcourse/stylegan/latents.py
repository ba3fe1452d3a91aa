"""The random numbers that fakes are made of. Letters: N images, L layers, r a layer's resolution."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlcourse.stylegan.networks.generator import Generator, mix_styles


class Latents(NamedTuple):
    """The random numbers of a minibatch of fakes."""

    z: Tensor  # (N, 2, z_dim), the second one for style mixing
    labels: Tensor | None  # one-hot (N, num_classes)
    noise: list[Tensor]  # (N, 1, r, r) for each layer that is computed
    crossover: int  # the first layer that takes its style from the second latent


def draw_latents(
    generator: Generator, batch_size: int, labels: Tensor | None, lod: float, style_mixing_prob: float
) -> Latents:
    """Draw latents and noise ~ N(0, 1) on the generator's device, and the layer where styles are mixed.

    As in the official training there is one crossover per minibatch: with probability `style_mixing_prob` it is drawn
    from 1, ..., layers - 1, of the layers that are computed at this level of detail; else no styles are mixed.
    """
    device = generator.w_avg.device
    layers = generator.num_layers - 2 * int(lod)
    z = torch.randn(batch_size, 2, generator.z_dim, device=device)
    sizes = [2 ** (layer // 2 + 2) for layer in range(layers)]
    noise = [torch.randn(batch_size, 1, size, size, device=device) for size in sizes]
    is_mixed = torch.rand(()) < style_mixing_prob
    crossover = int(torch.randint(1, layers, ())) if is_mixed else layers
    return Latents(z, labels, noise, crossover)


def mixed_styles(generator: Generator, latents: Latents) -> tuple[Tensor, Tensor]:
    """w = f(z) of the first latents, (N, w_dim), and the mixed styles, (N, L, w_dim)."""
    w = generator.mapping(latents.z[:, 0], latents.labels)
    styles = generator.broadcast(w)
    if latents.crossover < len(latents.noise):
        other = generator.broadcast(generator.mapping(latents.z[:, 1], latents.labels))
        styles = mix_styles(styles, other, latents.crossover, generator.num_layers)
    return w, styles
