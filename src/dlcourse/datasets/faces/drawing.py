"""The parts of a portrait, from the background to the hair, and `render`, which paints them in this order.

Every part is a function of the portrait that paints a few shapes in a window. Sizes are in image units: the
image is 1.8 wide. `q` is the distance along the face from the middle of an eye (or of the mouth).
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from dlcourse.datasets.faces.canvas import (
    BROW,
    FRAME,
    INK,
    MOUTH_INSIDE,
    ROSE,
    TONGUE,
    WHITE,
    Portrait,
    Texture,
    ellipse,
    rounded_box,
    smoothstep,
)

SMALLEST_DRAWN = 64  # pixels per side; smaller images are averages of such, as thin shapes would fall between pixels
EYE_U = 0.43
AROUND = 0.42  # image units per unit of u on a face of middling width, seen from the front


def render(attributes: dict[str, Tensor], detail: dict[str, Tensor], texture: Texture, resolution: int) -> Tensor:
    """Images (N, 3, resolution, resolution), RGB in [0, 1].

    `attributes`, `detail` and the maps of `texture` come from `sample_attributes`, `sample_detail` and
    `sample_texture`; `resolution` is a power of two >= 8.
    """
    drawn = max(resolution, SMALLEST_DRAWN)
    portrait = Portrait(attributes, detail, texture, drawn)
    outline = hair_outline(portrait)
    background(portrait)
    clothes(portrait)
    back_hair(portrait, outline)
    for paint in (neck, ears, head, cheeks, nose, mouth, eyes, brows, glasses):
        paint(portrait)
    front_hair(portrait, outline)
    return avg_pool2d(portrait.image, drawn // resolution)


def background(p: Portrait) -> None:
    """The background colour with specks, lighter in a disc behind the head."""
    canvas = p.everywhere
    canvas.image.copy_(p.background_color[..., None, None])
    x, y = p.axis, p.axis[:, None]
    glow = 0.45 * smoothstep(1.25, 0.2, (x * x + (y + 0.05) ** 2).sqrt())
    canvas.paint(glow[None], WHITE)
    specks = p.texture.strength * p.texture.at("background", 0.5 * x[None] / FRAME, 0.5 * y[None] / FRAME)
    canvas.paint(0.3 * specks.clamp(min=0), WHITE)
    canvas.paint(-0.16 * specks.clamp(max=0), p.background_color * 0.6)


def clothes(p: Portrait) -> None:
    """Shoulders and collar, knitted, some with stripes."""
    w = p.window(-1, 1, 0.5, 1)
    x = w.x + 0.6 * p.head_x  # the shoulders turn less than the head
    shirt = w.cover(ellipse(x.abs() + 0.25 * (w.y - 1), w.y - 1.22, 0.86, 0.56))
    w.paint(shirt, p.clothes_color)
    knit = 0.5 * p.texture.strength * shirt * p.texture.at("clothes", 0.5 * x / FRAME, w.y / FRAME)
    w.paint(knit.clamp(min=0), 0.4 + 0.6 * p.clothes_color)
    w.paint(-knit.clamp(max=0), 0.6 * p.clothes_color)
    striped = (p.detail["stripes"] < 0.35).float()
    stripes = smoothstep(-0.2, 0.2, torch.sin(48 * (w.y - 0.12 * x * x)))
    w.paint(shirt * stripes * (0.3 * striped), 1 - 0.5 * p.clothes_color)
    w.paint(shirt * smoothstep(0.25, 0.95, x.abs()) * 0.22, INK)
    w.paint(w.cover(ellipse(x, w.y - 0.68, 0.285, 0.19)), 0.8 * p.clothes_color)


def neck(p: Portrait) -> None:
    """The neck, down to the neckline, and the head's shadow on it."""
    w = p.window(-0.4, 0.4, 0.25, 1)
    x = w.x + 0.4 * p.head_x
    throat = torch.minimum(rounded_box(x, w.y - 0.45, 0.175, 0.3, 0.1), ellipse(x, w.y - 0.66, 0.235, 0.15))
    throat = w.cover(torch.maximum(throat, ellipse(x, w.y - 0.3, 0.6, 0.51)))
    w.paint(throat, p.skin)
    w.paint(throat * w.cover(p.head(w, lower=0.11)), p.skin_shade)


def ears(p: Portrait) -> None:
    """Ears behind the head: when it turns, one is hidden and the other shows more."""
    w = p.window(-0.7, 0.7, -0.2, 0.35)
    x = (w.x + 0.22 * p.turn).abs() - p.head_width - 0.005
    y = w.y - p.eye_y - 0.04
    w.paint(w.cover(ellipse(x, y, 0.075, 0.115)), p.skin)
    w.paint(w.cover(ellipse(x - 0.005, y, 0.042, 0.072)), p.skin_shade)


def head(p: Portrait) -> None:
    """The head, with a soft shade on the side away from the light."""
    w = p.window(-0.6, 0.65, -0.6, 0.75)
    skull = w.cover(p.head(w))
    w.paint(skull, p.skin)
    shade = smoothstep(0.25, 1.1, w.x / p.head_width + 0.35 * (w.y - p.head_y))
    w.paint(skull * shade * 0.75, p.skin_shade)


def cheeks(p: Portrait) -> None:
    """A blush, and freckles for some."""
    w = p.window(-0.55, 0.55, 0.05, 0.5)
    y = w.y - p.head_y - 0.21
    spot = (w.u.abs() - 0.52) / 0.36
    blush = (1 - spot**2 - (y / 0.14) ** 2).clamp(min=0)
    inside = w.cover(p.head(w))
    w.paint(blush * inside * 0.4, torch.lerp(p.skin, ROSE, 0.75))
    phase = 6.2832 * p.detail["freckle_phase"]
    dots = torch.sin(27 * w.u + 1.6 * torch.sin(23 * y + phase)) * torch.sin(58 * y + 1.6 * torch.sin(11 * w.u - phase))
    random_dots = smoothstep(0.3, 0.6, p.texture.at("skin", w.u, y / 0.5))
    dots = torch.lerp(smoothstep(0.45, 0.8, dots), random_dots, p.texture.strength)
    near = (1.15 - (w.u / 0.72) ** 2 - ((y + 0.04) / 0.13) ** 2).clamp_(0, 0.3) / 0.3
    freckled = (p.detail["freckles"] < 0.3).float()
    w.paint(near * dots * inside * (0.6 * freckled), p.skin_shade * 0.82)


def nose(p: Portrait) -> None:
    """A light tip over its shadow; the nose stands out of the face, so it moves furthest when the head turns."""
    w = p.window(-0.45, 0.45, -0.02, 0.36)
    x = (w.u - 0.14 * p.attribute["yaw"]) * AROUND
    y = w.y - p.head_y - 0.19
    bridge = w.cover(ellipse(x + 0.02 * p.attribute["yaw"], y + 0.08, 0.035, 0.12))
    w.paint(w.cover(ellipse(x - 0.006, y - 0.012, 0.072, 0.05)), p.skin_shade * 0.93)
    w.paint(torch.maximum(w.cover(ellipse(x, y, 0.066, 0.046)), bridge), p.skin)
    w.paint(w.cover(ellipse(x + 0.015, y + 0.012, 0.022, 0.014)) * 0.4, WHITE)


def mouth(p: Portrait) -> None:
    """Lips along a parabola whose ends go up (smile) or down (frown); an open mouth shows teeth and tongue."""
    w = p.window(-0.5, 0.52, 0.22, 0.58)
    smile, is_open = p.attribute["smile"], p.attribute["mouth_open"]
    q = (w.u - 0.06 * p.attribute["yaw"]) * AROUND
    half = 0.155 + 0.02 * smile - 0.035 * is_open
    along = (q / half).clamp(-1, 1) ** 2  # (N, 1, w): 0 in the middle, 1 in the corners
    bend = smile * (1 - 0.3 * is_open)
    middle = p.head_y + 0.335 + bend * (0.035 - 0.085 * along) + 0.01 * is_open
    swell = (1 - along).clamp(min=0)
    upper = middle - is_open * swell * (0.03 - 0.03 * smile)
    lower = middle + is_open * swell * (0.085 + 0.02 * smile)
    side = (q.abs() - half).expand(-1, w.y.shape[1], -1)
    between = torch.maximum(w.under(lower), -w.under(upper))
    lips = (between.clamp(min=0) ** 2 + side.clamp(min=0) ** 2).sqrt() - 0.019  # round corners
    w.paint(w.cover(lips), torch.lerp(p.skin_shade * 0.72, ROSE, 0.42))
    inside = w.cover(torch.maximum(between + 0.004, side + 0.012))
    w.paint(inside, MOUTH_INSIDE)
    w.paint(inside * w.cover(w.under(upper + 0.024 + 0.022 * smile)), WHITE)
    w.paint(inside * w.cover(ellipse(q, w.y - lower - 0.005, 0.075, 0.04)), TONGUE)


def eyes(p: Portrait) -> None:
    """White, iris, pupil and highlight; the upper lid is the shape of the white moved up, in ink."""
    w = p.window(-0.55, 0.55, -0.14, 0.28)
    q = (w.u.abs() - EYE_U) * AROUND
    size, slant = p.attribute["eye_size"], p.attribute["eye_slant"]
    wide, high = 0.105 + 0.028 * size, 0.052 + 0.062 * size
    y = w.y - p.eye_y
    tilted = y + 0.42 * slant * q
    w.paint(w.cover(ellipse(q, tilted + 0.018, wide + 0.012, high + 0.006)), INK)  # the lid
    seen = w.cover(ellipse(q, tilted, wide, high))
    w.paint(seen, WHITE)
    gaze = q - 0.012 * p.attribute["yaw"] * w.u.sign()  # the eyes look where the head turns
    iris = 0.066 + 0.018 * size
    w.paint(seen * w.cover(ellipse(gaze, y, iris, iris)), p.eye_color * 0.62)
    w.paint(seen * w.cover(ellipse(gaze, y - 0.006, iris - 0.014, iris - 0.014)), p.eye_color)
    w.paint(seen * w.cover(ellipse(gaze, y, 0.5 * iris, 0.5 * iris)), INK)
    glint = ellipse(gaze * w.u.sign() + 0.026, y + 0.03, 0.024, 0.024)
    w.paint(seen * w.cover(glint), WHITE)


def brows(p: Portrait) -> None:
    """Arched strokes, tapered outwards; `brow_angle` lifts (worried) or lowers (angry) their inner ends."""
    w = p.window(-0.6, 0.6, -0.4, 0.02)
    q = (w.u.abs() - EYE_U - 0.01) * AROUND
    height = 0.145 + 0.028 * p.attribute["eye_size"] + 0.085 * p.attribute["brow_height"]
    middle = p.eye_y - height + 0.42 * p.attribute["brow_angle"] * q + 1.6 * q * q
    thick = 0.027 - 0.07 * q.clamp(-0.13, 0.13)
    end = (q.abs() - 0.105).clamp(min=0)
    slope = 0.42 * p.attribute["brow_angle"] + 3.2 * q
    off = (w.y - middle) / (1 + slope * slope).sqrt()
    w.paint(w.cover((off * off + end * end).sqrt() - thick), torch.lerp(p.hair_color, BROW, 0.45))


def hair_outline(p: Portrait) -> Tensor:
    """Distance (N, R, R) to the hair around the head: half an ellipse above, widening sides below."""
    w, hair = p.everywhere, p.hair
    x = w.x + 0.1 * p.turn  # the back of the head moves the other way
    y = w.y - p.head_y
    width = p.head_width + hair["sides"] + hair["flare"] * y.clamp(min=0)  # (N, R, 1)
    around = ellipse(x, y.clamp(max=0), width, p.head_height + hair["top"])
    rounding = 0.16 * (x / p.head_width).abs().clamp(max=1.4) ** 3
    distance = torch.maximum(around, w.under(hair["length"] - rounding))
    phase = 6.2832 * p.detail["curl_phase"]
    return distance - hair["curls"] * torch.sin(19 * x + phase) * torch.sin(19 * w.y + 2 * phase)


def hair_strands(p: Portrait) -> Tensor:
    """Stripes (N, R, R) in [0, 1] that run down from the parting, at random places."""
    w = p.everywhere
    phase = 6.2832 * p.detail["strand_phase"]
    fan = torch.atan2(w.x, w.y - p.head_y + 1.0)
    regular = torch.sin(34 * fan + phase + 0.8 * torch.sin(6 * w.y + phase)).mul_(0.5).add_(0.5)
    irregular = p.texture.at("hair", 0.7 * fan, 0.12 * w.y).mul_(0.9).add_(0.5).clamp_(0, 1)
    return regular.lerp_(irregular.expand_as(regular), p.texture.strength)


def back_hair(p: Portrait, outline: Tensor) -> None:
    """Hair behind the neck, with the knots of a bun or pigtails, a shade darker."""
    w, hair = p.everywhere, p.hair
    x = (w.x + 0.35 * p.turn).abs() - hair["knot_x"]
    knot = ellipse(x, w.y - hair["knot_y"], hair["knot_width"].abs(), hair["knot_height"].abs())
    knot = knot.where(hair["knot_width"] > 0, 1.0)
    inset = outline + 0.014  # with the same edge as the front hair, that edge would be painted twice and look jagged
    w.paint(w.cover(torch.minimum(inset, knot)) * hair["opacity"], p.hair_shade)


def front_hair(p: Portrait, outline: Tensor) -> None:
    """Hair above the hairline and down the sides, with its shadow on the face, a sheen and strands."""
    w, hair, strands = p.everywhere, p.hair, hair_strands(p)
    side = torch.sign(p.detail["parting_side"] - 0.5)
    line = hair["fringe"] + hair["drop"] * (w.u - side * hair["parting"]) ** 2
    line = line + (hair["lock"] - line) * smoothstep(0.74, 0.98, w.u.abs())
    line = p.head_y + p.head_height * line  # (N, 1, R)
    above = w.under(line)
    shadow = w.cover(torch.maximum(p.head(w), above - 0.045))
    w.paint(shadow * (0.6 * hair["opacity"]), p.skin_shade * 0.9)
    cap = w.cover(torch.maximum(outline, above)) * hair["opacity"]
    w.paint(cap, p.hair_color)
    arc = (w.x / p.head_width) ** 2 * 0.12 + w.y - p.head_y + 0.56
    sheen = (1 - (arc / 0.13) ** 2).clamp(min=0)
    w.paint(cap * (sheen * (0.10 + 0.16 * strands)), WHITE)
    depth = 0.28 + 0.12 * p.texture.strength
    w.paint(cap * (strands * depth), p.hair_shade * (0.9 - 0.05 * p.texture.strength))


def glasses(p: Portrait) -> None:
    """Rims between round and square, a bridge, temples, and a reflection on the lenses."""
    w = p.window(-0.65, 0.65, -0.2, 0.35)
    worn = p.attribute["glasses"]
    q = (w.u.abs() - EYE_U) * AROUND
    y = w.y - p.eye_y - 0.015
    lens = rounded_box(q, y, 0.16, 0.145, 0.065 + 0.08 * p.detail["lens"])
    w.paint(w.cover(lens) * (0.16 * worn), WHITE)
    rim = lens.abs() - 0.017
    bar = torch.maximum((y + 0.03).abs() - 0.014, -lens)
    bar = torch.maximum(bar, (w.u.abs() - 1.0) * p.head_width)
    w.paint(w.cover(torch.minimum(rim, bar)) * worn, p.frame_color)
