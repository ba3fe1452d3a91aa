"""Reads image files as upright 8-bit sRGB, and writes them; a failure leaves no partial file."""

import math
import os
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from dlcourse.errors import UserError, reason_of
from dlcourse.files.atomic import atomic_write
from dlcourse.files.bounded import open_file
from dlcourse.files.outputs import with_numbers
from dlcourse.images import heif
from dlcourse.images.srgb import BACKGROUND, SRGB_PROFILE, to_rgb
from dlcourse.images.tiff import piece_bytes

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "BMP",
    "GIF",
    "AVIF",
    "HEIF",
)  # no others: for EPS, Pillow would start Ghostscript
SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}  # of these
MAX_MEMORY = 3 * 2**29  # bytes while an image is decoded and converted
MAX_PIXELS = MAX_MEMORY // 12  # 134 million, more than cameras have; a progressive JPEG takes 12 bytes per pixel
MAX_VIDEO_PIXELS = MAX_MEMORY // 32  # 50 million: decoders that come from video hold several copies
FROM_VIDEO = ("WEBP", "AVIF", "HEIF")
MAX_PIECE = 2**26  # bytes of a TIFF's strip or tile, or 8 bytes for each pixel of the image if that is more
MAX_SIDE = 2**16  # no JPEG is longer
WRITERS: dict[str, tuple[str, dict[str, Any]]] = {  # suffix -> format and its options
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),  # 4:4:4: colours as sharp as brightness
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),  # exact: keeps the colours of transparent pixels
}
LONGEST_SIDES = {"JPEG": 65_500, "WEBP": 16_383}  # pixels that a file of the format can hold


class UnwantedImageError(ValueError):
    """Raised by `examine` of `decode` for an image that is intact but not wanted."""


def open_image(
    path: str | Path, background: tuple[int, int, int] = BACKGROUND, keep_alpha: bool = False
) -> Image.Image:
    """Read the first frame of an image in one of FORMATS as 8-bit RGB in sRGB, upright by its EXIF tag.

    Transparent pixels are laid on `background`; or, with keep_alpha, the image is RGBA if any pixel is not opaque.

    ValueError, "PATH: reason", for no file, no image of these kinds, a damaged one, one of more than MAX_PIXELS or with
    a side above MAX_SIDE, integers beyond 16 bit or floating-point values outside [0, 1].
    """
    try:
        with open_file(Path(path)) as file:
            return to_rgb(decode(file), background, keep_alpha)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def stated_size(path: str | Path) -> tuple[int, int]:
    """Width and height that an image file states, before it is turned upright; ValueError as `open_image`."""
    found = [(0, 0)]

    def stop(image: Image.Image) -> None:
        found[0] = image.size
        raise UnwantedImageError

    try:
        with open_file(Path(path)) as file, suppress(UnwantedImageError):
            decode(file, stop)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return found[0]


def check_image(key: str, path: str) -> None:
    """Raise ValueError, "KEY=PATH: reason", unless there is an image file; it is not decoded."""
    try:
        stated_size(path)
    except ValueError as error:
        raise ValueError(f"{key}={error}") from error


def decode(file: BinaryIO, examine: Callable[[Image.Image], None] = lambda image: None) -> Image.Image:
    """The first image in a seekable file, loaded and upright, in the file's own mode.

    `examine` is called with the image when its size is known and its pixels are not decoded yet; it may refuse the
    image by an UnwantedImageError, or ask for coarser pixels by `draft`. Other ValueErrors are those of `open_image`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about a file; its errors are handled below
            piece = piece_bytes(file)
            with Image.open(file, formats=formats_for(file)) as image:
                check_pixels(image, piece)
                examine(image)
                image.load()
                with suppress(Exception):  # a damaged EXIF block is ignored
                    ImageOps.exif_transpose(image, in_place=True)
                return image
    except UnidentifiedImageError:
        raise ValueError(why_unidentified(file)) from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"refused as too large ({error})") from None
    except (UnwantedImageError, heif.MissingDecoderError):
        raise
    except OSError as error:
        reason = f"cannot be read ({error.strerror})" if error.strerror else f"a broken image ({error})"
        raise ValueError(reason) from error
    except Exception as error:  # for damaged files, decoders raise exceptions of many kinds
        raise ValueError(f"a broken image ({reason_of(error)})") from error


def formats_for(file: BinaryIO) -> tuple[str, ...]:
    """Those of Pillow's formats to try; DecompressionBombError or MissingDecoderError for a HEIC."""
    if not heif.is_heif(file):
        return tuple(name for name in FORMATS if name != "HEIF")
    heif.enable()
    if (pixels := heif.largest_pixels(file)) > MAX_VIDEO_PIXELS:
        limit = f"at most {MAX_VIDEO_PIXELS / 1e6:.0f} million"
        raise Image.DecompressionBombError(f"{pixels / 1e6:.0f} million pixels before it is cropped; {limit}")
    return ("HEIF",)


def check_pixels(image: Image.Image, piece: int) -> None:
    """Raise DecompressionBombError for an image, not decoded yet, beyond the limits; at these sizes Pillow only warns.

    `piece` is the bytes of its largest strip or tile, which takes memory besides the image.
    """
    pixels = image.width * image.height
    most = MAX_VIDEO_PIXELS if image.format in FROM_VIDEO else MAX_PIXELS
    if pixels > most or max(image.size) > MAX_SIDE:
        limits = f"at most {most / 1e6:.0f} million pixels, {MAX_SIDE} per side"
        raise Image.DecompressionBombError(f"{image.width} x {image.height}; {limits}")
    if piece > max(MAX_PIECE, 8 * pixels):
        raise Image.DecompressionBombError(f"{image.width} x {image.height} in a strip or tile of {piece} bytes")


def memory_of(image: Image.Image) -> int:
    """The most bytes that decoding and converting an image within the limits takes."""
    most = MAX_VIDEO_PIXELS if image.format in FROM_VIDEO else MAX_PIXELS
    return image.width * image.height * MAX_MEMORY // most + (MAX_PIECE if image.format == "TIFF" else 0)


def why_unidentified(file: BinaryIO) -> str:
    """The message for a file that no decoder accepts."""
    file.seek(0)
    start = file.read(4)
    if not start:
        return "an empty file"
    if start in (b"II*\0", b"MM\0*"):
        return "a TIFF of a kind that Pillow cannot read, such as colours in floating point"
    return f"not an image that can be read (the formats are {', '.join(FORMATS)})"


def check_sides(path: Path, *sides: int) -> None:
    """Raise ValueError if the format of a path's suffix cannot hold an image with these sides, in pixels."""
    file_format, _ = WRITERS[path.suffix.lower()]
    most = LONGEST_SIDES.get(file_format, math.inf)
    if max(sides) > most:
        held = f"a {path.suffix} holds at most {most} pixels per side, and this image would have {max(sides)}"
        raise ValueError(f"{held}; choose .png or .tiff, or a smaller image")


def save_image(image: Image.Image, path: str | Path, replace: bool = True) -> None:
    """Write an image in sRGB, with an ICC profile, as a whole file or not at all.

    The suffix chooses one of the WRITERS; JPEGs are on white. The folder is created if needed. ValueError for another
    suffix; OSError, "PATH: cannot be written (reason)", also for more pixels than the format can hold. Without
    `replace`, FileExistsError if there is a file by then.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path}: the name of an image must end in one of {', '.join(WRITERS)}")
    file_format, options = WRITERS[path.suffix.lower()]
    image = to_rgb(image, keep_alpha=file_format != "JPEG")
    try:
        check_sides(path, *image.size)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, replace=replace) as temporary:
            image.save(temporary, file_format, icc_profile=SRGB_PROFILE, **options)
    except (OSError, ValueError) as error:
        if isinstance(error, FileExistsError) and not replace and os.path.lexists(path):
            raise
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{path}: cannot be written ({reason})") from error


def save_new_image(image: Image.Image, path: Path) -> Path:
    """`save_image` under a name that nothing has: the path, or with a number if a file came to be there meanwhile."""
    names = with_numbers(path)
    while True:
        unused = next(names)
        with suppress(FileExistsError):
            save_image(image, unused, replace=False)
            return unused


def load_image(path: Path) -> Image.Image:
    """`open_image` for the commands: a file that is missing or broken is a UserError."""
    try:
        return open_image(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts 2_adam before 10_adam."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]
