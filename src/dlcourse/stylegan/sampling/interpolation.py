"""Animations: interpolation between images, and moving noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dlcourse.errors import check_at_least
from dlcourse.images.tables import Table, captioned, enlarged, headed_table
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.ranges import Ranges, check_ranges, find_range
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, labels_of, parse_numbers, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, seeded_noise

SMALLEST_FRAME = 256  # pixels


def slerp(first: Tensor, last: Tensor, t: float | Tensor) -> Tensor:
    """sin((1 - t) a) / sin(a) first + sin(t a) / sin(a) last, a the angle between them   (Shoemake 1985).

    This great circle keeps the length of latents of equal length; t 0 and 1 give both ends to the last bit.
    Shape: (N, D), (N, D), t a number or (N, 1) -> (N, D).
    """
    cosine = torch.nn.functional.cosine_similarity(first, last, dim=1).clamp(-1, 1)
    angle = torch.acos(cosine)[:, None]  # (N, 1)
    sine = torch.sin(angle)
    between = (torch.sin((1 - t) * angle) * first + torch.sin(t * angle) * last) / sine
    is_end = torch.as_tensor((t == 0) | (t == 1), device=first.device)
    is_line = (sine.abs() < 1e-6) | is_end
    return torch.where(is_line, torch.lerp(first, last, t), between)


SPACES: dict[str, tuple[str, Callable[..., Tensor] | None]] = {  # words for it, and how z are joined; None: w are
    "w": ("W, w = (1 - t) w1 + t w2", None),
    "z": ("Z, z = (1 - t) z1 + t z2", torch.lerp),
    "slerp": ("Z along the great circle", slerp),
}


@dataclass(eq=False)
class Interpolate(Sampler):
    """Interpolate from each image to the next one, and back to the first: w = (1 - t) w1 + t w2, or similarly in z."""

    seeds: Seeds  # at least two
    space: str  # "w", linear in the truncated w; "z", linear in z; "slerp", along the great circle between the z
    frames: int  # per pair of images, >= 1; t = 0, 1 / frames, ...
    stills: int  # columns of the table, from t = 0 to t = 1, >= 2
    seconds: float  # from one image to the next, > 0
    loop: bool  # whether the last image is followed by the first
    synthesizer: Synthesizer
    is_animated = True

    def __post_init__(self) -> None:
        self.latents = parse_seeds(self.seeds)
        if len(self.latents) < 2:
            raise ValueError(f"seeds must be at least two, got {self.seeds!r}")
        if self.space not in SPACES:
            raise ValueError(f"space must be one of {', '.join(SPACES)}, got {self.space!r}")
        if self.frames < 1 or self.stills < 2:
            got = f"{self.frames} and {self.stills}"
            raise ValueError(f"frames must be at least 1 and stills at least 2, got {got}")
        self.frame_seconds = seconds_per_frame(self.seconds, self.frames)

    def __call__(self, generator: Generator) -> Result:
        labels = labels_of(self.latents)
        draw_at = self.images_between(generator)
        pairs = len(self.latents) if self.loop else len(self.latents) - 1
        cells, frames = {}, []
        for start in range(pairs):
            end = (start + 1) % len(self.latents)
            row = f"{labels[start]} to {labels[end]}"
            for index in range(self.stills):
                t = index / (self.stills - 1)
                cells[row, f"t = {t:.2f}"] = enlarged(draw_at(start, end, t))
            for index in range(self.frames):
                t = index / self.frames
                frames.append(caption(draw_at(start, end, t), f"{row}, t = {t:.2f}"))
        if not self.loop:
            frames.append(caption(draw_at(pairs - 1, pairs, 1.0), labels[-1]))
        heading = f"Interpolation in {SPACES[self.space][0]}; {self.synthesizer.described(self.latents)}"
        return Result(headed_table(heading, cells), frames, self.frame_seconds)

    def images_between(self, generator: Generator) -> Callable[[int, int, float], Tensor]:
        """(indices of two latents, t) -> the image (3, R, R); their noise is interpolated linearly."""
        styles = self.styles_between(generator)
        noises = [latent.noise(generator) for latent in self.latents]

        def draw_at(start: int, end: int, t: float) -> Tensor:
            noise = [torch.lerp(*pair, t) for pair in zip(noises[start], noises[end], strict=True)]
            return self.synthesizer.synthesize(generator, styles(start, end, t), noise)[0]

        return draw_at

    def styles_between(self, generator: Generator) -> Callable[[int, int, float], Tensor]:
        """(indices of two latents, t) -> truncated styles (1, L, w_dim); classes are interpolated linearly."""
        synthesizer, between = self.synthesizer, SPACES[self.space][1]
        if between is None:
            ends = synthesizer.styles(generator, self.latents)
            return lambda start, end, t: torch.lerp(ends[start], ends[end], t)[None]
        z = torch.cat([latent.z(generator) for latent in self.latents])
        labels = synthesizer.labels(generator, self.latents)

        @torch.no_grad()
        def styles(start: int, end: int, t: float) -> Tensor:
            mixed = None if labels is None else torch.lerp(labels[start], labels[end], t)[None]
            w = generator.mapping(between(z[start][None], z[end][None], t), mixed)
            return synthesizer.truncated(generator, generator.broadcast(w))

        return styles


@dataclass(eq=False)
class NoiseWalk(Sampler):
    """Images with noise on a circle: n(t) = cos(2 pi t) n1 + sin(2 pi t) n2, which is N(0, 1) at every t."""

    seeds: Seeds  # one image each, side by side
    noise_seeds: Seeds  # two, of n1 and n2
    layers: str  # whose noise moves, see `find_range`
    ranges: Ranges
    frames: int  # per round, >= 2
    seconds: float  # per round, > 0
    synthesizer: Synthesizer
    is_animated = True

    def __post_init__(self) -> None:
        check_ranges(self.ranges)
        self.latents, self.ends = parse_seeds(self.seeds), parse_numbers(self.noise_seeds)
        if len(self.ends) != 2:
            raise ValueError(f"noise_seeds must be two, got {self.noise_seeds!r}")
        check_at_least(2, frames=self.frames)
        self.frame_seconds = seconds_per_frame(self.seconds, self.frames)

    def __call__(self, generator: Generator) -> Result:
        """Draw the frames, and eight of them as a strip."""
        styles = self.synthesizer.styles(generator, self.latents)
        noise = self.circle(generator)
        labels = labels_of(self.latents)
        eighths = {eighth * self.frames // 8 for eighth in range(8)}
        cells: Table[Image.Image] = {}
        frames = []
        for index in range(self.frames):
            t = index / self.frames
            images = self.synthesizer.synthesize(generator, styles, noise(t))
            frames.append(caption(torch.cat(list(images), dim=2), ", ".join(labels)))
            if index in eighths:
                cells |= {(label, f"t = {t:.2f}"): enlarged(image) for label, image in zip(labels, images, strict=True)}
        psi = self.synthesizer.described(self.latents)
        heading = f"Noise on a circle, in {self.layers} layers: n(t) = cos(2 pi t) n1 + sin(2 pi t) n2; {psi}"
        return Result(headed_table(heading, cells), frames, self.frame_seconds)

    def circle(self, generator: Generator) -> Callable[[float], list[Tensor]]:
        """t -> the noise of every layer, the stored one in layers that do not move."""
        first, last = find_range(self.layers, self.ranges, generator.num_layers)
        n1, n2 = (seeded_noise(generator, number)[first:last] for number in self.ends)
        stored = stored_noise(generator)

        def noise(t: float) -> list[Tensor]:
            x, y = math.cos(2 * math.pi * (t % 1)), math.sin(2 * math.pi * (t % 1))
            moving = [x * one + y * other for one, other in zip(n1, n2, strict=True)]
            return [*stored[:first], *moving, *stored[last:]]

        return noise


def seconds_per_frame(seconds: float, frames: int) -> float:
    if not 0.04 <= seconds / frames <= 60:
        raise ValueError(f"seconds / frames must be in [0.04, 60], got {seconds:g} / {frames}")
    return seconds / frames


def caption(image: Tensor, text: str) -> Image.Image:
    """A frame: an image (3, H, W) with a line of text below."""
    frame = enlarged(image, SMALLEST_FRAME)
    return captioned(frame, text, frame.size)
