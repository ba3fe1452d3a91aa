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
from dlcourse.nn.adain import adain, std_mean
from dlcourse.nn.vgg import PIXELS
from dlcourse.style_transfer.colors import match_statistics
from dlcourse.style_transfer.losses import gram
from dlcourse.style_transfer.stylizer import ENCODED, Stylizer, edges_vgg, with_grain
from dlcourse.style_transfer.training_images import PhotosAndPaintings, random_crops

FULL_SIZE = (PIXELS, *ENCODED)  # layers of the style loss; of pixels: mean and covariance of the colours
GRAM_FLOOR = 0.1  # times the mean square of typical Gram matrices is added to the divisor in `gram_error`
NUM_TYPICAL = 12  # contents, and styles, that the features are calibrated on


@dataclass(eq=False, repr=False)
class FastStyleTransfer(Task):
    """Minimise L = L_c + lambda L_s   (eq. 11) over the weights of the decoder g, for random contents and styles.

    The features are calibrated: each channel before its ReLU has mean 0 and variance 1 over some of the images, so that
    all count. Squared distances are means over channels and positions. Those of Gram matrices are divided by the mean
    square of the style's, plus 0.1 times that of typical images: layers count about the same, and so do styles of
    strong and of weak contrast. Contents get the colours of their style first, as `dlcourse stylize` does it unless
    told otherwise.
    """

    kind = "fast style transfer"
    main_images = ("styled",)

    model: Stylizer
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
        check_at_least(1, batch_size=self.batch_size)
        if self.crop_size < 16 or self.crop_size % 8:
            raise ValueError(f"crop_size must be a multiple of 8 from 16 on, got {self.crop_size}")

    def setup(self, device: torch.device) -> None:
        """Move networks and images to `device`, then build the optimizer."""
        self.device = device
        self.vgg = edges_vgg()
        typical = self.typical_images()
        self.vgg.calibrate([typical], [None], [1.0], ENCODED)
        self.model.encoder.calibrate([F.avg_pool2d(typical, 2)], [None], [1.0], ENCODED)
        self.vgg.to(device)
        self.model.to(device)
        self.gram_squares = [mean_square(second_moments(x)).mean() for x in self.features(typical.to(device))]
        self.contents, self.styles = (
            BatchStream((images.to(device),), self.batch_size, seed)
            for images, seed in ((self.dataset.contents, self.seed), (self.dataset.styles, self.seed + 1))
        )
        self.descent = Descent(self.model.decoder.parameters(), self.optimizer, self.scheduler)

    def typical_images(self) -> Tensor:
        """Some of the images to train on, at half their size: (n, 3, 128, 128) in [0, 1]."""
        some = [images[:: -(-len(images) // NUM_TYPICAL)] for images in (self.dataset.contents, self.dataset.styles)]
        return F.avg_pool2d(torch.cat(some).float() / 255, 2)

    def networks(self) -> list[nn.Module]:
        return [self.model]

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
        contents = with_grain(in_colors_of(styles, contents), generator=torch.default_generator)
        terms = self.descent.step(lambda: self.losses(contents, styles))
        progress = {"progress/images": self.contents.samples_seen, "optimizer/lr": self.descent.lr()}
        return {f"train/{name}": value for name, value in terms.items()} | progress

    def features(self, images: Tensor) -> list[Tensor]:
        """What the style loss compares, of images (N, 3, H, W): FULL_SIZE, then ENCODED of the images at half size."""
        found = self.vgg(images, FULL_SIZE)
        return [*(found[name] for name in FULL_SIZE), *self.model.features(images)[1:]]

    def losses(self, contents: Tensor, styles: Tensor) -> Metrics:
        """L_c = |f(g(t)) - t|^2   (eq. 12), f being the last layer of the encoder; L_s = mean_l |G_l(g(t)) - G_l(s)|^2.

        t = AdaIN(f(c), f(s))   (eq. 8). G_l are Gram matrices (Gatys et al. 2016, eq. 3), which Huang and Belongie
        mention as an alternative to the means and deviations of eq. 13. Images (N, 3, H, W).
        """
        with torch.no_grad():
            wanted = self.features(styles)
            of_styles = [styles, *wanted[len(FULL_SIZE) :]]
            pairs = zip(self.model.features(contents), of_styles, strict=True)
            targets = [adain(x, *std_mean(style)) for x, style in pairs]
        found = self.features(self.model.decoder(targets))
        content_loss = mean_square(found[-1] - targets[-1]).mean()
        errors = [gram_error(*layer) for layer in zip(found, wanted, self.gram_squares, strict=True)]
        style_loss = torch.stack(errors).mean()
        return {"loss": content_loss + self.style_weight * style_loss, "content": content_loss, "style": style_loss}

    def dev_images(self) -> tuple[Tensor, Tensor]:
        """The contents and styles that are held out, at half their size: (num_dev, 3, 128, 128)."""
        halved = lambda images: F.avg_pool2d(images.to(self.device).float() / 255, 2)
        return halved(self.dataset.dev_contents), halved(self.dataset.dev_styles)

    @torch.no_grad()
    def evaluate(self) -> Metrics:
        """The losses on the pairs that are held out."""
        contents, styles = self.dev_images()
        found = self.losses(with_grain(in_colors_of(styles, contents)), styles)
        return {f"dev/{name}": value for name, value in found.items()}

    def visualize(self) -> Images:
        """Held-out contents, styles and results side by side, captioned."""
        contents, styles = self.dev_images()
        shown = [
            (content, style, self.model(matched[None], [self.model.style_of([style[None]], [1.0])])[0])
            for content, matched, style in zip(contents, in_colors_of(styles, contents), styles, strict=True)
        ]
        images = torch.stack([image for row in shown for image in row])
        grid = labelled_grid(images, ["content", "style", "result"] * len(shown), columns=6)
        return {"styled": to_tensor(under(f"Step {self.descent.updates:,}: images that were held out", grid))[None]}

    def state(self) -> dict[str, Stateful]:
        return {"model": self.model, "descent": self.descent, "contents": self.contents, "styles": self.styles}


def in_colors_of(styles: Tensor, contents: Tensor) -> Tensor:
    """Contents with the mean colour and covariance of the styles, all (N, 3, H, W) in [0, 1]."""
    return match_statistics(contents, styles).clamp(0, 1)


def gram_error(x: Tensor, style: Tensor, typical: Tensor) -> Tensor:
    """Squared distance of a layer's Gram matrices, by the style's mean square and a share of the typical one."""
    wanted = second_moments(style)
    distance = mean_square(second_moments(x) - wanted)
    return (distance / (mean_square(wanted) + GRAM_FLOOR * typical)).mean()


def second_moments(features: Tensor) -> Tensor:
    """Gram matrices divided by the number of positions, (N, C, H, W) -> (N, C, C)."""
    return gram(features, None, "hw")


def mean_square(x: Tensor) -> Tensor:
    """Of each image, (N, ...) -> (N)."""
    return x.square().flatten(1).mean(1)
