"""From latents to images, in batches. Letters: N images, L layers, R resolution."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcourse.errors import UserError, check_at_least
from dlcourse.stylegan.networks.generator import Generator, truncate
from dlcourse.stylegan.networks.synthesis import Noise
from dlcourse.stylegan.sampling.seeds import Latent, Seed, draw_z, stored_noise

CHUNK = 1000  # latents that pass the mapping together
MOST_PSI = 10.0  # beyond it every image has one colour
MOST_PIXELS = 2**27  # of all images that are drawn at once: 128 of 1024 x 1024, in float32 1.5 GiB


@dataclass(frozen=True, eq=False, repr=False)
class Synthesizer:
    """How every sampler turns latents into styles and styles into images.

    With a batch_size of 1 an image is the same to the last bit whatever else is drawn; larger batches are faster on a
    GPU, need more memory and may round differently.
    """

    classes: int | list[int] | None  # of a generator with labels: one for all images or for each; seeds may have theirs
    truncation_psi: float  # of seeds: 1 is no truncation, 0 the mean image; see check_psi
    truncation_cutoff: int | None  # how many layers, from the coarsest, are truncated; None is all
    batch_size: int  # images per forward pass, >= 1

    def __post_init__(self) -> None:
        check_at_least(1, batch_size=self.batch_size)
        cutoff = self.truncation_cutoff
        if cutoff is not None and cutoff < 0:
            raise ValueError(f"truncation_cutoff must be a number of layers, or null for all, got {cutoff}")
        check_psi(self.truncation_psi)

    def styles(self, generator: Generator, latents: Sequence[Latent]) -> Tensor:
        """Truncated styles of latents, (N, L, w_dim); a w from a file stays as it was found."""
        whole = self.whole_styles(generator, latents)
        is_truncated = torch.tensor([latent.is_truncated for latent in latents], device=whole.device)
        return torch.where(is_truncated[:, None, None], self.truncated(generator, whole), whole)

    def whole_styles(self, generator: Generator, latents: Sequence[Latent]) -> Tensor:
        """Styles of latents before truncation, (N, L, w_dim), each computed by itself; UserError for too many."""
        most = MOST_PIXELS // generator.resolution**2
        if len(latents) > most:
            raise UserError(f"seeds: {len(latents)} images, of this generator at most {most} are drawn together")
        labels = self.labels(generator, latents)
        rows = [None] * len(latents) if labels is None else labels.split(1)
        return torch.stack([latent.styles(generator, row) for latent, row in zip(latents, rows, strict=True)])

    def described(self, latents: Iterable[Latent]) -> str:
        """The truncation of these latents, for captions: "psi 0.7", or "psi 0.7 in the 4 coarsest layers"."""
        cutoff = self.truncation_cutoff
        layers = "" if cutoff is None else f" in the {cutoff} coarsest layers"
        files = "" if all(latent.is_truncated for latent in latents) else ", but files as they are"
        return f"psi {self.truncation_psi:g}{layers}{files}"

    def labels(self, generator: Generator, latents: Sequence[Latent]) -> Tensor | None:
        """One-hot classes of latents, their own or else those of `classes`: see one_hot."""
        classes = self.classes if isinstance(self.classes, list) else [self.classes] * len(latents)
        if len(classes) != len(latents):
            cure = "give as many, or one for all, or write them behind the seeds: seeds=[0@1,3@2]"
            raise UserError(f"classes={classes}: {len(classes)} classes for {len(latents)} images; {cure}")
        pairs = zip(latents, classes, strict=True)
        numbers = [given if latent.class_number is None else latent.class_number for latent, given in pairs]
        if generator.num_classes:  # a w has its class already
            numbers = [
                0 if found is None and not latent.is_truncated else found
                for latent, found in zip(latents, numbers, strict=True)
            ]
        return one_hot(numbers, generator)

    def truncated(self, generator: Generator, styles: Tensor, psi: float | None = None) -> Tensor:
        """`truncate` with `truncation_cutoff`, and with `truncation_psi` if psi is None."""
        chosen, cutoff = self.truncation_psi if psi is None else psi, self.truncation_cutoff
        if cutoff is not None and cutoff > generator.num_layers:
            cure = f"this generator has {generator.num_layers} layers; null truncates all"
            raise UserError(f"truncation_cutoff={cutoff}: {cure}")
        return truncate(styles, generator.w_avg, chosen, cutoff)

    @torch.no_grad()
    def w(self, generator: Generator, seeds: Sequence[int]) -> Tensor:
        """w = f(z) of many seeds, before truncation, (N, w_dim), computed CHUNK at a time."""
        labels = self.labels(generator, [Seed(number) for number in seeds])
        chunks = []
        for start in range(0, len(seeds), CHUNK):
            z = draw_z(seeds[start : start + CHUNK], generator.z_dim).to(generator.w_avg.device)
            chunks.append(generator.mapping(z, None if labels is None else labels[start : start + CHUNK]))
        return torch.cat(chunks)

    def images(self, generator: Generator, latents: Sequence[Latent]) -> Tensor:
        """The truncated image of each latent with its noise, (N, 3, R, R) in [0, 1] on the CPU."""
        styles, chunks = self.styles(generator, latents), []
        for start in range(0, len(latents), self.batch_size):
            rows = slice(start, start + self.batch_size)
            noise = joined(latent.noise(generator) for latent in latents[rows])
            chunks.append(self.synthesize(generator, styles[rows], noise))
        return torch.cat(chunks)

    @torch.no_grad()
    def synthesize(self, generator: Generator, styles: Tensor, noise: Noise = "const", halvings: int = 0) -> Tensor:
        """synthesis(styles) in batches, (N, L, w_dim) on any device -> (N, 3, r, r) in [0, 1] on the CPU.

        `noise` as in `Synthesis`; if it is tensors and there are several batches, (1, 1, r, r) for all images. r is R,
        or R / 2^halvings: the image at that level of detail, which takes less time.
        """
        chunks = styles.to(generator.w_avg.device).split(self.batch_size)
        drawn = [generator.synthesis(chunk, noise, float(halvings), is_upscaled=False) for chunk in chunks]
        images = torch.cat([image.float().cpu() for image in drawn])
        check_images_finite(images)
        return to_unit(images)


def check_psi(psi: float) -> None:
    """Raise ValueError for a truncation psi out of range."""
    if not abs(psi) <= MOST_PSI:
        raise ValueError(f"truncation_psi must be in [{-MOST_PSI:g}, {MOST_PSI:g}], got {psi:g}")


def check_images_finite(images: Tensor) -> None:
    """Raise UserError for images with NaN or infinity, which would come out black."""
    if not images.isfinite().all():
        raise UserError(
            "the generator's images are no finite numbers: its weights are damaged or have diverged, or the styles "
            "lie too far out (a smaller truncation_psi or sampler.strengths)"
        )


def to_unit(images: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], clamped."""
    return ((images + 1) / 2).clamp(0, 1)


def one_hot(classes: Sequence[int | None], generator: Generator) -> Tensor | None:
    """Labels of these classes, (N, num_classes), or None for a generator without classes; UserError for others."""
    size = generator.num_classes
    for number in classes:
        if size == 0 and number is not None:
            raise UserError(f"class={number}: this generator knows no classes; leave classes=null and seeds without @")
        if size and (number is None or not 0 <= number < size):
            wanted = f"give one of 0 to {size - 1}, classes=1 or seeds=0@1"
            given = "null" if number is None else number
            raise UserError(f"class={given}: this generator was trained on classes; {wanted}")
    return torch.eye(size, device=generator.w_avg.device)[list(classes)] if size else None


def joined(noises: Iterable[list[Tensor]]) -> list[Tensor]:
    """The noise of several images, L tensors (1, 1, r, r) each, as L tensors (N, 1, r, r)."""
    return [torch.cat(layer) for layer in zip(*noises, strict=True)]


def seeded_noise(generator: Generator, seed: int) -> list[Tensor]:
    """Noise ~ N(0, 1) from a seed, drawn on the CPU, L tensors (1, 1, r, r)."""
    source = torch.Generator().manual_seed(seed)
    stored = stored_noise(generator)
    return [torch.randn(own.shape, generator=source).to(own.device) for own in stored]
