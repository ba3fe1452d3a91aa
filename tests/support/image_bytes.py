"""Files and ICC profiles that Pillow cannot write, byte by byte."""

import struct
import zlib

import numpy as np

# columns: what sRGB's red, green and blue are in XYZ, adapted to D50 (Lindbloom, "RGB/XYZ Matrices", Bradford)
SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def png(width, height, bits, color_type, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these rows, each with its filter byte, and of more chunks (kind, content) before them."""
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


def tiff(width, height, bits, photometric, pixels: bytes, sample_format=1, channels=1) -> bytes:
    """An uncompressed little-endian TIFF in one strip."""
    start = 8 + 2 + 12 * 10 + 4
    depths = struct.pack("<3H", bits, bits, bits)
    short, long = 3, 4
    tags = [
        (256, short, 1, width),
        (257, short, 1, height),
        (258, short, channels, bits if channels == 1 else start),
        (259, short, 1, 1),
        (262, short, 1, photometric),
        (273, long, 1, start + len(depths)),
        (277, short, 1, channels),
        (278, short, 1, height),
        (279, long, 1, len(pixels)),
        (339, short, 1, sample_format),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + depths + pixels


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 (ICC.1:2001-04)."""
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    tags = {b"desc": text(b"desc"), b"cprt": text(b"text"), b"wtpt": xyz(D50)} | tags
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", start + len(data), 0x02400000) + kind + space + connection
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + xyz(D50)[8:]
    return header + bytes(128 - len(header)) + table + data


def text(kind: bytes) -> bytes:
    return kind + bytes(4) + (b"no\0" if kind == b"text" else struct.pack(">I", 3) + b"no\0" + bytes(78))


def xyz(values) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(exponent: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def rgb_profile(primaries: np.ndarray, exponent: float) -> bytes:
    """RGB whose linear light is value ** exponent and whose primaries are the columns, in XYZ."""
    colorants = {name: xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries.T, strict=True)}
    return profile(b"RGB ", b"XYZ ", colorants | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(exponent)))


def grey_profile(exponent: float) -> bytes:
    return profile(b"GRAY", b"XYZ ", {b"kTRC": gamma(exponent)})


def cmyk_profile(corners: np.ndarray) -> bytes:
    """CMYK that interpolates between (2, 2, 2, 2, 3) colours, each L, a, b in 8 bits: no ink or all of each."""
    identity = bytes(range(256))
    unit = struct.pack(">9i", *(65536 * int(index % 4 == 0) for index in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + identity * 4
    return profile(b"CMYK", b"Lab ", {b"A2B0": table + corners.astype(np.uint8).tobytes() + identity * 3})


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light -> sRGB in 0 to 255 (IEC 61966-2-1)."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """L in 0 to 100, a and b (..., 3), relative to D50 -> sRGB in 0 to 255 (CIE 15; IEC 61966-2-1)."""
    f = (lab[..., :1] + 16) / 116 + np.stack([lab[..., 1] / 500, 0 * lab[..., 0], -lab[..., 2] / 200], -1)
    values = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    return encode_srgb(values @ np.linalg.inv(SRGB_TO_XYZ).T)
