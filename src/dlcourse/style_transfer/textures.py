"""Procedural textures as styles to train on: a texture is a function of (seed, index).

Values are in [0, 1] until a palette colours them; x to the right, y down.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Random = np.random.Generator
Field = np.ndarray  # (side, side), values in [0, 1]


def texture(seed: int, index: int, side: int) -> np.ndarray:
    """A texture in a random palette: uint8 (side, side, 3)."""
    random = np.random.default_rng((seed, index))
    kind = KINDS[index % len(KINDS)]
    field = kind(random, side)
    if random.random() < 0.3:  # two of them, woven together
        other = KINDS[random.integers(len(KINDS))](random, side)
        share = octaves(random, side) if random.random() < 0.5 else random.uniform(0.2, 0.8)
        field = share * field + (1 - share) * other
    colors = palette(random)[(field * 255).clip(0, 255).astype(int)]
    grain = random.normal(0, random.uniform(0, 10), (side, side, 1))
    shade = random.uniform(0, 60) * (octaves(random, side)[..., None] - 0.5)
    return (colors + grain + shade).clip(0, 255).astype(np.uint8)


def palette(random: Random) -> np.ndarray:
    """256 colours that lead, in smooth or hard steps, through two to six random ones: (256, 3)."""
    count = random.integers(2, 7)
    colors = random.uniform(0, 255, (count, 3))
    grey = colors.mean(1, keepdims=True)
    colors = grey + random.uniform(0.1, 1.3) * (colors - grey)
    at = np.linspace(0, count - 1, 256)
    if random.random() < 0.5:
        at = np.round(at)
    return np.stack([np.interp(at, np.arange(count), channel) for channel in colors.T], 1).clip(0, 255)


def stretched(values: np.ndarray) -> Field:
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-9)


def grid(random: Random, side: int, warp: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y in pixels, turned by a random angle and displaced by noise of up to `warp` pixels."""
    y, x = np.mgrid[:side, :side].astype(float)
    if warp:
        x, y = x + warp * (octaves(random, side) - 0.5), y + warp * (octaves(random, side) - 0.5)
    angle = random.uniform(0, 2 * np.pi)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def octaves(random: Random, side: int) -> Field:
    """Sum of smooth noise at wavelengths that halve, each `rough` times as strong as the one before."""
    total, rough = np.zeros((side, side)), random.uniform(0.3, 0.9)
    for octave in range(random.integers(2, 6)):
        cells = 2 ** (octave + random.integers(1, 4))
        noise = Image.fromarray(random.normal(0, 1, (cells, cells)).astype(np.float32))
        total += rough**octave * np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC))
    return stretched(total)


def stripes(random: Random, side: int) -> Field:
    """Stripes or waves of 5 to 60 pixels."""
    x, _ = grid(random, side, random.choice([0, 20, 80]))
    wave = np.sin(2 * np.pi * x / np.exp(random.uniform(np.log(5), np.log(60))))
    return (wave > random.uniform(-0.7, 0.7)).astype(float) if random.random() < 0.5 else (wave + 1) / 2


def checks(random: Random, side: int) -> Field:
    """Squares in levels of a random table, so that they make checks, tartan or a patchwork."""
    x, y = grid(random, side, random.choice([0, 0, 30]))
    period = np.exp(random.uniform(np.log(6), np.log(50)))
    column, row = (np.floor(axis / period).astype(int) for axis in (x, y))
    if random.random() < 0.5:
        return ((column + row) % 2).astype(float)
    table = random.random((16, 16))
    return table[row % 16, column % 16]


def marble(random: Random, side: int) -> Field:
    x, _ = grid(random, side)
    return (np.sin(x / random.uniform(4, 25) + random.uniform(3, 20) * octaves(random, side)) + 1) / 2


def ridges(random: Random, side: int) -> Field:
    return 1 - np.abs(2 * octaves(random, side) - 1) ** random.uniform(0.3, 1)


def rings(random: Random, side: int) -> Field:
    """Circles around a point, which may lie outside."""
    x, y = grid(random, side, random.choice([0, 40]))
    distance = np.hypot(x - random.uniform(-side, side), y - random.uniform(-side, side))
    wave = np.sin(distance / random.uniform(2, 12))
    return (wave > 0).astype(float) if random.random() < 0.4 else (wave + 1) / 2


def nearest_two(random: Random, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances to the nearest and second nearest of some random points, and the index of the nearest."""
    x, y = grid(random, side, random.choice([0, 0, 25]))
    points = random.uniform(-1.2 * side, 1.2 * side, (random.integers(60, 900), 2))
    first, second = np.full((2, side, side), np.inf)
    index = np.zeros((side, side), int)
    left, right, top, bottom = x.min(), x.max(), y.min(), y.max()
    for number, (px, py) in enumerate(points):
        if not (left - 40 < px < right + 40 and top - 40 < py < bottom + 40):
            continue
        distance = (x - px) ** 2 + (y - py) ** 2
        closer = distance < first
        second = np.where(closer, first, np.minimum(second, distance))
        first, index = np.where(closer, distance, first), np.where(closer, number, index)
    return np.sqrt(first), np.sqrt(second), index


def cells(random: Random, side: int) -> Field:
    """Voronoi cells: a flat value in each, with joints between them, as in a mosaic or cracked glaze."""
    first, second, index = nearest_two(random, side)
    value = random.random(index.max() + 1)[index]
    return np.where(second - first < random.uniform(0, 4), random.choice([0, 1]), value)


def scales(random: Random, side: int) -> Field:
    first, second, _ = nearest_two(random, side)
    return stretched(first / second) if random.random() < 0.5 else stretched(np.minimum(first, 40))


def drawn(random: Random, side: int, shape: Callable[[ImageDraw.ImageDraw, float, float, float, float], None]) -> Field:
    """Some hundred shapes, each of a random grey, along the flow of smooth noise."""
    image = Image.fromarray((255 * octaves(random, side)).astype(np.uint8))
    draw, flow = ImageDraw.Draw(image), octaves(random, side)
    turn, size = random.uniform(0, 2 * np.pi), np.exp(random.uniform(np.log(3), np.log(16)))
    for _ in range(int(min(2500, 2.5 * (side / size) ** 2))):
        x, y = random.uniform(0, side, 2)
        angle = turn + random.choice([2, 6]) * flow[int(y), int(x)]
        shape(draw, x, y, size * random.uniform(0.6, 1.5), angle)
    return np.asarray(image, float) / 255


def strokes(random: Random, side: int) -> Field:
    """Brush strokes or hatching."""
    length, spread = random.uniform(1, 6), random.uniform(10, 100)
    tone = octaves(random, side)

    def stroke(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, angle: float) -> None:
        dx, dy = length * size * np.cos(angle) / 2, length * size * np.sin(angle) / 2
        grey = 255 * tone[int(y), int(x)] + random.normal(0, spread)
        draw.line([(x - dx, y - dy), (x + dx, y + dy)], int(np.clip(grey, 0, 255)), max(1, round(size / 3)))

    return drawn(random, side, stroke)


def dots(random: Random, side: int) -> Field:
    """Dabs of paint or blots, round or long."""
    flat = random.uniform(0.3, 1)

    def dot(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, angle: float) -> None:
        draw.ellipse([x - size / 2, y - flat * size / 2, x + size / 2, y + flat * size / 2], int(random.integers(256)))

    return drawn(random, side, dot)


def shards(random: Random, side: int) -> Field:
    """Triangles over each other."""

    def shard(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, angle: float) -> None:
        corners = angle + np.array([0, 2, 4]) + random.uniform(-0.7, 0.7, 3)
        draw.polygon([(x + size * np.cos(a), y + size * np.sin(a)) for a in corners], int(random.integers(256)))

    return drawn(random, side, shard)


KINDS = (octaves, stripes, strokes, checks, cells, marble, dots, ridges, strokes, rings, scales, shards)
