"""Fast style transfer with any style: encoder, AdaIN, decoder (Huang and Belongie 2017, arXiv:1703.06868).

Letters: N images, C = 512 channels, H x W pixels, h x w = H/8 x W/8 positions of relu4_1, which are called cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.run_folder import newest
from dlcourse.files.locations import CHECKPOINTS
from dlcourse.nn.adain import EPSILON, adain, at_least_float32
from dlcourse.nn.vgg import VGG, PaddedConv2d

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LAYER = STYLE_LAYERS[-1]  # where AdaIN is
CELL = 8  # pixels per side of a position of relu4_1
TILE = 64  # cells per side of a tile
MARGIN = 4  # cells around it: as far as the edge of a tile reaches through encoder or decoder
COMPONENTS = 256  # of relu4_1 that the decoder sees
WHITENING_FLOOR = 0.01  # added to each component's variance, relative to the mean over all: weak ones stay weaker
BUNDLED = CHECKPOINTS / "adain_decoder.pt"


@dataclass(frozen=True)
class Statistics:
    """What AdaIN takes from a style: standard deviation and mean of each channel of relu4_1, each (N, C, 1, 1)."""

    scale: Tensor
    bias: Tensor


def statistics(features: Tensor) -> Statistics:
    """The standard deviation and the mean over positions of each channel, in at least float32."""
    variance, mean = torch.var_mean(at_least_float32(features), dim=(2, 3), correction=0, keepdim=True)
    return Statistics((variance + EPSILON).sqrt(), mean)


class Decoder(nn.Module):
    """Features of relu4_1 -> image: VGG16 in reverse, with fewer convolutions of 256 channels.

    Reflection padding, nearest upsampling, no normalization (Huang and Belongie 2017, section 5). The channels of
    relu4_1 depend on each other so much that fifteen directions hold most of their variance, which slows gradient
    descent down: a fixed 1x1 convolution, which `whiten` computes before the training, decorrelates them first.

    Shape: (N, 512, h, w) -> images (N, 3, 8h, 8w), not clamped to [0, 1]; h and w at least 2.
    """

    def __init__(self) -> None:
        super().__init__()
        convolution = lambda inputs, outputs: PaddedConv2d(inputs, outputs, "reflect")
        double = lambda: nn.Upsample(scale_factor=2, mode="nearest")
        self.whitening = nn.Conv2d(512, COMPONENTS, 1).requires_grad_(False)
        self.layers = nn.Sequential(
            *(convolution(COMPONENTS, 256), nn.ReLU(), double()),
            *(convolution(256, 256), nn.ReLU(), convolution(256, 128), nn.ReLU(), double()),
            *(convolution(128, 128), nn.ReLU(), convolution(128, 64), nn.ReLU(), double()),
            *(convolution(64, 64), nn.ReLU(), convolution(64, 3)),
        )
        for layer in self.layers:
            if isinstance(layer, PaddedConv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        return 0.5 + 0.25 * self.layers(self.whitening(features))

    @torch.no_grad()
    def whiten(self, features: Tensor) -> None:
        """Set the first layer to the principal components of `features` (N, 512, h, w), each of variance about 1."""
        vectors = features.permute(0, 2, 3, 1).flatten(0, 2).double()  # (N h w, 512)
        values, directions = torch.linalg.eigh(torch.cov(vectors.T))  # rising
        scales = (values[-COMPONENTS:] + WHITENING_FLOOR * values.mean()).rsqrt()
        weight = scales[:, None] * directions[:, -COMPONENTS:].T
        self.whitening.weight.copy_(weight[:, :, None, None])
        self.whitening.bias.copy_(-weight @ vectors.mean(0))  # type: ignore[union-attr]


class Stylizer(nn.Module):
    """T(c, s) = g((1 - alpha) f(c) + alpha AdaIN(f(c), f(s)))   (Huang and Belongie 2017, eq. 14).

    f is the bundled VGG16 up to relu4_1, frozen; g is a trained `Decoder`. Large images are computed in tiles that
    share the statistics of the whole image, so the result is the same, up to rounding, as without tiles.
    """

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.encoder = VGG("edges", None, None, "max", 1.0, "reflect", channels_last=True)
        self.encoder.truncate(STYLE_LAYERS)
        self.decoder = decoder.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(
        self,
        content: Tensor,
        styles: Statistics | Sequence[Statistics],
        alpha: float = 1.0,
        regions: Sequence[Tensor] = (),
    ) -> Tensor:
        """Paint a content image.

        Args:
            content: (1, 3, H, W) in [0, 1], at least 16 pixels on each side.
            styles: the statistics of a style, as `style_of` gives them; with `regions`, one for each of them.
            alpha: strength in [0, 1]; 0 is the content as the decoder reproduces it.
            regions: masks (1, 1, H, W) in [0, 1], where to paint each style; the rest stays content.

        Returns:
            (1, 3, H, W) in [0, 1].

        Raises:
            ValueError: alpha outside [0, 1], too small an image, or not as many styles as regions.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1], got {alpha}")
        styles = [styles] if isinstance(styles, Statistics) else styles
        if len(styles) != len(regions or [None]):
            raise ValueError(f"styles must be one, or one for each of {len(regions)} regions, got {len(styles)}")
        height, width = content.shape[-2:]
        features = self.features(content)
        target = self.target(features, styles, [whole_cells(region) for region in regions])
        mixed = (1 - alpha) * features + alpha * target
        return tiled(self.decoder, mixed, 1, CELL)[..., :height, :width].clamp(0, 1)

    @torch.no_grad()
    def style_of(self, images: Sequence[Tensor], shares: Sequence[float]) -> Statistics:
        """The statistics of style images, each (1, 3, H, W) in [0, 1], weighted by `shares`, whose sum is 1.

        ValueError for an image of less than 16 pixels on a side.
        """
        found = [statistics(self.features(image)) for image in images]
        pairs = list(zip(shares, found, strict=True))
        scale = torch.stack([share * one.scale for share, one in pairs]).sum(0)
        return Statistics(scale, torch.stack([share * one.bias for share, one in pairs]).sum(0))

    def features(self, images: Tensor) -> Tensor:
        """relu4_1 of images (N, 3, H, W) enlarged to whole cells: (N, C, h, w)."""
        return tiled(lambda tile: self.encoder(tile, [LAYER])[LAYER], whole_cells(images), CELL, 1)

    def target(self, features: Tensor, styles: Sequence[Statistics], regions: Sequence[Tensor] = ()) -> Tensor:
        """t = AdaIN(f(c), f(s))   (eq. 8), in regions of the features where there are masks (1, 1, 8h, 8w)."""
        targets = [adain(features, style.scale, style.bias) for style in styles]
        if not regions:
            return targets[0]
        masks = [F.avg_pool2d(region, CELL) for region in regions]  # (1, 1, h, w)
        covered = torch.stack(masks).sum(0)  # more than 1 where regions overlap
        painted = torch.stack([mask * one for mask, one in zip(masks, targets, strict=True)]).sum(0)
        return painted / covered.clamp(min=1) + features * (1 - covered).clamp(min=0)


def whole_cells(images: Tensor) -> Tensor:
    """Images (N, C, H, W) with their last row and column repeated until H and W are multiples of CELL."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % CELL, 0, -height % CELL), "replicate")


def tiled(function: Callable[[Tensor], Tensor], x: Tensor, pixels: int, made: int) -> Tensor:
    """function(x), computed tile by tile; a cell has `pixels` x `pixels` values of x and `made` x `made` of the result.

    The result of a cell may depend on cells that are at most MARGIN away.
    """
    rows, columns = (side // pixels for side in x.shape[-2:])

    def tile(top: int, bottom: int, left: int, right: int) -> Tensor:
        first_row, first_column = max(0, top - MARGIN), max(0, left - MARGIN)
        part = x[..., first_row * pixels : (bottom + MARGIN) * pixels, :]
        part = function(part[..., first_column * pixels : (right + MARGIN) * pixels])
        part = part[..., (top - first_row) * made :, (left - first_column) * made :]
        return part[..., : (bottom - top) * made, : (right - left) * made]

    row_edges, column_edges = (list(pairwise([*range(0, count, TILE), count])) for count in (rows, columns))
    bands = [torch.cat([tile(*row, *column) for column in column_edges], 3) for row in row_edges]
    return torch.cat(bands, 2)


def load_stylizer(path: Path | str = BUNDLED) -> Stylizer:
    """A stylizer with the decoder of a checkpoint or run of experiment=adain_style; nothing in the file is executed.

    UserError for a missing, damaged or other file.
    """
    saved = Checkpoint.load(newest(Path(path)))
    return Stylizer(saved.network("model", Decoder, "not a checkpoint of experiment=adain_style")).eval()
