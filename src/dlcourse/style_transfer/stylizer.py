"""Fast style transfer with any style: encoder, AdaIN, decoder (Huang and Belongie 2017, arXiv:1703.06868).

Letters: N images, C channels, H x W pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.run_folder import newest
from dlcourse.files.locations import ADAIN_DECODER
from dlcourse.nn.adain import EPSILON
from dlcourse.nn.adain_kernels import mean_and_variance, normalized
from dlcourse.nn.vgg import PIXELS, VGG, PaddedConv2d
from dlcourse.style_transfer.colors import color_moments

ENCODED = ("relu1_1", "relu2_1", "relu3_1")  # of the image at half its size
ADAIN_LAYERS = (PIXELS, *ENCODED)  # where AdaIN is
CELL = 8  # pixels per side of a position of relu3_1
SMALLEST = 2 * CELL  # pixels per side of an image
TILE = 1024  # pixels per side of a tile, a multiple of CELL
MARGIN = 80  # pixels around it: farther than an edge of a tile reaches through encoder and decoder
GRAIN = 0.2  # of the noise on the content, at each of four scales, relative to the colours' own deviations
TEXTURE = 0.35  # local deviation of colours, relative to that of the whole image, of a style that gets all of the grain
PALE = 0.02  # standard deviation of colours, at least, in images with less

Area = tuple[slice, slice]  # rows and columns of an image


@dataclass(frozen=True)
class Statistics:
    """What AdaIN takes from a style: standard deviation and mean of each channel of a layer, each (N, C, 1, 1)."""

    std: Tensor
    mean: Tensor


@dataclass(frozen=True)
class Style:
    """What the network takes from one style, or from several together."""

    layers: tuple[Statistics, ...]  # at each of ADAIN_LAYERS
    grain: Tensor  # amount for `with_grain`, in [0, 1], (1, 1, 1, 1): prints with flat areas have little


ChannelMoments = tuple[Tensor, Tensor]  # mean and variance of each channel, each (1, C, 1, 1)


def edges_vgg() -> VGG:
    """The VGG16 that comes with the project."""
    return VGG("edges", None, None, "max", 1.0, "reflect", channels_last=True)


class Decoder(nn.Module):
    """The features at ADAIN_LAYERS -> image: each joins where the decoder has reached its resolution.

    Reflection padding, nearest upsampling, no normalization (Huang and Belongie 2017, section 5). The paper's decoder
    sees one layer, relu4_1. Deep layers of the bundled VGG16, which was trained on edges, hardly hold colour; the
    pixels hold all of it: what the layers give is added to them, blurred.

    Shape: [(N, 3, 8h, 8w), (N, 64, 4h, 4w), (N, 128, 2h, 2w), (N, 256, h, w)] -> images (N, 3, 8h, 8w), not clamped to
    [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        double = lambda: nn.Upsample(scale_factor=2, mode="nearest")
        self.eighth_size = nn.Sequential(*convolutions(256, 128, 128, 128), double())
        self.quarter_size = nn.Sequential(*convolutions(128 + 128, 96, 64), double())
        self.half_size = nn.Sequential(*convolutions(64 + 64, 48, 32), double())
        last = PaddedConv2d(24, 3, "reflect")
        self.full_size = nn.Sequential(*convolutions(32 + 3, 24), last)
        for layer in self.modules():
            if isinstance(layer, PaddedConv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]
        with torch.no_grad():
            last.weight *= 0.1  # so that the decoder begins near the blurred pixels

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Draw an image over the blurred pixels."""
        pixels, fine, middle, coarse = features
        colors = F.interpolate(F.avg_pool2d(pixels, 4), scale_factor=4, mode="bilinear", align_corners=False)
        x = self.quarter_size(torch.cat([middle, self.eighth_size(coarse)], 1))
        x = self.half_size(torch.cat([fine, x], 1))
        return colors + 0.25 * self.full_size(torch.cat([pixels, x], 1))


def convolutions(*channels: int) -> list[nn.Module]:
    """Padded 3x3 convolutions with ReLU, from the first number of channels through the others."""
    layers = [
        [PaddedConv2d(inputs, outputs, "reflect"), nn.ReLU(inplace=True)] for inputs, outputs in pairwise(channels)
    ]
    return [layer for pair in layers for layer in pair]


class Stylizer(nn.Module):
    """T(c, s) = g((1 - alpha) f(c) + alpha AdaIN(f(c), f(s)))   (Huang and Belongie 2017, eq. 14).

    f is the pixels, and the bundled VGG16 of the image at half its size, frozen; g is a `Decoder`. Large images are
    computed in tiles that share the statistics of the whole image, so the result is the same, up to rounding, as
    without tiles.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = edges_vgg()
        self.encoder.truncate(ENCODED)
        self.decoder = Decoder().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(
        self, content: Tensor, styles: Sequence[Style], alpha: float = 1.0, regions: Sequence[Tensor] = ()
    ) -> Tensor:
        """Paint a content image.

        Args:
            content: (1, 3, H, W) in [0, 1], at least SMALLEST pixels on each side.
            styles: one style, as `style_of` gives it; with `regions`, one for each of them.
            alpha: strength in [0, 1]; 0 is the content as the decoder reproduces it.
            regions: masks (1, 1, H, W) in [0, 1], where to paint each style; the rest stays content, pixel by pixel.

        Returns:
            (1, 3, H, W) in [0, 1]; NaN where the decoder's values are not finite.

        Raises:
            ValueError: alpha outside [0, 1], too small an image, or not as many styles as regions.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1], got {alpha}")
        if len(styles) != len(regions or [None]):
            raise ValueError(f"styles must be one, or one for each of {len(regions)} regions, got {len(styles)}")
        height, width = content.shape[-2:]
        covered = torch.stack(list(regions)).sum(0).clamp(max=1) if regions else 1.0
        grains = [style.grain.to(content) for style in styles]
        amount = in_regions(torch.zeros_like(content[:, :1]), grains, regions) if regions else grains[0]
        image, masks = whole_cells(with_grain(content, alpha * amount)), [whole_cells(region) for region in regions]
        result, areas = torch.empty_like(image), list(tiles(*image.shape[-2:]))
        own = self.moments(image) if len(areas) > 1 else None
        for around, inner, area in areas:
            features = self.features(image[..., *around])
            targets = self.targets(features, styles, [mask[..., *around] for mask in masks], own)
            if alpha < 1:
                targets = [torch.lerp(x, target, alpha) for x, target in zip(features, targets, strict=True)]
            drawn = self.decoder(targets)[..., *inner]
            result[..., *area] = drawn.masked_fill(~drawn.isfinite(), torch.nan)  # clamped, infinity would not be seen
        result = result[..., :height, :width].clamp(0, 1)
        return torch.lerp(content, result, covered) if regions else result

    @torch.no_grad()
    def style_of(self, images: Sequence[Tensor], shares: Sequence[float]) -> Style:
        """The statistics of style images, each (1, 3, H, W) in [0, 1], weighted by `shares`, whose sum is 1.

        ValueError for an image of less than SMALLEST pixels on a side.
        """
        found = [self.moments(whole_cells(image)) for image in images]
        layers = []
        for layer in zip(*found, strict=True):
            pairs = list(zip(shares, layer, strict=True))
            std = torch.stack([share * (variance + EPSILON).sqrt() for share, (_, variance) in pairs]).sum(0)
            layers.append(Statistics(std, torch.stack([share * mean for share, (mean, _) in pairs]).sum(0)))
        grain = torch.stack(
            [share * contrast_within_cells(image) for share, image in zip(shares, images, strict=True)]
        ).sum(0)
        return Style(tuple(layers), (grain / TEXTURE).clamp(max=1))

    def features(self, images: Tensor) -> list[Tensor]:
        """ADAIN_LAYERS of images (N, 3, H, W), whose sides are multiples of CELL."""
        found = self.encoder(F.avg_pool2d(images, 2), ENCODED)
        return [images, *(found[name] for name in ENCODED)]

    def moments(self, image: Tensor) -> list[ChannelMoments]:
        """Of each layer of an image (1, 3, H, W), whose sides are multiples of CELL."""
        found: list[list[tuple[int, ChannelMoments]]] = [[] for _ in ADAIN_LAYERS]
        for around, inner, _ in tiles(*image.shape[-2:]):
            for layer, parts in zip(self.features(image[..., *around]), found, strict=True):
                stride = (around[0].stop - around[0].start) // layer.shape[-2]
                rows, columns = (slice(one.start // stride, one.stop // stride) for one in inner)
                inside = layer[..., rows, columns]
                parts.append((inside.shape[-2] * inside.shape[-1], mean_and_variance(inside)))
        return list(map(pooled, found))

    def targets(
        self,
        features: Sequence[Tensor],
        styles: Sequence[Style],
        masks: Sequence[Tensor] = (),
        own: Sequence[ChannelMoments] | None = None,
    ) -> list[Tensor]:
        """t = AdaIN(f(c), f(s))   (eq. 8) at each layer, in regions where there are masks (1, 1, H, W).

        `own` are the moments of the whole content, for features of a part of it.
        """
        targets = []
        for index, x in enumerate(features):
            mean, variance = own[index] if own else mean_and_variance(x)
            layers = [style.layers[index] for style in styles]
            painted = [normalized(x, layer.std, layer.mean, mean, variance, EPSILON) for layer in layers]
            targets.append(in_regions(x, painted, masks) if masks else painted[0])
        return targets


def in_regions(x: Tensor, painted: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Each of the painted features (1, C, h, w) where its mask (1, 1, H, W) is, and x elsewhere."""
    masks = [F.adaptive_avg_pool2d(mask, x.shape[-2:]) for mask in masks]  # type: ignore[arg-type]
    covered = torch.stack(masks).sum(0)  # more than 1 where regions overlap
    mixed = torch.stack([mask * one for mask, one in zip(masks, painted, strict=True)]).sum(0)
    return (mixed / covered.clamp(min=1) + x * (1 - covered).clamp(min=0)).to(x.dtype)


def with_grain(images: Tensor, amount: float | Tensor = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Images (N, 3, H, W) with noise at four scales, so that AdaIN finds something to paint in flat areas.

    Its colours vary as those of the images do. `amount` may differ from place to place, (N, 1, H, W). The same size has
    the same noise, unless there is a generator.
    """
    n, _, height, width = images.shape
    generator = generator or torch.Generator().manual_seed(0)
    noise = torch.zeros_like(images)
    for cell in (2, 4, 8, 16):
        one = torch.randn(n, 3, -(-height // cell), -(-width // cell), generator=generator).to(images)
        noise += F.interpolate(one, (height, width), mode="bilinear", align_corners=False)
    with torch.autocast(images.device.type, enabled=False):  # in half precision there may be no Cholesky factor
        _, covariance = color_moments(images)
        factor = torch.linalg.cholesky(covariance + PALE**2 * torch.eye(3).to(covariance)).to(images)
        return images + GRAIN * amount * torch.einsum("nij,njhw->nihw", factor, noise)


def contrast_within_cells(image: Tensor) -> Tensor:
    """The deviation of colours within squares of CELL pixels, relative to that in the whole image, (1, 1, 1, 1).

    It is the lower quartile over the squares: a print has flat areas, however many lines there are elsewhere.
    """
    variance = F.avg_pool2d(image.square(), CELL) - F.avg_pool2d(image, CELL).square()
    quartile = variance.sum(1).clamp(min=0).quantile(0.25)
    return (quartile / image.var((-1, -2)).sum().clamp(min=PALE**2)).sqrt().reshape(1, 1, 1, 1)


def whole_cells(images: Tensor) -> Tensor:
    """Images (N, C, H, W) with their last row and column repeated until H and W are multiples of CELL."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % CELL, 0, -height % CELL), "replicate")


def tiles(height: int, width: int) -> Iterator[tuple[Area, Area, Area]]:
    """Of each tile of an image: the area with its margin, the tile within that area, and the tile in the image."""
    edges = [pairwise([*range(0, side, TILE), side]) for side in (height, width)]
    for tile in product(*edges):
        around, inner = [], []
        for (start, stop), side in zip(tile, (height, width), strict=True):
            first = max(0, start - MARGIN)
            around.append(slice(first, min(side, stop + MARGIN)))
            inner.append(slice(start - first, stop - first))
        yield tuple(around), tuple(inner), tuple(slice(*one) for one in tile)  # type: ignore[misc]


def pooled(parts: Sequence[tuple[int, ChannelMoments]]) -> ChannelMoments:
    """The moments of all parts together, from those of each and its number of positions."""
    total = sum(count for count, _ in parts)
    mean = torch.stack([count / total * mean for count, (mean, _) in parts]).sum(0)
    apart = [count / total * (variance + (own - mean).square()) for count, (own, variance) in parts]
    return mean, torch.stack(apart).sum(0)


def load_stylizer(path: Path | str = ADAIN_DECODER) -> Stylizer:
    """The stylizer of a checkpoint or run of experiment=adain_style; nothing in the file is executed.

    UserError for a missing, damaged or other file.
    """
    saved = Checkpoint.load(newest(Path(path)))
    return saved.network("model", Stylizer, "not a checkpoint of experiment=adain_style").eval()
