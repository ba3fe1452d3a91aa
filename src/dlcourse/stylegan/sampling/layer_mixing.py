"""One image from several seeds, mixed layer by layer and moved along principal components."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.editing import MOST_STRENGTH, principal_components
from dlcourse.stylegan.sampling.sampler import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Latent, Seeds, parse_numbers, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, seeded_noise

WEIGHTS = (-1.0, 2.0)  # the least and the largest weight of a seed in a layer
MOST_NOISE = 10.0
LayerNoise = list[Tensor] | Literal["none"]


@dataclass(eq=False)
class LayerMixing(Sampler):
    """w_l <- (1 - a_l) w_l + a_l w'_l in each layer l for each further seed, then w_l + strength * component.

    The truncated styles of seeds are mixed, as in Karras et al. 2019, section 3.1, where every a_l is 0 or 1. The
    components are principal components of W (Harkonen et al. 2020). The result is the image itself, without labels.
    """

    seeds: Seeds  # the first one is mixed with the others, one after the other; its noise is the stored one
    weights: list[list[float]]  # for each seed but the first: its weight a_l in every layer, in WEIGHTS
    edits: list[list[float]]  # each [component, from 0; strength in standard deviations; first layer; behind the last]
    component_seeds: Seeds  # more than one; the components are those of their w before truncation
    noise: int | str  # stored, none, or a seed
    noise_strength: float  # a factor on the noise, >= 0
    synthesizer: Synthesizer
    writes_tensors = True

    def __post_init__(self) -> None:
        self.latents: list[Latent] = parse_seeds(self.seeds)
        self.sampled = parse_numbers(self.component_seeds)
        others, rows = len(self.latents) - 1, len(self.weights)
        if rows != others:
            raise ValueError(f"weights must have a row for each seed but the first, so {others}, got {rows}")
        for weight in (weight for row in self.weights for weight in row):
            if not WEIGHTS[0] <= weight <= WEIGHTS[1]:
                raise ValueError(f"weights must be in [{WEIGHTS[0]:g}, {WEIGHTS[1]:g}], got {weight}")
        if not (self.noise in ("stored", "none") or (isinstance(self.noise, int) and self.noise >= 0)):
            raise ValueError(f"noise must be stored, none or a seed, got {self.noise!r}")
        if not 0 <= self.noise_strength <= MOST_NOISE:
            raise ValueError(f"noise_strength must be in [0, {MOST_NOISE:g}], got {self.noise_strength}")
        for edit in self.edits:
            self.check_edit(edit)

    def check_edit(self, edit: list[float]) -> None:
        """Raise ValueError for an edit that fits no generator."""
        if len(edit) != 4 or any(number != int(number) or number < 0 for number in (edit[0], *edit[2:])):
            form = "[component, strength, first layer, layer behind the last], such as [0, 1.5, 0, 4]"
            raise ValueError(f"edits must be a list of {form}, got {edit}")
        if not edit[0] < len(self.sampled):
            raise ValueError(f"edits: components are in [0, {len(self.sampled)}), got {edit[0]:g}")
        if not abs(edit[1]) <= MOST_STRENGTH:
            raise ValueError(f"edits: strengths must be in [{-MOST_STRENGTH:g}, {MOST_STRENGTH:g}], got {edit[1]}")

    def __call__(self, generator: Generator) -> Result:
        styles, noise = self.styles(generator), self.layer_noise(generator)
        (image,) = self.synthesizer.synthesize(generator, styles[None], noise)
        saved = [one.cpu() for one in noise_tensors(generator, noise)]
        found = {"w": styles.cpu().clone(), "noise": saved}
        return Result(to_pil_image(image), found=found)

    def styles(self, generator: Generator, components: Tensor | None = None) -> Tensor:
        """The styles of the image, (L, w_dim); `components` are those of `components_of`, if they are known."""
        first, *others = self.synthesizer.styles(generator, self.latents)
        mixed = first.clone()
        for row, other in zip(self.weights, others, strict=True):
            if len(row) != generator.num_layers:
                raise UserError(f"weights: rows of {generator.num_layers}, one for each layer, got {len(row)}")
            mixed = torch.lerp(mixed, other, torch.tensor(row).to(mixed)[:, None])
        if self.edits and components is None:
            components = self.components_of(generator, max(int(edit[0]) for edit in self.edits) + 1)
        for index, strength, start, stop in self.edits:
            assert components is not None
            if index >= len(components) or stop > generator.num_layers:
                most = f"components 0 to {len(components) - 1} and layers 0 to {generator.num_layers - 1}"
                raise UserError(f"edits: this generator has {most}, got {[index, strength, start, stop]}")
            mixed[int(start) : int(stop)] += strength * components[int(index)]
        return mixed

    def components_of(self, generator: Generator, count: int) -> Tensor:
        """The first `count` principal components of W, times their standard deviations, (count, w_dim)."""
        return principal_components(self.synthesizer.w(generator, self.sampled), count)[0]

    def layer_noise(self, generator: Generator) -> LayerNoise:
        """The noise of each layer, L tensors (1, 1, r, r), or "none"."""
        if self.noise == "none":
            return "none"
        own = self.latents[0].noise(generator) if self.noise == "stored" else seeded_noise(generator, int(self.noise))
        return [self.noise_strength * one for one in own]


def noise_tensors(generator: Generator, noise: LayerNoise) -> list[Tensor]:
    """The noise of each layer, where "none" is zeros, which draw the same image."""
    return [torch.zeros_like(own) for own in stored_noise(generator)] if noise == "none" else noise
