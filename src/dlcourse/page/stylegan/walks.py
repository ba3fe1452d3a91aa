"""Animations of the StyleGAN tab: from image to image, or moving noise."""

import math
from collections.abc import Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor

from dlcourse.images.tensors import to_pil_image
from dlcourse.page.stylegan.networks import Network
from dlcourse.stylegan.sampling.synthesizer import seeded_noise

Frame = tuple[Tensor, list[Tensor]]  # the styles (L, w_dim) and the noise of each layer


def between(keys: Sequence[Frame], frames: int, loop: bool) -> Iterator[Frame]:
    """From each key to the next in so many frames, linear in W and in the noise; in a loop also back to the first."""
    ends = [*keys[1:], *keys[:1]] if loop else keys[1:]
    for (styles, noise), (next_styles, next_noise) in zip(keys, ends, strict=False):
        for index in range(frames):
            t = index / frames
            pairs = zip(noise, next_noise, strict=True)
            yield torch.lerp(styles, next_styles, t), [torch.lerp(one, other, t) for one, other in pairs]
    if not loop:
        yield keys[-1]


def noise_loop(network: Network, key: Frame, frames: int) -> Iterator[Frame]:
    """One image with noise on a circle, n(t) = cos(2 pi t) n1 + sin(2 pi t) n2, as `sampler=noise_walk`."""
    n1, n2 = (seeded_noise(network.generator, seed) for seed in (0, 1))
    for index in range(frames):
        x, y = math.cos(2 * math.pi * index / frames), math.sin(2 * math.pi * index / frames)
        yield key[0], [x * one + y * other for one, other in zip(n1, n2, strict=True)]


def draw(network: Network, frames: Iterator[Frame], least: int = 256) -> Iterator[Image.Image]:
    """The frames as images of at least `least` pixels per side, so that small ones can be seen."""
    for styles, noise in frames:
        image = to_pil_image(network.draw(styles, noise))
        factor = -(-least // image.width)
        yield image.resize((image.width * factor,) * 2, Image.Resampling.NEAREST) if factor > 1 else image
