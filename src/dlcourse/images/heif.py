"""HEIC and HEIF images, such as iPhones take, which pillow-heif reads."""

import re
import struct
from typing import BinaryIO

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}  # ISO/IEC 23008-12, annex B
GENERAL = {b"mif1", b"msf1"}  # of any codec: AVIF names itself among the compatible brands
SIZES = re.compile(rb"\0\0\0\x14ispe\0{4}(.{8})", re.DOTALL)  # the box of an image's size before it is cropped
MISSING = "a HEIC image, which needs pillow-heif: pip install 'dlcourse[heic]', or convert it to JPEG"


class MissingDecoderError(ValueError):
    """Raised for a HEIC where pillow-heif is not installed."""


def is_heif(file: BinaryIO) -> bool:
    """Whether a seekable file begins as a HEIC or HEIF does."""
    file.seek(0)
    start = file.read(64)
    brand = start[8:12]
    return start[4:8] == b"ftyp" and (brand in BRANDS or (brand in GENERAL and b"avi" not in start[12:]))


def enable() -> None:
    """Let Pillow open the format "HEIF"; MissingDecoderError without pillow-heif."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingDecoderError(MISSING) from error
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def largest_pixels(file: BinaryIO) -> int:
    """Pixels of the largest image that a HEIC states, also of one of which only a part is shown."""
    file.seek(0)
    sizes = (struct.unpack(">II", found) for found in SIZES.findall(file.read()))
    return max((width * height for width, height in sizes), default=0)
