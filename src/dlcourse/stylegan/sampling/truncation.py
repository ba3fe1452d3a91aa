"""The truncation trick, and the mean that it shrinks towards."""

import torch

from dlcourse.images.tables import enlarged, headed_table, unique
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.sampling.result import Result, Sampler
from dlcourse.stylegan.sampling.seeds import Seeds, parse_numbers, parse_seeds
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, check_psi


class Truncation(Sampler):
    """w' = w_avg + psi (w - w_avg) for several psi   (Karras et al. 2019, appendix B and figure 8).

    Args:
        seeds: one row each.
        truncation_psi: one column each; 1 is the image itself, 0 the mean image, below 0 its opposite.
        synthesizer: draws the images; its own psi is not used.

    Raises:
        ValueError: senseless seeds, or no psi, or one out of range.
    """

    def __init__(self, seeds: Seeds, truncation_psi: float | list[float], synthesizer: Synthesizer):
        self.truncation_psi = truncation_psi if isinstance(truncation_psi, list) else [truncation_psi]
        if not self.truncation_psi:
            raise ValueError("truncation_psi must name at least one value, such as [1,0.7,0.5,0,-0.5,-1]")
        for psi in self.truncation_psi:
            check_psi(psi)
        self.points, self.synthesizer = parse_seeds(seeds), synthesizer

    def __call__(self, generator: Generator) -> Result:
        """Draw the table."""
        whole = self.synthesizer.whole_styles(generator, self.points)
        labels = unique([point.label for point in self.points])
        images = {}
        for label, point, own in zip(labels, self.points, whole, strict=True):
            styles = torch.cat([self.synthesizer.truncated(generator, own[None], psi) for psi in self.truncation_psi])
            drawn = self.synthesizer.synthesize(generator, styles, point.noise(generator))
            for psi, image in zip(self.truncation_psi, drawn, strict=True):
                images[label, f"psi {psi:g}"] = image
        heading = "Truncation, w' = w_avg + psi (w - w_avg): psi 1 is the image itself, psi 0 the mean image"
        cutoff = self.synthesizer.truncation_cutoff
        heading += "" if cutoff is None else f"; only in the {cutoff} coarsest layers"
        singles = {f"{row}_{column}".replace(" ", "_"): to_pil_image(image) for (row, column), image in images.items()}
        return Result(
            headed_table(heading, {place: enlarged(image) for place, image in images.items()}), singles=singles
        )


class MeanImage(Sampler):
    """The image of the mean w beside the mean of images   (Karras et al. 2019, appendix B).

    Args:
        seeds: whose w, before truncation, are averaged.
        pixel_samples: of so many of them, from the first, the images are averaged too, >= 1.
        synthesizer: draws the images; only classes and batch_size matter.

    Raises:
        ValueError: a value outside these ranges.
    """

    finds = True

    def __init__(self, seeds: Seeds, pixel_samples: int, synthesizer: Synthesizer):
        if pixel_samples < 1:
            raise ValueError(f"pixel_samples must be at least 1, got {pixel_samples}")
        self.seeds, self.pixel_samples, self.synthesizer = parse_numbers(seeds), pixel_samples, synthesizer

    def __call__(self, generator: Generator) -> Result:
        """Draw three images; found is the mean w."""
        synthesizer = self.synthesizer
        w = synthesizer.w(generator, self.seeds)  # (N, w_dim)
        mean, tracked = w.mean(0), generator.w_avg
        in_all_layers = lambda rows: rows[:, None].expand(-1, generator.num_layers, -1)
        of_mean, of_tracked = synthesizer.synthesize(generator, in_all_layers(torch.stack([mean, tracked])))
        total = torch.zeros_like(of_mean)
        sampled = w[: self.pixel_samples]
        for chunk in sampled.split(synthesizer.batch_size):
            total += synthesizer.synthesize(generator, in_all_layers(chunk)).sum(0)
        images = {
            f"mean of w, {len(w)} seeds": of_mean,
            "w_avg, tracked in training": of_tracked,
            f"mean of pixels, {len(sampled)} seeds": total / len(sampled),
        }
        distance = float((mean - tracked).norm() / (w - mean).norm(dim=1).mean())
        heading = (
            "The mean image: the mean of w gives an image, the mean of pixels a blur. The mean of w and w_avg are "
            f"{distance:.3f} apart, where 1 is the mean distance of a w from the mean."
        )
        singles = dict(zip(("mean_w", "w_avg", "mean_pixels"), map(to_pil_image, images.values()), strict=True))
        cells = {("", title): enlarged(image, 192) for title, image in images.items()}
        return Result(
            headed_table(heading, cells), singles=singles, found={"w": in_all_layers(mean[None])[0].cpu().clone()}
        )
