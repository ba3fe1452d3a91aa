"""A style image for neural style transfer, suns over fields in thick strokes, and the Pen that draws it.

Lengths are in pixels of the returned image; x to the right, y down.
"""

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLING = 3  # images are drawn three times larger, then reduced, for smooth edges and thin strokes
SIZE = 320
# x, y, radius of the disc, direction in which the paint turns around it
SUNS = ((232, 74, 27, 1), (88, 62, 16, -1), (160, 142, 12, 1), (292, 168, 9, -1), (32, 138, 8, 1))

NIGHT = ((18, 34, 92), (28, 66, 150), (46, 108, 188), (104, 164, 210), (188, 216, 214))
FIRE = ((255, 250, 206), (255, 226, 96), (250, 182, 44), (228, 130, 40))
FIELD = ((38, 92, 74), (92, 138, 62), (206, 176, 58), (240, 206, 92), (170, 110, 48))
FLAME = ((14, 34, 40), (26, 60, 48), (52, 84, 44), (86, 66, 40))


class Pen:
    """Draws on a large image in the coordinates of the small one; colours are RGB(A) in 0..255."""

    def __init__(self, image: Image.Image):
        self.image = image
        self.draw = ImageDraw.Draw(image, image.mode)

    def polygon(self, points, color) -> None:
        self.draw.polygon([(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points], fill=_rgb(color))

    def rectangle(self, left: float, top: float, right: float, bottom: float, color) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def line(self, points, color, width: float) -> None:
        """Join `points` by a line, at least one pixel of the large image wide."""
        points = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
        self.draw.line(points, fill=_rgb(color), width=max(1, round(width * OVERSAMPLING)), joint="curve")

    def disc(self, x: float, y: float, radius_x: float, radius_y: float, color) -> None:
        """Fill an ellipse around (x, y)."""
        box = (x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        self.draw.ellipse([side * OVERSAMPLING for side in box], fill=_rgb(color))


def _rgb(color) -> tuple[int, ...]:
    return tuple(int(min(255, max(0, value))) for value in color)


def shade(color, factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in color)


def painting() -> Image.Image:
    """A night sky and fields in thick strokes that swirl around the suns: RGB, 320 x 320."""
    rng = np.random.default_rng(3)
    image = Image.new("RGB", (SIZE * OVERSAMPLING,) * 2, (24, 38, 84))
    draw = Pen(image)
    for x, y, radius, _ in SUNS:  # strokes go around the centres and never cover them
        draw.disc(x, y, radius, radius, FIRE[1])
    for count, length, width in ((2600, 26, 6.5), (3000, 20, 4.2), (3200, 13, 2.9)):
        _strokes(draw, rng, count, length, width)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def _flow(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit direction of the paint: rolling waves, circles near a sun, furrows in the fields."""
    angle = 0.55 * np.sin(x / 46 + 0.8) + 0.5 * np.sin(y / 30 + x / 80)
    flow_x, flow_y = np.cos(angle), np.sin(angle)
    for sun_x, sun_y, radius, turn in SUNS:
        away_x, away_y = x - sun_x, y - sun_y
        distance = np.hypot(away_x, away_y) + 1e-6
        pull = 6 * np.exp(-((distance / (2.6 * radius)) ** 2))
        flow_x += turn * pull * -away_y / distance
        flow_y += turn * pull * away_x / distance
    field = 1 / (1 + np.exp(-(y - _hill(x)) / 3))
    flow_x = (1 - field) * flow_x + field * 3
    flow_y = (1 - field) * flow_y + field * 1.5 * np.sin(x / 34 + y / 40)
    tree = _cypress(x, y)
    flow_x, flow_y = (1 - tree) * flow_x + tree * np.sin(y / 13), (1 - tree) * flow_y - 3 * tree
    norm = np.hypot(flow_x, flow_y) + 1e-6
    return flow_x / norm, flow_y / norm


def _hill(x: np.ndarray) -> np.ndarray:
    return 232 + 15 * np.sin(x / 44 + 1.2) + 6 * np.sin(x / 17)


def _cypress(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 within two dark, flame-shaped trees on the left, else 0."""
    inside = np.zeros_like(x)
    for middle, top, wide in ((48, 88, 21), (82, 168, 12)):
        up = (y - top) / (330 - top)
        sway = middle + 4 * np.sin(y / 15)
        flame = wide * np.clip(up, 0, 1) ** 0.6 * (1 - 0.35 * up)
        inside = np.maximum(inside, np.abs(x - sway) < flame)
    return inside


def _paint_color(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A colour (strokes, 3) for each place, from the palette used there, randomly varied."""
    step = rng.normal(0, 0.55, x.shape)
    wave = 1.5 + 1.3 * np.sin(y / 21 + 1.4 * np.sin(x / 50)) + 0.5 * np.sin(x / 15 + y / 24)
    color = _pick(NIGHT, wave + step)
    for sun_x, sun_y, radius, _ in SUNS:
        distance = np.hypot(x - sun_x, y - sun_y) / radius
        ring = distance * 1.15 - 0.3 + 0.6 * step
        halo = (distance < 1.9) | ((distance < 2.9) & (np.sin(7 * distance) > 0.1) & (step > -0.35))
        color = np.where(halo[:, None], _pick(FIRE, ring), color)
        pale = (distance > 1.8) & (distance < 3.2) & ~halo
        color = np.where(pale[:, None], _pick(NIGHT, 3.2 + step), color)
    furrow = 2 + 1.9 * np.sin((y - 0.8 * _hill(x)) / 7.5) + step
    color = np.where((y > _hill(x))[:, None], _pick(FIELD, furrow), color)
    color = np.where((np.abs(y - _hill(x)) < 3)[:, None], _pick(NIGHT, 0.4 + step), color)
    color = np.where((_cypress(x, y) > 0)[:, None], _pick(FLAME, 1 + 1.3 * step), color)
    return color * rng.uniform(0.88, 1.1, (len(x), 1)) + rng.normal(0, 6, (len(x), 3))


def _pick(palette, position: np.ndarray) -> np.ndarray:
    return np.array(palette, float)[np.clip(np.rint(position), 0, len(palette) - 1).astype(int)]


def _strokes(draw: Pen, rng: np.random.Generator, count: int, length: float, width: float) -> None:
    """Strokes along the flow, each with a shadow below, a light ridge above and a darker furrow."""
    x, y = rng.uniform(-6, SIZE + 6, (2, count))
    color = _paint_color(x, y, rng)
    taper = np.array([0.45, 0.85, 1, 1, 0.95, 0.75, 0.3])[:, None, None]  # relative width along a stroke
    steps = len(taper)
    reach = length / steps * rng.uniform(0.6, 1.2, count)
    trail = np.empty((steps, 2, count))
    for step in range(steps):
        trail[step] = x, y
        flow_x, flow_y = _flow(x, y)
        x, y = x + reach * flow_x, y + reach * flow_y
    along = np.asarray(np.gradient(trail, axis=0))
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    normal /= np.hypot(normal[:, :1], normal[:, 1:]) + 1e-6
    normal *= np.where(normal[steps // 2, 1] > 0, -1, 1)  # upwards, where the light comes from
    half = 0.5 * width * rng.uniform(0.75, 1.2, count) * taper
    upper, lower = trail + half * normal, trail - half * normal
    outline = np.concatenate([upper, lower[::-1]]).transpose(2, 0, 1)
    ridge = (trail + 0.62 * half * normal).transpose(2, 0, 1)
    furrow = (trail - 0.25 * half * normal).transpose(2, 0, 1)
    for shape, light, dark, paint in zip(outline, ridge, furrow, color, strict=True):
        draw.polygon(shape + np.array((0.45, 0.75)), shade(paint, 0.55))
        draw.polygon(shape, paint)
        draw.line(dark[1:], shade(paint, 0.84), 0.1 * width)
        draw.line(light[1:-1], paint * 0.82 + 52, 0.16 * width)
