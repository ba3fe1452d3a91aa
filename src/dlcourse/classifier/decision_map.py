"""An image of a classifier's decisions all over the plane."""

import math
from collections.abc import Callable, Sequence

import torch
from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from dlcourse.images.figures import COLORS
from dlcourse.images.fonts import font_for, legible
from dlcourse.images.tensors import to_pil_image

GRID = 100
SIZE = (600, 500)  # of the image, pixels
BOX = (56, 44, 584, 462)  # of the map in it: left, top, right, bottom
DISC = 8  # diameter of a point
NOWHERE = torch.empty(0, 2)


def decision_map(
    probabilities: Callable[[Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    note: str,
    region: Tensor = NOWHERE,
) -> Image.Image:
    """The classes' colours, mixed by their probabilities on a 100 x 100 grid, and the points, with a note below.

    Drawn without Matplotlib, in a tenth of the time, because a sweep draws many maps.

    Shape: `probabilities` maps inputs (N, 2) to (N, C); inputs (N, 2), labels (N,); C names of classes;
    region (M, 2), further points that the map reaches to.
    """
    low, high = torch.cat([inputs, region]).aminmax(dim=0)
    margin = (0.05 * (high - low).clamp(min=1e-3)).maximum(1e-6 * high.abs())  # more than float32's digits resolve
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    grid = torch.cartesian_prod(torch.linspace(bottom, top, GRID), torch.linspace(left, right, GRID)).flip(1)
    colors = [ImageColor.getrgb(COLORS[index % len(COLORS)]) for index in range(len(classes))]
    palette = torch.tensor([[value / 255 for value in color] for color in colors])
    mixture = (probabilities(grid).float().cpu() @ palette).reshape(GRID, GRID, 3)
    image = Image.new("RGB", SIZE, "white")
    pale = 1 - 0.4 * (1 - mixture.flip(0).permute(2, 0, 1))
    image.paste(to_pil_image(pale).resize((BOX[2] - BOX[0], BOX[3] - BOX[1]), Image.Resampling.BILINEAR), BOX[:2])
    x = BOX[0] + (inputs[:, 0] - left) / (right - left) * (BOX[2] - BOX[0])
    y = BOX[3] - (inputs[:, 1] - bottom) / (top - bottom) * (BOX[3] - BOX[1])
    corners = (torch.stack([x, y], 1) - DISC / 2).round().int()
    for index in range(len(classes)):
        point = disc(COLORS[index % len(COLORS)])
        for corner in corners[labels == index].tolist():
            image.paste(point, (corner[0], corner[1]), point)
    draw_axes(image, left, right, bottom, top)
    draw_legend(image, classes)
    ImageDraw.Draw(image).text((BOX[0], SIZE[1] - 2), note, "black", font_for(note, 13), anchor="ld")
    return image


def draw_axes(image: Image.Image, left: float, right: float, bottom: float, top: float) -> None:
    """A frame around the map, with round values of x1 below and of x2 beside it."""
    pen, font = ImageDraw.Draw(image), font_for("x1 x2", 13)
    pen.rectangle(BOX, outline="black")
    for value in ticks(left, right):
        place = BOX[0] + (value - left) / (right - left) * (BOX[2] - BOX[0])
        pen.line([place, BOX[3], place, BOX[3] + 4], "black")
        pen.text((place, BOX[3] + 6), f"{value:g}", "black", font, anchor="ma")
    for value in ticks(bottom, top):
        place = BOX[3] - (value - bottom) / (top - bottom) * (BOX[3] - BOX[1])
        pen.line([BOX[0] - 4, place, BOX[0], place], "black")
        pen.text((BOX[0] - 7, place), f"{value:g}", "black", font, anchor="rm")
    pen.text((BOX[2], SIZE[1] - 2), "x1", "black", font, anchor="rd")
    pen.text((BOX[0] - 7, BOX[1] - 4), "x2", "black", font, anchor="rd")


def draw_legend(image: Image.Image, classes: Sequence[str]) -> None:
    """As many class names as fit, with their colours, above the map."""
    pen, font = ImageDraw.Draw(image), font_for(classes, 13)
    place = BOX[0]
    for index, name in enumerate(legible(name, font) for name in classes):
        width = round(font.getlength(name)) + DISC + 24
        if place + width > BOX[2]:
            pen.text((place, BOX[1] - 18), "...", "black", font, anchor="lm")
            return
        point = disc(COLORS[index % len(COLORS)])
        image.paste(point, (place, BOX[1] - 18 - DISC // 2), point)
        pen.text((place + DISC + 5, BOX[1] - 18), name, "black", font, anchor="lm")
        place += width


def disc(color: str) -> Image.Image:
    """An antialiased dot of DISC pixels with a white rim, on a transparent background."""
    large = Image.new("RGBA", (8 * DISC, 8 * DISC), (255, 255, 255, 0))
    ImageDraw.Draw(large).ellipse([0, 0, 8 * DISC - 1, 8 * DISC - 1], color, "white", 4)
    return large.resize((DISC, DISC), Image.Resampling.BOX)


def ticks(low: float, high: float) -> list[float]:
    """Four to nine values between `low` and `high`, the multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 8
    power = 10.0 ** math.floor(math.log10(rough))
    distance = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [index * distance for index in range(math.ceil(low / distance), math.floor(high / distance) + 1)]
