"""Draws cartoon portraits in batches with signed distance functions; `dataset.py` decides who is drawn.

The image spans [-FRAME, FRAME] in x (right) and y (down). A shape is a signed distance in these units, negative
inside; its coverage is a ramp one pixel wide around zero, so a face is the same at every resolution. Shapes are painted
over each other, each in a window large enough for every face.

Shapes in comments: N faces, R pixels per side, h x w pixels of a window. Attributes are (N, 1, 1).

A face turns like a drawing on a cylinder: with X = (x - head_x) / head_width in [-1, 1], the face coordinate is
u = X - turn * (1 - X^2). The outline stays, the features move towards the far side and get narrower there. u depends
on x only, so turning costs one row of numbers per face, and both eyes are one shape in |u|.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

FRAME = 0.9  # half the width of the image, in image units
TEXTURES = ("background", "clothes", "hair", "skin")  # the random maps of a face


def _palette(*colors: str) -> Tensor:
    return torch.tensor([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in colors])


# from light to dark
SKIN_RAMP = _palette("fddfcb", "f5c9a9", "e6b088", "cd9166", "a86c43", "7e4d2e", "573523")
HAIR_COLORS = _palette("28242e", "4d3124", "80502f", "a3432a", "d97a35", "e8c063", "b4b8c0")
EYE_COLORS = _palette("6b3f22", "93792f", "4c9150", "3a80c8", "75889b")
BACKGROUND_COLORS = _palette("a5d5f0", "aee0c4", "ffcfa8", "c9baf0", "f8e59a", "f7b9c5", "66b5b0", "7b90ba")
CLOTHES_COLORS = _palette("d8504d", "2f4c82", "e2a52e", "4a8f65", "f3efe8", "7c4a8a", "454c59")
FRAME_COLORS = _palette("2b2b33", "5d3420", "243a66", "7d2434")

INK, BROW, WHITE, ROSE = _palette("2a1d20", "3d2014", "fbfaf6", "d9646b")
MOUTH_INSIDE, TONGUE = _palette("6d1f2b", "e0767a")


class HairStyle(NamedTuple):
    """Sizes of a hair style, in image units; those of the hairline in head_heights from the head's middle."""

    sides: float  # how far the hair stands off the head
    top: float
    flare: float  # how much it widens downwards
    length: float  # the y where it ends at the back
    fringe: float  # height of the hairline at the parting
    parting: float  # u of the parting
    drop: float  # how steeply the hairline falls away from the parting
    lock: float  # where the locks at the sides end
    curls: float = 0.0  # height of the waves on the outline
    knot_x: float = 0.0  # middle of a knot, which is mirrored
    knot_y: float = 0.0
    knot_width: float = -1.0  # radii of the knot, negative for none
    knot_height: float = -1.0
    opacity: float = 1.0


HAIR_STYLES = {
    "bald": HairStyle(0.0, 0.0, 0.0, -0.5, -0.95, 0.0, 0.0, -0.95, opacity=0.0),
    "crop": HairStyle(0.02, 0.08, -0.10, 0.10, -0.66, 0.45, 0.16, -0.02),
    "quiff": HairStyle(0.00, 0.20, -0.10, 0.05, -0.50, 0.75, -0.12, -0.12, 0.022),
    "afro": HairStyle(0.20, 0.24, -0.25, 0.36, -0.66, 0.0, 0.22, 0.50, 0.040),
    "bob": HairStyle(0.10, 0.11, 0.04, 0.52, -0.50, 0.0, 0.05, 3.00),
    "long": HairStyle(0.08, 0.11, 0.16, 0.90, -0.84, 0.25, 0.62, 3.00, 0.010),
    "bun": HairStyle(0.02, 0.07, -0.10, 0.10, -0.72, 0.0, 0.34, -0.24, 0.0, 0.0, -0.65, 0.21, 0.19),
    "pigtails": HairStyle(0.03, 0.08, -0.05, 0.10, -0.78, 0.0, 0.50, -0.12, 0.014, 0.53, 0.24, 0.15, 0.28),
}


def ellipse(x: Tensor, y: Tensor, radius_x, radius_y) -> Tensor:
    """Distance to an ellipse around the origin, exact to first order near its edge."""
    x, y = x / radius_x, y / radius_y
    scaled = (x * x + y * y + 1e-9).sqrt_()
    steepness = ((x / radius_x) ** 2 + (y / radius_y) ** 2 + 1e-9).sqrt_()
    return (scaled - 1).mul_(scaled).div_(steepness)


def rounded_box(x: Tensor, y: Tensor, half_width, half_height, corner) -> Tensor:
    """Distance to a box around the origin with corners of radius `corner`."""
    x, y = x.abs() - half_width + corner, y.abs() - half_height + corner
    outside = (x.clamp(min=0) ** 2 + y.clamp(min=0) ** 2).sqrt_()
    return outside + torch.maximum(x, y).clamp_(max=0) - corner


def smoothstep(low: float, high: float, value: Tensor) -> Tensor:
    """0 at `low` and before, 1 at `high` and beyond, a cubic between; `high` may be below `low`."""
    value = ((value - low) / (high - low)).clamp_(0, 1)
    return value * value * (3 - 2 * value)


@dataclass(frozen=True)
class Window:
    """A rectangle of the images, and the coordinates of its pixels."""

    image: Tensor  # (N, 3, h, w), a view: painting changes the whole image
    x: Tensor  # (N, 1, w), relative to the middle of the head
    y: Tensor  # (1, h, 1)
    u: Tensor  # (N, 1, w), the face coordinate
    pixel: float

    def cover(self, distance: Tensor) -> Tensor:
        """The share of each pixel that lies inside a shape, in [0, 1], given the distance to its edge."""
        return distance.div(-self.pixel).add_(0.5).clamp_(0, 1)

    def paint(self, coverage: Tensor, color: Tensor) -> None:
        """image <- image + coverage * (color - image), coverage (N, h, w), color (N, 3) or (3,)."""
        self.image.lerp_(color[..., None, None], coverage[:, None])

    def under(self, curve: Tensor) -> Tensor:
        """Distance to the region above (smaller y than) `curve`, a y for every column: (N, 1, w)."""
        slope = torch.gradient(curve, dim=-1)[0] / self.pixel
        return (self.y - curve) / (1 + slope * slope).sqrt()


@dataclass(frozen=True)
class Texture:
    """Random maps of faces, (N, 4, 64, 64) in [-1, 1] in the order of TEXTURES, and their strength in [0, 1]."""

    maps: Tensor
    strength: float

    def at(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """A map at x and y, which broadcast to (N, h, w); it spans [-1, 1], mirrored beyond. 0 without strength."""
        if not self.strength:
            return x.new_zeros(1, 1, 1)
        index = TEXTURES.index(name)
        x, y = torch.broadcast_tensors(x, y)
        place = torch.stack([x, y], dim=-1).expand(len(self.maps), -1, -1, -1)
        return grid_sample(self.maps[:, index : index + 1], place, padding_mode="reflection", align_corners=False)[:, 0]


SMOOTH = Texture(torch.empty(0), 0.0)


class Portrait:
    """The images, and the measures of the faces that several shapes share."""

    def __init__(self, attributes: dict[str, Tensor], detail: dict[str, Tensor], texture: "Texture", resolution: int):
        self.attribute = {name: value.float()[:, None, None] for name, value in attributes.items()}
        self.detail = {name: value[:, None, None] for name, value in detail.items()}
        self.texture = texture
        self.pixel = 2 * FRAME / resolution
        self.axis = (torch.arange(resolution) + 0.5) * self.pixel - FRAME
        self.image = torch.empty(len(attributes["yaw"]), 3, resolution, resolution)

        self.hair_color = HAIR_COLORS[attributes["hair_color"]]  # (N, 3), as all colours
        self.eye_color = EYE_COLORS[attributes["eye_color"]]
        self.background_color = BACKGROUND_COLORS[attributes["background_color"]]
        self.clothes_color = CLOTHES_COLORS[attributes["clothes_color"]]
        self.frame_color = FRAME_COLORS[(detail["frame"] * len(FRAME_COLORS)).long()]
        self.skin = _ramp(SKIN_RAMP, attributes["skin"])
        self.hair_shade = self.hair_color * torch.tensor([0.79, 0.73, 0.71])
        self.skin_shade = self.skin * torch.tensor([0.86, 0.77, 0.75])
        styles = torch.tensor(list(HAIR_STYLES.values()))[attributes["hair_style"]]
        self.hair = dict(zip(HairStyle._fields, styles.T[..., None, None], strict=True))

        yaw, width = self.attribute["yaw"], self.attribute["face_width"]
        self.turn = 0.32 * yaw
        self.head_x = 0.05 * yaw
        self.head_y = 0.04
        self.head_width = 0.37 + 0.09 * width  # half the width, as all sizes here
        self.head_height = 0.55 - 0.03 * width
        self.eye_y = self.head_y + 0.03
        across = (self.axis - self.head_x) / self.head_width  # (N, 1, R), -1 and 1 at the sides of the head
        self.face_u = across - self.turn * (1 - across**2).clamp(min=0)  # (N, 1, R), the face coordinate
        self.everywhere = self.window(-FRAME, FRAME, -FRAME, FRAME)

    def window(self, left: float, right: float, top: float, bottom: float) -> Window:
        """The pixels that touch a rectangle in image units."""
        rows, columns = (
            slice(max(0, int((low + FRAME) / self.pixel) - 1), int((high + FRAME) / self.pixel) + 2)
            for low, high in ((top, bottom), (left, right))
        )
        x, y, u = self.axis[columns] - self.head_x, self.axis[None, rows, None], self.face_u[:, :, columns]
        return Window(self.image[:, :, rows, columns], x, y, u, self.pixel)

    def head(self, window: Window, lower: float = 0.0) -> Tensor:
        """Distance to the head, an egg whose jaw is pointed or square, or to the same shape moved down by `lower`."""
        along = (window.y - self.head_y - lower) / self.head_height
        jaw = 1 - (0.40 - 0.72 * self.attribute["jaw"]) * along.clamp(0, 1) ** 2  # (N, h, 1)
        return ellipse(window.x / jaw, window.y - self.head_y - lower, self.head_width, self.head_height)


def _ramp(colors: Tensor, position: Tensor) -> Tensor:
    """Colours (N, 3) at `position` in [0, 1] along equally spaced `colors`."""
    place = position.clamp(0, 1) * (len(colors) - 1)
    first = place.long().clamp(max=len(colors) - 2)
    return torch.lerp(colors[first], colors[first + 1], (place - first)[:, None])
