"""Pictures from a trained generator: everything is addressed by seeds."""

from collections.abc import Iterable

import torch
from PIL import Image
from torch import Tensor

from dlcourse.images import labelled_grid
from dlcourse.models.stylegan import Generator


def latents(seeds: Iterable[int], z_dim: int) -> Tensor:
    """z ~ N(0, 1) of each seed, (N, z_dim), on the CPU; a seed's z does not depend on its neighbours."""
    return torch.stack([torch.randn(z_dim, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


@torch.no_grad()
def sample_images(generator: Generator, z: Tensor, truncation_psi: float, batch_size: int) -> Tensor:
    """G(z) with the stored noise, in batches, (N, z_dim) -> (N, 3, R, R) in [0, 1] on the CPU.

    With batch_size 1 a picture is the same to the last bit whatever else is drawn; larger batches are faster on a
    GPU and may round differently.
    """
    device = generator.w_avg.device
    chunks = [generator(chunk.to(device), truncation_psi=truncation_psi).float().cpu() for chunk in z.split(batch_size)]
    return ((torch.cat(chunks) + 1) / 2).clamp(0, 1)


def parse_seeds(seeds: str | int | list[int]) -> list[int]:
    """Seeds as a user writes them: 7, "0-15", "0-3,8" or [0, 1, 2].

    Raises:
        ValueError: anything else, or none at all.
    """
    parts = [str(seed) for seed in seeds] if isinstance(seeds, list) else str(seeds).split(",")
    numbers: list[int] = []
    for part in parts:
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"seeds must look like 7, 0-15 or [0,1,2], got {seeds!r}")
        numbers += range(int(first), int(last if dash else first) + 1)
    if not numbers:
        raise ValueError(f"seeds={seeds!r} names no seed; give for example seeds=0-15")
    return numbers


class Grid:
    """A sheet of pictures, each labelled with its seed.

    Args:
        seeds: as parse_seeds takes them.
        truncation_psi: 1 is the whole distribution, 0 the mean picture.
        columns: pictures per row, >= 1.
        batch_size: pictures per forward pass, >= 1 (see sample_images).

    Raises:
        ValueError: a value outside these ranges.
    """

    def __init__(self, seeds: str | int | list[int], truncation_psi: float, columns: int, batch_size: int):
        for name, count in {"columns": columns, "batch_size": batch_size}.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        self.seeds, self.truncation_psi = parse_seeds(seeds), truncation_psi
        self.columns, self.batch_size = columns, batch_size

    def __call__(self, generator: Generator) -> Image.Image:
        """Draw the sheet."""
        z = latents(self.seeds, generator.z_dim)
        images = sample_images(generator, z, self.truncation_psi, self.batch_size)
        return labelled_grid(images, [f"seed {seed}" for seed in self.seeds], self.columns)
