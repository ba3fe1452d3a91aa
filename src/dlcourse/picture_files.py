"""Pictures between files and Pillow: out of any file as upright 8-bit sRGB, into a file as a whole or not at all."""

import errno
import io
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")  # nothing else is tried; for EPS Pillow starts Ghostscript
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}  # of files in these formats
MAX_PIXELS = 2**27  # 134 million: room for cameras of 100 million; decoded and copied once that is 1 GiB
MAX_SIDE = 2**16  # no JPEG is longer
BACKGROUND = (255, 255, 255)  # what shows through transparent pixels
WRITERS: dict[str, tuple[str, dict[str, Any]]] = {  # suffix -> format and its options
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),  # 4:4:4: colours as sharp as brightness
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),  # exact: the colours of transparent pixels too
}


class UnwantedPictureError(ValueError):
    """What `examine` of `decode` raises: a picture that is whole but not wanted."""


def srgb_profile() -> bytes:
    """The ICC profile of sRGB with a fixed date instead of today's, so that equal pictures are equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 2000-01-01 00:00:00 (ICC.1:2010, 7.2.8)
    return bytes(profile)


SRGB_PROFILE = srgb_profile()


def open_picture(
    path: str | Path, background: tuple[int, int, int] = BACKGROUND, keep_alpha: bool = False
) -> Image.Image:
    """Read a PNG, JPEG, WebP, TIFF, BMP or GIF (its first frame), whatever kind of pixels it has.

    Args:
        path: the file.
        background: what transparency is laid on, 8-bit RGB.
        keep_alpha: leave transparency as it is.

    Returns:
        8-bit RGB in sRGB, upright by its EXIF tag; RGBA with keep_alpha, if any pixel is not opaque.

    Raises:
        ValueError: "PATH: reason", where there is no file, no picture of these kinds, one that is cut short or
            damaged, one of more than MAX_PIXELS or with a side above MAX_SIDE, or one with integers beyond 16 bit or
            floating-point values outside [0, 1].
    """
    try:
        with open_file(Path(path)) as file:
            return to_rgb(decode(file), background, keep_alpha)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def open_file(path: Path) -> BinaryIO:
    """A file to be read, or ValueError with the reason."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # would wait, or deliver, for ever
            raise OSError(errno.ESPIPE, f"a {'pipe' if stat.S_ISFIFO(mode) else 'device'}, not a file")
        return path.open("rb")
    except FileNotFoundError:
        raise ValueError("no such file") from None
    except IsADirectoryError:
        raise ValueError("is a folder, not a picture") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise ValueError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error


def decode(file: BinaryIO, examine: Callable[[Image.Image], None] = lambda picture: None) -> Image.Image:
    """The first picture in a file, loaded and upright, in the file's own mode; no code runs but Pillow's decoders.

    Args:
        file: whatever can be read and searched, a file or bytes in memory.
        examine: is shown the picture before its pixels are decoded, when its size is known; may refuse it by a
            UnwantedPictureError, or ask for coarser pixels by `draft`.

    Raises:
        ValueError: the reason, as in `open_picture`, or examine's.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about a file; what matters is an error
            with Image.open(file, formats=FORMATS) as picture:
                refuse_huge(picture.size)
                examine(picture)
                picture.load()
                with suppress(Exception):  # a damaged EXIF block spoils no picture
                    ImageOps.exif_transpose(picture, in_place=True)
                return picture
    except UnidentifiedImageError:
        raise ValueError(why_unidentified(file)) from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"refused as too large ({error})") from None
    except UnwantedPictureError:
        raise
    except OSError as error:
        reason = f"cannot be read ({error.strerror})" if error.strerror else f"a broken picture ({error})"
        raise ValueError(reason) from error
    except Exception as error:  # decoders trip over damaged files in every way there is
        raise ValueError(f"a broken picture ({' '.join(str(error).split()) or type(error).__name__})") from error


def refuse_huge(size: tuple[int, int]) -> None:
    """Raise DecompressionBombError for a (width, height) beyond the limits; Pillow itself only warns so early."""
    if size[0] * size[1] > MAX_PIXELS or max(size) > MAX_SIDE:
        limits = f"at most {MAX_PIXELS / 1e6:.0f} million pixels, {MAX_SIDE} per side"
        raise Image.DecompressionBombError(f"{size[0]} x {size[1]}; {limits}")


def why_unidentified(file: BinaryIO) -> str:
    """What to tell about a file that no decoder accepts."""
    file.seek(0)
    start = file.read(4)
    if not start:
        return "an empty file"
    if start in (b"II*\0", b"MM\0*"):
        return "a TIFF of a kind that Pillow cannot read, such as colours in floating point"
    return f"not a picture that can be read (the formats are {', '.join(FORMATS)})"


def to_rgb(image: Image.Image, background: tuple[int, int, int] = BACKGROUND, keep_alpha: bool = False) -> Image.Image:
    """An image of any mode and colour space as 8-bit sRGB, a copy; see `open_picture`.

    Raises:
        ValueError: integers beyond 16 bit, or floating-point values outside [0, 1].
    """
    colors, alpha = separate(image)
    transform = transform_to_srgb(image.info.get("icc_profile"), colors.mode)
    rgb = transform.apply(colors) if transform else colors.convert("RGB")
    rgb.info = {}  # the old profile describes it no longer
    if alpha is None or alpha.getextrema() == (255, 255):
        return rgb
    if keep_alpha:
        rgb.putalpha(alpha)
        return rgb
    return Image.composite(rgb, Image.new("RGB", rgb.size, background), alpha)


def separate(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours, 8 bits in a mode that an ICC profile can speak of, and the alpha channel, if there is one."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return reduce_to_8_bits(image)
    if image.has_transparency_data:
        whole, opaque = ("LA", "L") if mode in ("1", "L", "LA", "La") else ("RGBA", "RGB")
        transparent = image.info.get("transparency")
        if isinstance(transparent, tuple) and max(transparent) > 255:  # of a PNG of 16 bits, whose high bytes are here
            image = image.copy()
            image.info["transparency"] = tuple(level >> 8 for level in transparent)
        both = image.convert(whole)
        return both.convert(opaque), both.getchannel("A")
    simpler = {"1": "L", "P": "RGB", "YCbCr": "RGB"}.get(mode)
    return image.convert(simpler) if simpler else image, None


def reduce_to_8_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Deep grey as L, black to 0 and white to 255 (Pillow's own conversion clips), and its alpha channel."""
    levels = np.asarray(image, dtype=np.float32)  # (H, W)
    black, white = range_of(image)
    with np.errstate(all="ignore"):  # what is no number is refused below
        scaled = (levels - black) / (white - black)
    if not (scaled.min() >= 0 and scaled.max() <= 1):  # so put, NaN is refused too
        found = f"{levels.min():g} to {levels.max():g}"
        raise ValueError(f"grey values must be from {min(black, white):g} to {max(black, white):g}, they are {found}")
    alpha = None
    if "transparency" in image.info:
        alpha = Image.fromarray(np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8))
    return Image.fromarray((scaled * 255).round().astype(np.uint8)), alpha


def range_of(image: Image.Image) -> tuple[float, float]:
    """The values of black and of white in deep grey: 16 bit, floating point, or as a TIFF's tags say."""
    from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile  # here: seldom needed

    tags: Any = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = min(16, tags.get(BITSPERSAMPLE, (16,))[0])
    white = 1.0 if image.mode == "F" else 2.0**bits - 1
    return (white, 0.0) if tags.get(PHOTOMETRIC_INTERPRETATION) == 0 else (0.0, white)


@lru_cache(maxsize=8)  # the pictures of a folder have few profiles
def transform_to_srgb(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What turns an image of this mode and profile into sRGB.

    None if nothing does: there is no profile, it is damaged, it is made for other colours than the image's (a grey
    image with a profile of RGB), or it is one of sRGB's many, which change nothing by more than rounding.
    """
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # the table that is made otherwise is up to 10 levels wrong in linear grey
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile or b"")),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode == "RGB":
        cube = np.indices((9, 9, 9), dtype=np.uint8).reshape(3, 1, -1).transpose(1, 2, 0) * 31  # (1, 729, 3)
        changed = np.asarray(transform.apply(Image.fromarray(cube)), dtype=int)
        if np.abs(changed - cube).max() <= 1:
            return None
    return transform


def save_picture(image: Image.Image, path: str | Path) -> None:
    """Write a picture as a whole file or not at all; it is sRGB and says so in an ICC profile.

    Args:
        image: of any mode; alpha is kept, but laid on white in a JPEG, which has none.
        path: its suffix chooses the format: .png, .jpg or .jpeg (quality 95, 4:4:4), .webp (lossless), .tif or .tiff;
            its folder is created if need be.

    Raises:
        ValueError: another suffix.
        OSError: "PATH: cannot be written (reason)".
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path}: the name of a picture must end in one of {', '.join(WRITERS)}")
    file_format, options = WRITERS[path.suffix.lower()]
    picture = to_rgb(image, keep_alpha=file_format != "JPEG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            picture.save(temporary, file_format, icc_profile=SRGB_PROFILE, **options)
    except (OSError, ValueError) as error:  # ValueError: a WebP of more than 16383 pixels per side
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{path}: cannot be written ({reason})") from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place in the end, or is removed if that is never reached."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
