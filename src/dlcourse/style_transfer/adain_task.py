"""Training of the decoder of fast style transfer (Huang and Belongie 2017, arXiv:1703.06868)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.datasets.batches import BatchStream
from dlcourse.engine import distributed
from dlcourse.engine.optimization import Descent, MakeOptimizer, Metrics
from dlcourse.engine.schedules import Schedule
from dlcourse.engine.task import Images, Stateful, Task
from dlcourse.errors import check_at_least
from dlcourse.images.tables import labelled_grid, under
from dlcourse.images.tensors import to_tensor
from dlcourse.style_transfer.stylizer import LAYER, STYLE_LAYERS, Decoder, Statistics, Stylizer, statistics
from dlcourse.style_transfer.training_images import PhotosAndPaintings, random_crops

TYPICAL = 60  # contents, and styles, that the decoder's first layer is made for


@dataclass(eq=False, repr=False)
class FastStyleTransfer(Task):
    """Minimise L = L_c + lambda L_s   (eq. 11) over the weights of the decoder g, for random contents and styles.

    Squared distances are means over channels and positions, and relative to the mean square of the style's features: so
    the layers, whose features differ in scale, count the same, and so do glaring styles and pale ones.
    """

    kind = "fast style transfer"
    pictured = ("styled",)

    model: Decoder
    dataset: PhotosAndPaintings
    optimizer: MakeOptimizer
    scheduler: Schedule
    style_weight: float  # lambda, >= 0
    crop_size: int  # pixels per side of what is trained on, a multiple of 8, >= 16
    batch_size: int  # pairs of content and style per update
    content_color: float  # how much the colours of contents vary, >= 0
    style_color: float  # the same for styles
    seed: int  # of the order of the images

    def __post_init__(self) -> None:
        check_at_least(
            0, style_weight=self.style_weight, content_color=self.content_color, style_color=self.style_color
        )
        if self.crop_size < 16 or self.crop_size % 8:
            raise ValueError(f"crop_size must be a multiple of 8 from 16 on, got {self.crop_size}")

    def setup(self, device: torch.device) -> None:
        """Move networks and images to `device`, then build the optimizer."""
        self.device = device
        self.stylizer = Stylizer(self.model).to(device)
        self.contents, self.styles = (
            BatchStream((images.to(device),), self.batch_size, seed)
            for images, seed in ((self.dataset.contents, self.seed), (self.dataset.styles, self.seed + 1))
        )
        features = self.stylizer.encoder(self.dev_images()[1], STYLE_LAYERS)
        self.usual = [features[name].square().mean() for name in STYLE_LAYERS]
        self.model.whiten(self.typical_features())
        self.descent = Descent(self.model.layers.parameters(), self.optimizer, self.scheduler)

    def typical_features(self) -> Tensor:
        """relu4_1 of some of the images to train on: what the decoder's first layer is made for."""
        images = torch.cat(
            [some[:: max(1, len(some) // TYPICAL)] for some in (self.dataset.contents, self.dataset.styles)]
        )
        parts = F.avg_pool2d(images.to(self.device).float() / 255, 2).split(8)
        return torch.cat([self.stylizer.encoder(part, [LAYER])[LAYER] for part in parts])

    def networks(self) -> list[nn.Module]:
        return [self.stylizer]

    def step(self) -> Metrics:
        """One update on pairs of random crops."""
        crops = [
            random_crops(stream.take(self.batch_size)[0], self.crop_size, zoom, color)
            for stream, zoom, color in (
                (self.contents, (0.5, 1.2), self.content_color),
                (self.styles, (0.4, 1.6), self.style_color),
            )
        ]
        contents, styles = distributed.shard(*crops)
        with torch.no_grad():
            targets = self.targets(contents, styles)
        terms = self.descent.step(lambda: self.losses(*targets))
        progress = {"progress/images": self.contents.samples_seen, "optimizer/lr": self.descent.lr()}
        return {f"train/{name}": value for name, value in terms.items()} | progress

    def targets(self, contents: Tensor, styles: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """What the features of the output should be.

        t = AdaIN(f(c), f(s))   (eq. 8), (N, C, h, w); the moments of f(s) at each of STYLE_LAYERS, (N, 2C); and the
        unit of each layer's squared distances, (N): the mean square of f(s) plus that of all held-out styles.
        """
        found = self.stylizer.encoder(styles, STYLE_LAYERS)
        features = [found[name] for name in STYLE_LAYERS]
        style = [statistics(feature) for feature in features]
        units = [mean_square(feature) + usual for feature, usual in zip(features, self.usual, strict=True)]
        content = self.stylizer.encoder(contents, [LAYER])[LAYER]
        return self.stylizer.target(content, style[-1:]), [moments(one) for one in style], units

    def losses(self, target: Tensor, style: list[Tensor], units: list[Tensor]) -> Metrics:
        """L_c = |f(g(t)) - t|^2   (eq. 12); L_s = sum_l |mean - mean|^2 + |std - std|^2   (eq. 13)."""
        features = self.stylizer.encoder(self.model(target), STYLE_LAYERS)
        content_loss = (mean_square(features[LAYER] - target) / units[-1]).mean()
        distances = [
            2 * ((moments(statistics(features[name])) - wanted).square().mean(1) / unit).mean()
            for name, wanted, unit in zip(STYLE_LAYERS, style, units, strict=True)
        ]
        style_loss = torch.stack(distances).sum()
        return {"loss": content_loss + self.style_weight * style_loss, "content": content_loss, "style": style_loss}

    def dev_images(self) -> tuple[Tensor, Tensor]:
        """The contents and styles that are held out, at half their size: (num_dev, 3, 128, 128)."""
        halved = lambda images: F.avg_pool2d(images.to(self.device).float() / 255, 2)
        return halved(self.dataset.dev_contents), halved(self.dataset.dev_styles)

    @torch.no_grad()
    def evaluate(self) -> Metrics:
        """The losses on the pairs that are held out."""
        found = self.losses(*self.targets(*self.dev_images()))
        return {f"dev/{name}": value for name, value in found.items()}

    def visualize(self) -> Images:
        """Held-out contents, styles and results side by side, captioned."""
        contents, styles = self.dev_images()
        shown = [
            (content, style, self.stylizer(content[None], self.stylizer.style_of([style[None]], [1.0]))[0])
            for content, style in zip(contents, styles, strict=True)
        ]
        images = torch.stack([image for row in shown for image in row])
        grid = labelled_grid(images, ["content", "style", "result"] * len(shown), columns=6)
        return {"styled": to_tensor(under(f"Step {self.descent.updates:,}: images that were held out", grid))[None]}

    def state(self) -> dict[str, Stateful]:
        return {"model": self.model, "descent": self.descent, "contents": self.contents, "styles": self.styles}


def moments(style: Statistics) -> Tensor:
    """Standard deviation and mean together, (N, 2C)."""
    return torch.cat([style.scale, style.bias], 1).flatten(1)


def mean_square(features: Tensor) -> Tensor:
    """Of each image, (N, C, h, w) -> (N)."""
    return features.square().mean((1, 2, 3))
