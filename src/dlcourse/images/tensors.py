"""Conversion of images between Pillow and tensors, grids of images, and tables of counts as images."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from dlcourse.images.fonts import font_for, legible

LARGEST_TABLE = 4096  # pixels per side of a table of counts
FULL = (8, 64, 129)  # darkest shade of its cells


def resize(image: Image.Image, size: int | list[int]) -> Image.Image:
    """An L, RGB or RGBA image at another size, by Lanczos' filter, with colours weighed by alpha.

    `size` is the pixels of the longer side, with the aspect ratio kept, or [width, height]; ValueError for others.
    """
    return image.resize(resized(image.size, size), Image.Resampling.LANCZOS)


def resized(sides: tuple[int, int], size: int | list[int]) -> tuple[int, int]:
    """The (width, height) after `resize` of an image whose (width, height) is `sides`."""
    wanted = [size, size] if isinstance(size, int) else size
    if len(wanted) != 2 or min(wanted) < 1:
        raise ValueError(f"size must be the longer side or [width, height], in pixels >= 1, got {size}")
    if isinstance(size, int):
        wanted = [max(1, round(side * size / max(sides))) for side in sides]
    return wanted[0], wanted[1]


def to_tensor(image: Image.Image) -> Tensor:
    """L, RGB or RGBA image -> float (1, H, W), (3, H, W) or (4, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.atleast_3d(np.array(image))).permute(2, 0, 1)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def to_pil_image(image: Tensor) -> Image.Image:
    """(3, H, W) or (4, H, W) in [0, 1] -> RGB or RGBA image; clamped and rounded, not truncated."""
    pixels = image.detach().float().cpu().clamp(0, 1).mul_(255).round_().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def tile(images: Tensor, gap: int = 2) -> Tensor:
    """Images in a square grid, `gap` pixels of zeros (black; transparent in RGBA) apart: (N, C, H, W) -> (C, H', W').

    Not by torchvision's make_grid, because importing torchvision takes as long as training a small classifier.
    """
    n, c, h, w = images.shape
    if n == 1:
        return images[0]
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    padded = images.new_zeros(rows * columns, c, h + gap, w + gap)
    padded[:n, :, :h, :w] = images
    height, width = rows * (h + gap), columns * (w + gap)
    grid = padded.reshape(rows, columns, c, h + gap, w + gap).permute(2, 0, 3, 1, 4).reshape(c, height, width)
    return grid[:, : height - gap, : width - gap]


def table_of_counts(counts: Tensor, names: Sequence[str], row_title: str, column_title: str) -> Image.Image:
    """A square table of `counts` (C, C) >= 0, each cell as dark as its share of its row; without Matplotlib, in 1 ms.

    `names` label the rows and the columns. A table that would be larger than LARGEST_TABLE has shades only.
    """
    title = f"rows: {row_title}, columns: {column_title}"
    font = font_for([title, *names], 14)
    names = [legible(name, font) for name in names]
    longest = round(max(font.getlength(name) for name in names))
    margin, cell = max(48, longest + 16), max(48, longest + 12)  # the names fit beside the rows and above the columns
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    if margin + cell * len(names) > LARGEST_TABLE:
        return map_of_shares(shares, title)
    height = margin + cell * len(names) + 4
    width = max(height, round(font.getlength(title)) + 12)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.text((6, 4), title, "black", font)
    for row, name in enumerate(names):
        middle = margin + cell * row + cell / 2
        draw.text((margin - 6, middle), name, "black", font, anchor="rm")
        draw.text((middle, margin - 6), name, "black", font, anchor="ms")
        for column, (count, share) in enumerate(zip(counts[row].tolist(), shares[row].tolist(), strict=True)):
            left, top = margin + cell * column, margin + cell * row
            shade = tuple(round(255 + share * (full - 255)) for full in FULL)
            draw.rectangle([left, top, left + cell - 1, top + cell - 1], shade, "lightgrey")
            color = "white" if share > 0.5 else "black"
            draw.text((left + cell / 2, top + cell / 2), str(count), color, font, anchor="mm")
    return image


def map_of_shares(shares: Tensor, title: str) -> Image.Image:
    """Shares (C, C) in [0, 1] as shaded squares of at least two pixels, below a title."""
    side = max(2, LARGEST_TABLE // len(shares))
    shades = 255 + shares.float().cpu()[..., None] * (torch.tensor(FULL) - 255)  # (C, C, 3)
    squares = Image.fromarray(shades.round().byte().numpy()).resize((side * len(shares),) * 2, Image.Resampling.NEAREST)
    image = Image.new("RGB", (squares.width, squares.height + 24), "white")
    ImageDraw.Draw(image).text((6, 4), title, "black", font_for([title], 14))
    image.paste(squares, (0, 24))
    return image
