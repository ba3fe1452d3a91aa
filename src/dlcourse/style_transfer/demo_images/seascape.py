"""The content image for neural style transfer: a lighthouse, a village and a sailing boat by the sea.

Lengths are in pixels of the returned image; x to the right, y down. The sun is low on the left.
"""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageFilter

from dlcourse.style_transfer.demo_images.brushwork import OVERSAMPLING, Pen, shade

SIZE = (384, 288)
HORIZON = 150  # rows above are sky and land, rows below are sea


def seascape() -> Image.Image:
    """A lighthouse, a village and a sailing boat by the sea: RGB, 384 x 288."""
    rng = np.random.default_rng(7)
    image = _sky()
    draw = Pen(image)
    _mountains(draw)
    _headland(draw, rng)
    _lighthouse(draw)
    image = _with_sea(image, rng)
    image = _with_boat(image)
    draw = Pen(image)
    _shore(draw, rng)
    _village(draw, rng)
    return image.resize(SIZE, Image.Resampling.LANCZOS)


def _gradient(places, colors, at: np.ndarray) -> np.ndarray:
    """Colours (..., 3) at positions `at` between `places`."""
    return np.stack([np.interp(at, places, channel) for channel in np.array(colors, float).T], axis=-1)


def _sky() -> Image.Image:
    width, height = (side * OVERSAMPLING for side in SIZE)
    y, x = np.mgrid[:height, :width] / OVERSAMPLING
    sky = _gradient((0, 60, 115, 150), ((58, 116, 190), (122, 174, 220), (248, 214, 168), (255, 186, 128)), y)
    glow = np.exp(-np.hypot(x - 118, y - 104) / 46)[..., None]
    sky += glow * np.array((90, 62, 6))
    image = Image.fromarray(sky.clip(0, 255).astype(np.uint8))
    _clouds(image)
    Pen(image).disc(118, 104, 17, 17, (255, 246, 204))
    return image


def _clouds(image: Image.Image) -> None:
    """Heaps of blurred discs, lit by the sun from below left."""
    puffs = ((-26, 3, 13), (-12, -4, 16), (5, -8, 19), (22, -1, 15), (36, 4, 10))
    for cloud_x, cloud_y, size in ((60, 40, 0.9), (212, 28, 1.15), (330, 62, 0.8), (178, 78, 0.5)):
        for color, shift in (((196, 190, 210), -2.0), ((255, 244, 228), 0.0), ((255, 255, 250), 3.0)):
            mask = Image.new("L", image.size)
            pen = Pen(mask)
            for x, y, radius in puffs:
                middle_x, middle_y = cloud_x + size * x - 0.6 * shift, cloud_y + size * (y + shift)
                wide, high = size * (radius - abs(shift)), size * (radius - abs(shift)) * 0.62
                pen.disc(middle_x, middle_y, wide, high, (215,))
            left, top = int((cloud_x - 60) * OVERSAMPLING), int((cloud_y - 40) * OVERSAMPLING)
            near = (left, top, left + 120 * OVERSAMPLING, top + 80 * OVERSAMPLING)
            soft = mask.crop(near).filter(ImageFilter.GaussianBlur(1.4 * OVERSAMPLING))
            image.paste(color, near, soft)


def _mountains(draw: Pen) -> None:
    x = np.linspace(0, 384, 193)
    for base, height, rate, phase, color in (
        (112, 20, 0.021, 0.4, (150, 160, 196)),
        (126, 14, 0.034, 2.1, (118, 140, 176)),
        (138, 9, 0.05, 4.0, (92, 128, 142)),
    ):
        ridge = base - height * np.sin(rate * x + phase) - 0.35 * height * np.sin(2.7 * rate * x + 2 * phase)
        draw.polygon([(0, HORIZON + 1), *zip(x, ridge, strict=True), (384, HORIZON + 1)], color)


def _headland(draw: Pen, rng: np.random.Generator) -> None:
    """A green cliff on the right, with bare rock towards the sea."""
    x = np.linspace(232, 384, 77)
    top = 151 - 36 * np.clip((x - 232) / 60, 0, 1) ** 0.7 - 3 * np.sin(x / 11) - 1.5 * np.sin(x / 4.3)
    draw.polygon([*zip(x, top, strict=True), (384, 151), (232, 151)], (108, 96, 88))
    for left, light in zip(rng.uniform(234, 384, 90), rng.uniform(0.8, 1.25, 90), strict=True):
        start = np.interp(left, x, top) + 6
        crack = [(left, start), (left + rng.uniform(-3, 3), start + 10), (left + rng.uniform(-6, 6), 151)]
        draw.line(crack, shade((122, 104, 92), light), 1.3)
    turf = top + 9 + 4 * np.sin(x / 6) + 2 * np.sin(x / 2.7)
    draw.polygon([*zip(x, top - 1, strict=True), *zip(x[::-1], turf[::-1], strict=True)], (98, 148, 72))
    draw.polygon([*zip(x, top - 1, strict=True), *zip(x[::-1], (top + 3)[::-1], strict=True)], (150, 188, 92))


def _lighthouse(draw: Pen) -> None:
    """A white tower with red bands, its right side in the shade, and the keeper's house."""
    x, foot, top = 318.0, 118.0, 42.0
    edges, halves = np.linspace(top, foot, 8), np.linspace(6.5, 11, 8)
    for band, (high, low) in enumerate(pairwise(zip(edges, halves, strict=True))):
        color = ((250, 246, 238), (206, 62, 52))[band % 2]
        for left, right, light in ((-1, -0.35, 0.97), (-0.35, 0.3, 1.0), (0.3, 0.7, 0.82), (0.7, 1, 0.66)):
            upper = [(x + left * high[1], high[0]), (x + right * high[1], high[0])]
            lower = [(x + right * low[1], low[0] + 0.5), (x + left * low[1], low[0] + 0.5)]
            draw.polygon(upper + lower, shade(color, light))
    draw.polygon([(x - 9, top), (x + 9, top), (x + 8, top - 3), (x - 8, top - 3)], (70, 66, 78))
    draw.rectangle(x - 5, top - 13, x + 5, top - 3, (255, 226, 120))
    draw.line([(x, top - 3), (x, top - 13)], (70, 66, 78), 0.9)
    draw.polygon([(x - 7, top - 13), (x + 7, top - 13), (x, top - 22)], (178, 48, 44))
    draw.polygon([(x, top - 13), (x + 7, top - 13), (x, top - 22)], (132, 36, 40))
    for y in (58, 80, 102):
        draw.rectangle(x - 2, y, x + 1, y + 5, (64, 72, 96))
    _house(draw, 338, 117, 17, 13, 11, (244, 232, 210), (190, 84, 60))


def _with_sea(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The sea, with the reflection of what is above the horizon in ripples that grow towards the viewer."""
    pixels = np.asarray(image).astype(float)
    height, width, _ = pixels.shape
    first = HORIZON * OVERSAMPLING
    depth = np.arange(height - first)[:, None] / OVERSAMPLING  # rows below the horizon
    across = np.arange(width)[None] / OVERSAMPLING
    ripple = np.sin(depth**0.75 * 3.1 + 0.05 * across) + 0.6 * np.sin(depth**0.8 * 5.3 - 0.11 * across)
    columns = (across + ripple * (0.6 + 0.03 * depth)) * OVERSAMPLING
    rows = first - 1 - np.minimum(depth * 1.15 + ripple, HORIZON - 1).clip(0) * OVERSAMPLING
    mirrored = pixels[rows.astype(int), columns.clip(0, width - 1).astype(int)]
    water = _gradient((0, 30, 90), ((96, 160, 178), (44, 116, 152), (22, 78, 122)), depth)
    pixels[first:] = 0.52 * water + 0.44 * mirrored + 9 * ripple[..., None]
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = Pen(image)
    for y in HORIZON + 2 + 90 * rng.uniform(0, 1, 150) ** 1.4:  # sunlight on the crests
        spread = 6 + 0.32 * (y - HORIZON)
        x, half = rng.normal(118, spread), rng.uniform(1.5, 3) + 0.05 * (y - HORIZON)
        draw.line([(x - half, y), (x + half, y)], (255, rng.uniform(214, 244), 178), 0.8)
    for x, y in rng.uniform((0, 156), (384, 240), (110, 2)):
        half = 1.5 + 0.07 * (y - HORIZON)
        draw.line([(x - half, y), (x, y - 0.5), (x + half, y)], (152, 200, 212), 0.5)
    return image


def _with_boat(image: Image.Image) -> Image.Image:
    """A sailing boat, drawn on a transparent layer, which is flipped for the reflection."""
    layer = Image.new("RGBA", image.size)
    draw = Pen(layer)
    x, waterline = 212, 196
    for color, corners in (
        ((92, 60, 40), ((-0.8, -58), (0.8, -58), (0.8, -8), (-0.8, -8))),  # mast
        ((255, 250, 236), ((-2, -56), (-2, -12), (-27, -12))),  # sails, each with a shaded part
        ((226, 214, 204), ((-2, -56), (-2, -12), (-9, -12))),
        ((226, 96, 62), ((2, -52), (2, -11), (20, -11))),
        ((186, 66, 50), ((2, -52), (9, -11), (20, -11))),
        ((58, 72, 120), ((-30, -8), (30, -9), (21, 2), (-22, 2))),  # hull
        ((240, 228, 208), ((-30, -8), (30, -9), (28, -6), (-28.5, -5))),
        ((42, 52, 92), ((8, -6), (30, -9), (21, 2), (4, 2))),
    ):
        draw.polygon([(x + right, waterline + down) for right, down in corners], (*color, 255))
    pixels = np.asarray(layer)
    depth = np.arange(pixels.shape[0]) - (waterline + 2) * OVERSAMPLING
    wobble = (np.sin(depth / 5.2) * (1 + depth.clip(0) / 40)).astype(int)
    rows = ((waterline + 2) * OVERSAMPLING - depth * 1.35).astype(int).clip(0, pixels.shape[0] - 1)
    columns = (np.arange(pixels.shape[1]) + wobble[:, None]).clip(0, pixels.shape[1] - 1)
    mirrored = pixels[rows[:, None], columns] * (depth > 0)[:, None, None]
    mirrored[..., 3] = mirrored[..., 3] * 0.5
    image = image.convert("RGBA")
    image.alpha_composite(Image.fromarray(mirrored.astype(np.uint8)))
    image.alpha_composite(layer)
    return image.convert("RGB")


def _shore_line(x):
    """The y of the water's edge, with a cape at the village and one on the right."""
    capes = 26 * np.exp(-(((x - 40) / 70) ** 2)) + 8 * np.exp(-(((x - 370) / 40) ** 2))
    return 232 + 10 * np.sin(x / 58 + 0.6) - capes


def _shore(draw: Pen, rng: np.random.Generator) -> None:
    """A beach, a meadow in tufts that get longer towards the viewer, and a path."""
    x = np.linspace(0, 384, 129)
    line = _shore_line(x)
    for drop, color in ((-1.5, (226, 240, 236)), (0.5, (232, 208, 158)), (8, (112, 150, 70))):
        draw.polygon([(0, 288), *zip(x, line + drop + np.sin(x / 9), strict=True), (384, 288)], color)
    places = rng.uniform((0, 0), (384, 1), (2600, 2))
    places = places[np.argsort(places[:, 1])]
    for left, near in places:
        y = _shore_line(left) + 11 + near * 62
        color = np.array((128, 164, 72)) * rng.uniform(0.78, 1.16) * (1 - 0.28 * near) + rng.uniform(-8, 8, 3)
        draw.line([(left, y), (left + rng.uniform(-1.5, 2.5), y - 2.5 - 3 * near)], color, 0.9)
    path = np.linspace(0, 1, 30)
    middle = 150 - 62 * path + 22 * np.sin(4.4 * path)
    below, half = 290 - 58 * path, 13 * (1 - path) ** 1.3 + 1.6
    left_edge, right_edge = zip(middle - half, below, strict=True), zip(middle + half, below, strict=True)
    draw.polygon([*left_edge, *reversed(list(right_edge))], (218, 192, 142))
    for x, y in rng.uniform((160, 256), (384, 286), (70, 2)):
        draw.disc(x, y, 1.0, 1.0, ((240, 92, 84), (250, 222, 96), (246, 240, 246))[int(x) % 3])


def _house(draw: Pen, x, y, front, side, height, wall, roof) -> None:
    """A house seen from its left corner: a lit gable `front` wide, a shaded wall `side` long, (x, y) below left."""
    ridge, corner, end = y - height - 0.62 * front, x + front, x + front + side
    eaves = y - height
    draw.polygon([(corner, y), (corner, eaves), (end, eaves - 1), (end, y - 1.5)], shade(wall, 0.74))
    draw.polygon([(x, y), (x, eaves), (x + front / 2, ridge), (corner, eaves), (corner, y)], wall)
    ridge_end = end - front / 2
    rim = [(corner + 1, eaves + 2), (x + front / 2, ridge - 1)]
    draw.polygon([*rim, (ridge_end, ridge - 2), (end + 1.5, eaves + 0.5)], roof)
    draw.line([*rim, (x - 1.5, eaves + 1.5)], shade(roof, 0.7), 1.4)
    for row in (0.3, 0.55, 0.8):  # rows of tiles
        drop, out = row * (eaves + 2 - ridge), row * front / 2
        tiles = [(x + front / 2 + out, ridge - 1 + drop), (ridge_end + out, ridge - 2 + drop)]
        draw.line(tiles, shade(roof, 0.86), 0.6)
    pane, middle = front * 0.18, x + front / 2
    draw.rectangle(middle - 0.7 * pane, y - 0.5 * height, middle + 0.7 * pane, y, (104, 70, 52))
    for left in (corner + side * 0.2, corner + side * 0.6):
        draw.rectangle(left, y - 0.76 * height, left + pane, y - 0.41 * height, (66, 78, 104))


def _church(draw: Pen, x: float, y: float) -> None:
    wall, roof = (246, 236, 216), (88, 92, 124)
    _house(draw, x + 13, y, 22, 34, 20, wall, (176, 80, 58))
    draw.rectangle(x, y - 46, x + 12, y + 1, wall)
    draw.polygon([(x + 12, y + 1), (x + 12, y - 46), (x + 18, y - 47), (x + 18, y)], shade(wall, 0.72))
    draw.polygon([(x - 1.5, y - 45), (x + 9, y - 84), (x + 13, y - 45)], roof)
    draw.polygon([(x + 13, y - 45), (x + 9, y - 84), (x + 19.5, y - 46)], shade(roof, 0.7))
    draw.line([(x + 9, y - 83), (x + 9, y - 92)], (70, 60, 60), 1.0)
    draw.line([(x + 6.5, y - 89), (x + 11.5, y - 89)], (70, 60, 60), 1.0)
    draw.disc(x + 6, y - 36, 3.6, 3.6, (70, 72, 92))
    draw.disc(x + 6, y - 36, 2.7, 2.7, (250, 240, 200))
    draw.line([(x + 6, y - 36), (x + 6, y - 38)], (60, 50, 50), 0.6)
    draw.line([(x + 6, y - 36), (x + 7.5, y - 36)], (60, 50, 50), 0.6)
    draw.rectangle(x + 4, y - 26, x + 8, y - 16, (66, 78, 104))


def _tree(draw: Pen, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """A trunk and a crown of leaves: dark ones first, then lit ones towards the sun."""
    trunk = [(-0.1, 0), (-0.05, -1), (0.06, -1), (0.11, 0)]
    draw.polygon([(x + size * along, y + size * up) for along, up in trunk], (96, 66, 46))
    crown = ((0.06, 0.56, 0.62), (0.0, 0.52, 0.86), (-0.12, 0.44, 1.12), (-0.2, 0.28, 1.36))
    for shift, reach, light in crown:
        for turn, far in rng.uniform((0, 0), (2 * np.pi, 1), (80, 2)):
            distance = reach * far**0.5
            leaf_x = x + size * (shift + distance * np.cos(turn))
            leaf_y = y + size * (shift - 1.25 + distance * np.sin(turn))
            leaf = size * rng.uniform(0.07, 0.14)
            color = shade((74, 124, 60), light * rng.uniform(0.9, 1.1))
            draw.disc(leaf_x, leaf_y, leaf, 0.85 * leaf, color)


def _village(draw: Pen, rng: np.random.Generator) -> None:
    _tree(draw, rng, 8, 216, 26)
    _church(draw, 40, 220)
    _house(draw, 112, 234, 18, 20, 12, (250, 214, 160), (198, 92, 62))
    _tree(draw, rng, 106, 238, 15)
    _house(draw, 2, 246, 22, 24, 15, (236, 190, 172), (170, 70, 58))
    _tree(draw, rng, 66, 248, 14)
    _tree(draw, rng, 352, 262, 44)
    _tree(draw, rng, 304, 262, 24)
