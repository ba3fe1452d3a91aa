"""A second style image for neural style transfer: a floor of broken tiles, set in rings.

Lengths are in pixels of the returned image; x to the right, y down.
"""

import numpy as np
from PIL import Image

SIZE = 320
TILE = 14  # distance of neighbouring tiles
GROUT = 2.2  # width of the joints
OVERSAMPLING = 2
RINGS = ((178, 58, 44), (232, 190, 120), (70, 110, 96), (245, 232, 204), (120, 44, 52), (214, 142, 62))
JOINT = (58, 48, 44)


def mosaic() -> Image.Image:
    """Warm tiles in rings around the lower left, with dark joints: RGB, 320 x 320."""
    rng = np.random.default_rng(5)
    tiles = (np.stack(np.meshgrid(*[np.arange(-TILE, SIZE + TILE, TILE)] * 2), -1)).reshape(-1, 2).astype(float)
    tiles += rng.uniform(-0.38 * TILE, 0.38 * TILE, tiles.shape)
    rings = np.hypot(tiles[:, 0] - 0.2 * SIZE, tiles[:, 1] - 0.85 * SIZE) // (2.6 * TILE)
    colors = np.array(RINGS)[rings.astype(int) % len(RINGS)] * rng.uniform(0.82, 1.12, (len(tiles), 1))
    colors += rng.normal(0, 7, colors.shape)

    side = SIZE * OVERSAMPLING
    pixels = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) + 0.5) / OVERSAMPLING
    first, nearest, second = np.full((side, side), np.inf), np.zeros((side, side), int), np.full((side, side), np.inf)
    for index, tile in enumerate(tiles):  # distances to the two nearest tiles; only pixels near a tile are updated
        left, top = (np.clip((tile - 2.5 * TILE) * OVERSAMPLING, 0, side)).astype(int)
        right, bottom = (np.clip((tile + 2.5 * TILE) * OVERSAMPLING, 0, side)).astype(int)
        here = np.s_[top:bottom, left:right]
        distance = np.hypot(*np.moveaxis(pixels[here] - tile, -1, 0))
        is_nearest = distance < first[here]
        second[here] = np.where(is_nearest, first[here], np.minimum(second[here], distance))
        first[here] = np.where(is_nearest, distance, first[here])
        nearest[here] = np.where(is_nearest, index, nearest[here])
    pixels = np.where((second - first < GROUT)[..., None], JOINT, colors[nearest])
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
