"""Images that take as much memory as their formats allow, in small files."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from image_bytes import SRGB_TO_XYZ, png, rgb_profile

TURNED = Image.Exif()
TURNED[0x0112] = 6


def saved(mode: str, side: int, kind: str, **options) -> Callable[[Path], object]:
    """What writes a square of one colour."""
    return lambda path: Image.new(mode, (side, side)).save(path, kind, **options)


def tiff(side: int, tile: int, *more: tuple[int, int, int, int]) -> bytes:
    """A deflated grey TIFF of one tile, all zeros, with more entries (tag, kind, count, value) in ascending order."""
    deflate, row = zlib.compressobj(1), bytes(tile)
    pixels = b"".join(deflate.compress(row) for _ in range(tile)) + deflate.flush()
    start = 8 + 2 + 12 * (10 + len(more)) + 4
    short, long = 3, 4
    entries = [
        (256, long, 1, side), (257, long, 1, side), (258, short, 1, 8), (259, short, 1, 8),
        (262, short, 1, 1), (277, short, 1, 1), (322, long, 1, tile),
        (323, long, 1, tile), (324, long, 1, start), (325, long, 1, len(pixels)), *more,
    ]  # fmt: skip
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + pixels


def film(mode: str, side: int, kind: str) -> Callable[[Path], object]:
    """What writes two frames."""
    frames = [Image.new(mode, (side, side), color) for color in (0, 7)]
    return lambda path: frames[0].save(path, kind, save_all=True, append_images=frames[1:])


def shifted_gif(side: int) -> bytes:
    """A GIF of one pixel whose frame is large and lies outside of it."""
    file = io.BytesIO()
    Image.new("P", (side, side)).save(file, "GIF")
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack("<HH", 1, 1)
    return bytes(content)


def exif_bomb(entries: int, length: int) -> bytes:
    """A PNG whose EXIF block has many entries, all of the same bytes."""
    start = 8 + 2 + 12 * entries
    listed = b"".join(struct.pack("<HHII", 50_000 + index, 7, length, start) for index in range(entries))
    block = b"II*\0" + struct.pack("<IH", 8, entries) + listed + bytes(length)
    return png(1, 1, 8, 2, b"\0abc", (b"eXIf", block))


def webp_bomb(side: int) -> bytes:
    """A WebP which says that its canvas is large."""
    canvas = struct.pack("<B3x", 0x12) + struct.pack("<I", side - 1)[:3] * 2
    chunks = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def kinds(side: int) -> dict[str, Callable[[Path], object]]:
    """Every kind that takes another way through the decoders."""
    profile = {"icc_profile": rgb_profile(SRGB_TO_XYZ, 1.5)}
    return {
        "PNG, RGBA, turned": saved("RGBA", side, "PNG", compress_level=1, exif=TURNED, **profile),
        "PNG, grey of 16 bits, transparent": saved("I;16", side, "PNG", compress_level=1, transparency=0),
        "PNG, grey and alpha": saved("LA", side, "PNG", compress_level=1),
        "PNG, a transparent palette": saved("P", side, "PNG", compress_level=1, transparency=0),
        "PNG, a film": film("RGBA", side, "PNG"),
        "JPEG, progressive CMYK": saved("CMYK", side, "JPEG", progressive=True, subsampling=0, exif=TURNED),
        "GIF, a film": film("P", side, "GIF"),
        "GIF, a frame beyond its screen": lambda path: path.write_bytes(shifted_gif(side)),
        "BMP": saved("RGB", side, "BMP"),
        "TIFF, floating point in one strip": saved("F", side, "TIFF", compression="tiff_deflate", tiffinfo={278: side}),
        "TIFF, RGBA in one strip": saved("RGBA", side, "TIFF", compression="tiff_deflate", tiffinfo={278: side}),
        "TIFF, JPEG in one strip": saved("RGB", side, "TIFF", compression="jpeg", tiffinfo={278: side}),
        "TIFF, not packed, turned": saved("RGBA", side, "TIFF", exif=TURNED),
    }
