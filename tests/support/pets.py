"""Drawings of cats and dogs, as a stand-in for Kaggle's photographs: any colours, anywhere in the image."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 96


def draw_pet(kind: str, random: np.random.Generator) -> Image.Image:
    """A head with pointed ears (cats) or hanging ones (dogs) on a noisy background."""
    color = lambda: tuple(random.integers(40, 216, 3).tolist())
    image = Image.new("RGB", (SIDE, SIDE), color())
    draw = ImageDraw.Draw(image)
    radius = random.uniform(14, 22)
    x, y = random.uniform(1.7 * radius, SIDE - 1.7 * radius, 2)
    fur, dark = color(), tuple((np.array(color()) // 3).tolist())
    for side in (-1, 1):
        if kind == "cats":
            tip = (x + side * 0.9 * radius, y - 1.6 * radius)
            draw.polygon(
                [tip, (x + side * 0.95 * radius, y - 0.2 * radius), (x + side * 0.1 * radius, y - 0.9 * radius)], fur
            )
        else:
            left = x + side * 1.1 * radius - 0.35 * radius
            draw.ellipse([left, y - 0.8 * radius, left + 0.7 * radius, y + 0.9 * radius], dark)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fur)
    for side in (-1, 1):
        eye = x + side * 0.4 * radius, y - 0.2 * radius
        draw.ellipse([eye[0] - 2, eye[1] - 2, eye[0] + 2, eye[1] + 2], dark)
    draw.ellipse([x - 3, y + 0.2 * radius, x + 3, y + 0.2 * radius + 4], dark)
    noisy = np.asarray(image) + random.normal(0, 12, (SIDE, SIDE, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def pets_folder(root: Path, num_train: int, num_test: int) -> None:
    """JPEGs in the layout of Kaggle's cats and dogs, so many of each kind; some files are broken or no images."""
    random = np.random.default_rng(0)
    for folder, count in (("training_set", num_train), ("test_set", num_test)):
        for kind in ("cats", "dogs"):
            home = root / folder / kind
            home.mkdir(parents=True)
            for index in range(count):
                draw_pet(kind, random).save(home / f"{kind}.{index:04}.jpg", quality=85)
            (home / "_DS_Store").write_bytes(b"\0\0\0\1Bud1")
            (home / f"{kind}.broken.jpg").write_bytes((home / f"{kind}.0000.jpg").read_bytes()[:500])
            (home / f"{kind}.empty.jpg").write_bytes(b"")
