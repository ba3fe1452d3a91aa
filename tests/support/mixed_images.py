"""Folders and archives such as users have: every kind of image, and files that are none."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.image_classes import ImageClasses

UPSIDE_DOWN = 3  # EXIF's number for an image that must be turned by 180 degrees
ORIENTATION = 0x0112


def drawing(index: int, width: int, height: int) -> Image.Image:
    """A disc on a ramp, another one for every index."""
    random = np.random.default_rng(index)
    left, right = random.integers(0, 256, (2, 3))
    share = np.linspace(0, 1, width)[None, :, None].repeat(height, 0)
    image = Image.fromarray((left * (1 - share) + right * share).astype(np.uint8))
    x, y, radius = width * random.uniform(0.3, 0.7), height * random.uniform(0.3, 0.7), min(width, height) / 5
    color = tuple(random.integers(0, 256, 3).tolist())
    ImageDraw.Draw(image).ellipse([x - radius, y - radius, x + radius, y + radius], color)
    return image


def save_rgba(image: Image.Image, path: Path) -> None:
    image.putalpha(image.convert("L"))
    image.save(path.with_suffix(".png"))


def save_16_bits(image: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path.with_suffix(".png"))


def save_turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = UPSIDE_DOWN
    image.rotate(180).save(path.with_suffix(".jpg"), exif=exif)


KINDS: dict[str, Callable[[Image.Image, Path], None]] = {
    "rgb": lambda image, path: image.save(path.with_suffix(".jpg")),
    "grey": lambda image, path: image.convert("L").save(path.with_suffix(".png")),
    "rgba": save_rgba,
    "cmyk": lambda image, path: image.convert("CMYK").save(path.with_suffix(".jpg")),
    "16_bits": save_16_bits,
    "turned": save_turned,
    "palette": lambda image, path: image.convert("P").save(path.with_suffix(".gif")),
    "webp": lambda image, path: image.save(path.with_suffix(".webp")),
    "tiff": lambda image, path: image.save(path.with_suffix(".tif")),
}


def mixed_folder(root: Path, count: int, least: int = 64, most: int = 400) -> None:
    """So many images of all kinds and sizes in two folders, beside one cut short, one too small and a text file."""
    sizes = np.random.default_rng(0).integers(least, most, (count, 2), endpoint=True).tolist()
    for index, (width, height) in enumerate(sizes):
        kind = list(KINDS)[index % len(KINDS)]
        folder = root / ("even", "odd")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        KINDS[kind](drawing(index, width, height), folder / f"{index:04}_{kind}")
    whole = io.BytesIO()
    Image.effect_noise((most, most), 90).save(whole, "JPEG")
    (root / "even" / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    drawing(0, 7, 7).save(root / "odd" / "tiny.png")
    (root / "odd" / "notes.txt").write_text("about these images")
    (root / "odd" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def png_bytes(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def nvidia_zip(path: Path, labels: list[int] | None, side: int = 16) -> None:
    """As dataset_tool.py of StyleGAN2-ADA writes it: PNGs of one size, not compressed, and dataset.json."""
    names = [f"{index // 4:05}/img{index:08}.png" for index in range(len(labels or range(6)))]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for index, name in enumerate(names):
            archive.writestr(name, png_bytes(drawing(index, side, side)))
        listed = None if labels is None else [list(pair) for pair in zip(names, labels, strict=True)]
        archive.writestr("dataset.json", json.dumps({"labels": listed}))


def zip_of(root: Path, path: Path) -> None:
    """A folder as an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root))


def image_classes(root, **changes) -> ImageClasses:
    """A classifier's images at 8 pixels, with some arguments changed."""
    values = {
        "resolution": 8,
        "max_per_class": None,
        "dev_fraction": 0.25,
        "test_fraction": 0.2,
        "augment": FlipRotateCrop(flip=False, rotate=0.0, crop=1.0),
        "seed": 0,
    }
    return ImageClasses(str(root), **(values | changes))
