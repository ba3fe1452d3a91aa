"""Augmentations of the images that a discriminator sees, reals and fakes alike, for small data sets.

The generator's gradients pass through them. Letters: N images, H x W pixels; colours in [-1, 1].
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.optimization import Metrics
from dlcourse.errors import check_positive


class Augment(nn.Module):
    """No augmentation; the interface of the others."""

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> same."""
        return images

    def observe(self, real_sign: Tensor, batch_size: int) -> None:
        """Adapt to the mean sign of the discriminator's scores of reals."""

    def metrics(self) -> Metrics:
        return {}


class DiffAugment(Augment):
    """Random colour, translation and cutout of every image   (Zhao et al. 2020, arXiv:2006.10738, section 3.2).

    Brightness + U(-0.5, 0.5), saturation x U(0, 2), contrast x U(0.5, 1.5); shifts of up to H / 8 with zeros outside;
    a square of side H / 2 set to zero. `policy` names some of color, translation and cutout.
    """

    def __init__(self, policy: list[str]):
        super().__init__()
        changes = {"color": change_color, "translation": translate, "cutout": cut_out}
        if not policy or set(policy) - changes.keys():
            raise ValueError(f"policy must hold some of {', '.join(changes)}, got {policy}")
        self.changes = [changes[name] for name in policy]

    def forward(self, images: Tensor) -> Tensor:
        for change in self.changes:
            images = change(images)
        return images


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """A random number for each image, (N, 1, 1, 1)."""
    return torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(low, high)


def change_color(images: Tensor) -> Tensor:
    """Change brightness, then saturation, then contrast of each image at random."""
    images = images + uniform(images, -0.5, 0.5)
    images = torch.lerp(images.mean(1, keepdim=True), images, uniform(images, 0, 2))
    return torch.lerp(images.mean((1, 2, 3), keepdim=True), images, uniform(images, 0.5, 1.5))


def translate(images: Tensor) -> Tensor:
    """Shift each image by a random number of whole pixels, zeros outside."""
    count, _, height, width = images.shape
    reach_y, reach_x = height // 8, width // 8
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y))
    top = torch.randint(2 * reach_y + 1, (count, 1, 1, 1), device=images.device)
    left = torch.randint(2 * reach_x + 1, (count, 1, 1, 1), device=images.device)
    rows = top + torch.arange(height, device=images.device)[:, None]  # (N, 1, H, 1)
    columns = left + torch.arange(width, device=images.device)  # (N, 1, 1, W)
    each = torch.arange(count, device=images.device)[:, None, None, None]
    channels = torch.arange(3, device=images.device)[:, None, None]
    return padded[each, channels, rows, columns]


def cut_out(images: Tensor) -> Tensor:
    """Set a square of half the height to zero, its centre anywhere in the image."""
    count, _, height, width = images.shape
    centre_y = torch.randint(height, (count, 1, 1, 1), device=images.device)
    centre_x = torch.randint(width, (count, 1, 1, 1), device=images.device)
    rows = (torch.arange(height, device=images.device)[:, None] - centre_y).abs() < height / 4
    columns = (torch.arange(width, device=images.device) - centre_x).abs() < width / 4
    return images * ~(rows & columns)


class AdaptiveAugment(Augment):
    """Changes of geometry and colour, the more overfitting the more often   (Karras et al. 2020, arXiv:2006.06676).

    Each change is applied to an image with probability p. The heuristic r_t = E[sign(D(real))] (eq. 1) moves p up when
    it is above `target`, down when it is below. Changes and strengths are the paper's blit, geometry and colour
    (appendix B); images are resampled bilinearly with mirrored borders instead of by wavelet filters.
    In `images_to_full` real images, > 0, p can go from 0 to 1.
    """

    probability: Tensor

    def __init__(self, target: float, images_to_full: float, initial_probability: float):
        super().__init__()
        if not 0 < target < 1:
            raise ValueError(f"target must be in (0, 1), got {target}")
        check_positive(images_to_full=images_to_full)
        if not 0 <= initial_probability <= 1:
            raise ValueError(f"initial_probability must be in [0, 1], got {initial_probability}")
        self.target, self.images_to_full = target, images_to_full
        self.register_buffer("probability", torch.tensor(float(initial_probability)))

    def observe(self, real_sign: Tensor, batch_size: int) -> None:
        step = (real_sign - self.target).sign() * batch_size / self.images_to_full
        self.probability.add_(step).clamp_(0, 1)

    def metrics(self) -> Metrics:
        return {"gan/augment_probability": self.probability}

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> same."""
        grid = F.affine_grid(self.geometry(len(images)), list(images.shape), align_corners=False)
        with torch.autocast(images.device.type, enabled=False):
            images = F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
            matrix, offset = self.color(len(images))
            return torch.einsum("nij,njhw->nihw", matrix, images) + offset[:, :, None, None]

    def sometimes(self, values: Tensor, neutral: float) -> Tensor:
        """Keep each image's values (N, ...) with probability p, else take `neutral`."""
        shape = (len(values), *[1] * (values.ndim - 1))
        chosen = torch.rand(shape, device=values.device) < self.probability
        return torch.where(chosen, values, neutral)

    def geometry(self, count: int) -> Tensor:
        """Random affine maps from positions in the result to positions in the image, both in [-1, 1]: (N, 2, 3)."""
        device = self.probability.device
        rand, randn = (lambda: torch.rand(count, device=device)), (lambda: torch.randn(count, device=device))
        mirror = self.sometimes((rand() < 0.5).float() * -2 + 1, 1)
        quarter_turns = self.sometimes((rand() * 4).floor(), 0) * (math.pi / 2)
        shift = self.sometimes(torch.rand(count, 2, device=device) * 0.5 - 0.25, 0)  # of the width of 2: up to 1/8
        zoom = self.sometimes(torch.exp2(0.2 * randn()), 1)
        stretch = self.sometimes(torch.exp2(0.2 * randn()), 1)
        angle = quarter_turns + self.sometimes((rand() * 2 - 1) * math.pi, 0)
        drift = self.sometimes(torch.randn(count, 2, device=device) * 0.25, 0)
        rows = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(count, 2, 2)
        factors = torch.stack([mirror * zoom * stretch, zoom / stretch], 1)  # (N, 2)
        return torch.cat([rows * factors[:, None], (shift + drift)[:, :, None]], 2)

    def color(self, count: int) -> tuple[Tensor, Tensor]:
        """A and b of random colour maps x -> A x + b: (N, 3, 3), (N, 3)."""
        device = self.probability.device
        grey = torch.full((3,), 3**-0.5, device=device)
        to_grey = grey.outer(grey)  # (3, 3), projection onto grey
        identity = torch.eye(3, device=device)
        brightness = self.sometimes(0.2 * torch.randn(count, device=device), 0)
        contrast = self.sometimes(torch.exp2(0.5 * torch.randn(count, device=device)), 1)
        is_flipped = self.sometimes((torch.rand(count, device=device) < 0.5).float(), 0)
        hue = self.sometimes((torch.rand(count, device=device) * 2 - 1) * math.pi, 0)
        saturation = self.sometimes(torch.exp2(torch.randn(count, device=device)), 1)
        luma_flip = identity - 2 * to_grey * is_flipped[:, None, None]
        cross = torch.linalg.cross(identity, grey.expand(3, 3))  # x -> x cross grey
        turn = to_grey + hue.cos()[:, None, None] * (identity - to_grey) + hue.sin()[:, None, None] * cross
        saturate = to_grey + saturation[:, None, None] * (identity - to_grey)
        after = saturate @ turn @ luma_flip  # (N, 3, 3)
        offset = after @ brightness[:, None, None].mul(contrast[:, None, None]).expand(-1, 3, 1)
        return after * contrast[:, None, None], offset[:, :, 0]
