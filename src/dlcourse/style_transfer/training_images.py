"""Contents and styles to train fast style transfer on: the user's folders, or what is at hand without any."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dlcourse.datasets.faces.dataset import Faces
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.errors import check_at_least
from dlcourse.images.files import load_image
from dlcourse.style_transfer.demo_images import IMAGES
from dlcourse.style_transfer.textures import texture

SIDE = 256  # pixels of the squares that are kept in memory
# Photographs in the wheels of other packages: package -> folder in it, photographs of things, photographs of surfaces
PHOTOS = {
    "skimage": ("data", "astronaut.png chelsea.png coffee.png rocket.jpg motorcycle_left.png camera.png coins.png",
                "brick.png grass.png gravel.png hubble_deep_field.jpg ihc.png"),
    "sklearn": ("datasets/images", "china.jpg flower.jpg", ""),
}  # fmt: skip
Squares = list[Tensor]  # of each image, its squares: uint8 (n, 3, SIDE, SIDE)


class PhotosAndPaintings:
    """Squares of content images and of style images, some of which are held out.

    Without folders: the project's own drawings, and the photographs in scikit-image's and scikit-learn's wheels where
    these are installed. Without one of them, the images of the other folder serve as both.

    Args:
        root: folder or zip of content images; None: those at hand.
        styles: folder or zip of style images; None: those at hand.
        num_faces: procedural faces among the contents at hand, >= 0.
        num_textures: procedural textures among the styles, >= 0.
        num_dev: contents, and as many styles, that are held out, >= 1.
        cache: folder for the decoded images of folders, as in `ImageFolder`.
        seed: of the faces, the textures, and the choice of what is held out.
    """

    def __init__(
        self,
        root: str | None,
        styles: str | None,
        num_faces: int,
        num_textures: int,
        num_dev: int,
        cache: str | None,
        seed: int,
    ):
        check_at_least(0, num_faces=num_faces, num_textures=num_textures)
        check_at_least(1, num_dev=num_dev)
        self.num_faces, self.seed = num_faces, seed
        contents = self.contents_at_hand() if root is None else folder("root", root, cache)
        paintings = self.styles_at_hand() if styles is None else folder("styles", styles, cache)
        paintings += [pixels(texture(seed, index, SIDE))[None] for index in range(num_textures)]
        self.contents, self.dev_contents = self.held_out("root", contents, num_dev)
        self.styles, self.dev_styles = self.held_out("styles", paintings, num_dev)
        if styles is None:
            self.styles = torch.cat([self.styles, self.contents])
        elif root is None:
            self.contents = torch.cat([self.contents, self.styles])

    def held_out(self, key: str, images: Squares, num_dev: int) -> tuple[Tensor, Tensor]:
        """All squares of most images, and the first square of `num_dev` others, uint8 (n, 3, SIDE, SIDE)."""
        if len(images) <= num_dev:
            raise ValueError(f"{key} must have more than the {num_dev} images of num_dev, got {len(images)}")
        order = np.random.default_rng(self.seed).permutation(len(images))
        dev, train = [images[i][:1] for i in order[:num_dev]], [images[i] for i in order[num_dev:]]
        return torch.cat(train), torch.cat(dev)

    def contents_at_hand(self) -> Squares:
        """Photographs, the seascape and procedural faces."""
        faces = Faces(SIDE, self.num_faces, self.seed, "hair_style", 0, 0.0).images if self.num_faces else ()
        pictures = [IMAGES["seascape"](), *photos(1)]
        return [*(torch.cat([squares(image)] * 4) for image in pictures), *(face[None] for face in faces)]

    def styles_at_hand(self) -> Squares:
        """The painting, the mosaic and photographs of surfaces."""
        pictures = [IMAGES["painting"](), IMAGES["mosaic"](), *photos(2)]
        return [torch.cat([squares(image)] * 4) for image in pictures]


def photos(place: int) -> Iterator[Image.Image]:
    """The photographs of things (place 1) or of surfaces (place 2) in other packages; a warning names those that lack.

    The packages are not imported.
    """
    for package, found in PHOTOS.items():
        missing = []
        for name in found[place].split():
            paths = (Path(entry, package, found[0], name) for entry in sys.path)
            if path := next(filter(Path.is_file, paths), None):
                yield load_image(path)
            else:
                missing.append(name)
        if missing:
            what = f"trained without {', '.join(missing)} of {package}"
            logging.getLogger(__name__).warning(f"{what}; pip install 'dlcourse[photos]' has them")


def pixels(image: Image.Image | np.ndarray) -> Tensor:
    """uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def squares(image: Image.Image) -> Tensor:
    """Overlapping squares that cover an image at its own size, at halves of it, and at the least size.

    uint8 (n, 3, SIDE, SIDE).
    """
    found, shorter = [], max(min(image.size), SIDE)
    while shorter >= SIDE:
        factor = shorter / min(image.size)
        width, height = (max(SIDE, round(side * factor)) for side in image.size)
        scaled = image.resize((width, height), Image.Resampling.LANCZOS)
        across, down = (np.linspace(0, side - SIDE, -(-side // SIDE)).round() for side in (width, height))
        found += [scaled.crop((x, y, x + SIDE, y + SIDE)) for y in map(int, down) for x in map(int, across)]
        shorter = shorter // 2 if shorter >= 2 * SIDE else SIDE if shorter > SIDE else 0
    return torch.stack([pixels(one) for one in found])


def folder(key: str, root: str, cache: str | None) -> Squares:
    """The central square of every image in a folder or zip."""
    try:
        images = ImageFolder(root, SIDE, "crop", 1, [255, 255, 255], 0, cache).decode().levels[0][:]
    except ValueError as error:
        raise type(error)(str(error).replace("root=", f"{key}=", 1)) from error
    return [image[None] for image in images]


def random_crops(images: Tensor, side: int, zoom: tuple[float, float], color: float) -> Tensor:
    """A random part of each image, zoomed, turned, half of them mirrored, with other colours.

    Args:
        images: uint8 (N, 3, H, W).
        side: of the result in pixels.
        zoom: from the smallest to the largest pixels of the result per pixel of the image.
        color: how much colours, contrast and brightness vary, >= 0.

    Returns:
        (N, 3, side, side) in [0, 1].
    """
    n, device = len(images), images.device
    draw = lambda low, high: low + (high - low) * torch.rand(n)
    scale = side / images.shape[-1] / draw(zoom[0] ** 0.5, zoom[1] ** 0.5).square()  # of a square's coordinates
    angle, mirror = draw(-torch.pi, torch.pi) * (torch.rand(n) < 0.5), torch.sign(torch.rand(n) - 0.5)
    room = (1 - 1.2 * scale).clamp(min=0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [
        torch.stack(row, 1)
        for row in ((cos * mirror, -sin, draw(-1, 1) * room), (sin * mirror, cos, draw(-1, 1) * room))
    ]
    places = F.affine_grid(torch.stack(rows, 1).to(device), [n, 3, side, side], align_corners=False)
    parts = F.grid_sample(images.float() / 255, places, padding_mode="reflection", align_corners=False)
    mixing = torch.eye(3) + color * torch.randn(n, 3, 3)
    mixing = mixing / mixing.sum(2, keepdim=True).clamp(min=0.3)
    gain, shift = 1 + color * torch.randn(n, 1, 1, 1), 0.5 * color * torch.randn(n, 1, 1, 1)
    mixed = torch.einsum("nij,njhw->nihw", mixing.to(device), parts - 0.5)
    return (gain.to(device) * mixed + 0.5 + shift.to(device)).clamp(0, 1)
