"""The latents that images are drawn from: seeds, or files with a w."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dlcourse.engine.checkpoint import is_checkpoint
from dlcourse.engine.run_folder import newest
from dlcourse.errors import UserError
from dlcourse.files import torch_file
from dlcourse.files.missing import is_folder, nothing_at
from dlcourse.images.tables import unique
from dlcourse.stylegan.networks.generator import Generator

Seeds = str | int | list[int | str]  # as a user writes them, see parse_seeds
MAX_SEED, MAX_SEEDS = 2**63, 10**6
SEEDS = re.compile(r"([0-9]+)(?:(?:-|\.\.|~)([0-9]+))?(?:@([0-9]+))?")  # first, last, class


@dataclass(frozen=True)
class Seed:
    """The input for an image: z ~ N(0, 1) drawn from a seed, and the stored noise."""

    number: int
    class_number: int | None = None  # None: the synthesizer decides
    is_truncated = True  # whether truncation_psi plays a part

    @property
    def label(self) -> str:
        """The caption of its image."""
        return f"seed {self.number}" + ("" if self.class_number is None else f" of class {self.class_number}")

    def z(self, generator: Generator) -> Tensor:
        """(1, z_dim), drawn on the CPU, so that it is the same on every device."""
        return draw_z([self.number], generator.z_dim).to(generator.w_avg.device)

    @torch.no_grad()
    def styles(self, generator: Generator, labels: Tensor | None) -> Tensor:
        """One w per layer, (L, w_dim), of the class in `labels`, (1, num_classes) or None."""
        return generator.mapping(self.z(generator), labels).expand(generator.num_layers, -1)

    def noise(self, generator: Generator) -> list[Tensor]:
        """L tensors (1, 1, r, r)."""
        return stored_noise(generator)


@dataclass(frozen=True)
class SavedLatent:
    """As `Seed`, from a projection's run, or a file {"w": (L, w_dim), "noise": L tensors (1, 1, r, r)}.

    "noise" may be missing.
    """

    path: str
    class_number = None
    is_truncated = False

    @property
    def label(self) -> str:
        return Path(self.path).stem

    def z(self, generator: Generator) -> Tensor:
        raise UserError(f"{self.path}: holds a w, which has no z; take seeds, or walk in w (sampler.space=w)")

    def styles(self, generator: Generator, labels: Tensor | None) -> Tensor:
        return self.read(generator)[0]

    def noise(self, generator: Generator) -> list[Tensor]:
        return self.read(generator)[1]

    def read(self, generator: Generator) -> tuple[Tensor, list[Tensor]]:
        """The w and the noise of the file; UserError if it is not one for this generator."""
        try:
            content, device = torch_file.load(newest(Path(self.path))), generator.w_avg.device
            saved = content["state"]["latent"] if is_checkpoint(content) else content
            w, noise = saved["w"], saved.get("noise", stored_noise(generator))
            if not all(one.is_floating_point() for one in (w, *noise)):
                raise UserError(f"{self.path}: its w or its noise holds other than floating-point numbers")
            w, noise = w.to(device).float(), [one.to(device).float() for one in noise]
        except UserError:
            raise
        except Exception as error:  # the file may hold anything
            what = "neither a run of experiment=projection nor a file with a w"
            raise UserError(f"{self.path}: {what}") from error
        wanted = (generator.num_layers, generator.w_avg.shape[0])
        if w.shape != wanted:
            cure = "name the network that it was found with, checkpoint=NETWORK"
            raise UserError(f"{self.path}: its w is {tuple(w.shape)}, this generator takes {wanted}; {cure}")
        if [one.shape for one in noise] != [own.shape for own in stored_noise(generator)]:
            raise UserError(f"{self.path}: its noise has other shapes than this generator's")
        if not all(bool(one.isfinite().all()) for one in (w, *noise)):
            raise UserError(f"{self.path}: its w or its noise holds values that are no finite numbers")
        return w, noise


Latent = Seed | SavedLatent


def stored_noise(generator: Generator) -> list[Tensor]:
    """The generator's stored noise, L tensors (1, 1, r, r)."""
    synthesis = generator.synthesis
    return [synthesis.get_buffer(f"noise{layer}") for layer in range(synthesis.num_layers)]


def draw_z(seeds: Iterable[int], z_dim: int) -> Tensor:
    """z ~ N(0, 1) of each seed by itself, (N, z_dim), on the CPU."""
    return torch.stack([torch.randn(z_dim, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def labels_of(latents: Iterable[Latent]) -> list[str]:
    """The labels of the latents, made unique, as titles of rows or columns."""
    return unique([latent.label for latent in latents])


def parse_seeds(seeds: Seeds) -> list[Latent]:
    """Seeds as a user writes them: 7, "0-15" or "0..15", "0-3,8", "0-3@2" (of class 2), [0, 1, 2], [0, "photo.pt"],
    or [0, "runs/projection/me"].

    ValueError for anything else, or no seed.
    """
    latents: list[Latent] = []
    for part in parts_of(seeds):
        found = SEEDS.fullmatch(part)
        if part.endswith(".pt") or (found is None and is_folder(part)):
            latents.append(SavedLatent(part))
            continue
        if found is None and os.path.isfile(part):  # noqa: PTH113
            raise ValueError(f"seeds={part}: its w is found by dlcourse train experiment=projection target={part}")
        if found is None and "/" in part:
            raise ValueError(f"seeds={part}: {nothing_at(part, 'no such run of experiment=projection')}")
        if found is None:
            raise ValueError(f"seeds must look like 7, 0-15, 0-3@CLASS, [0,1,2] or [0,RUN], got {seeds!r}")
        first, last, class_number = (None if digits is None else int(digits) for digits in found.groups())
        assert first is not None
        last = first if last is None else last
        if last < first:
            raise ValueError(f"seeds={seeds!r} names no seed by {part}; write {last}-{first}")
        if last >= MAX_SEED or (class_number or 0) >= MAX_SEED:
            raise ValueError(f"seeds must be below 2^63, got {part}")
        if len(latents) + last - first >= MAX_SEEDS:
            raise ValueError(f"seeds must be at most {MAX_SEEDS}, got {seeds!r}")
        latents += [Seed(number, class_number) for number in range(first, last + 1)]
    if not latents:
        raise ValueError(f"seeds={seeds!r} names no seed; give for example seeds=0-15")
    return latents


def parts_of(seeds: Seeds) -> list[str]:
    """The seeds, ranges and paths in a list, or between commas; the name of a folder may have commas."""
    parts = seeds if isinstance(seeds, list) else [seeds] if is_folder(str(seeds)) else str(seeds).split(",")
    return [str(part).strip() for part in parts]


def parse_numbers(seeds: Seeds) -> list[int]:
    """Like `parse_seeds`, for seeds alone: ValueError for files and classes."""
    latents = parse_seeds(seeds)
    numbers = [latent.number for latent in latents if isinstance(latent, Seed) and latent.class_number is None]
    if len(numbers) < len(latents):
        raise ValueError(f"seeds must be numbers here, got {seeds!r}")
    return numbers
