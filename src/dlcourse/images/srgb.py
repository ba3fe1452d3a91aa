"""Converts images of any mode and colour space to 8-bit sRGB, strip by strip, to save memory."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

BACKGROUND = (255, 255, 255)  # behind transparent pixels
STRIP = 2**18  # pixels that are converted at a time


# sRGB's ICC profile with a fixed date, 2000-01-01 (ICC.1:2010, 7.2.8), so that equal images are equal files
_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB_PROFILE = _PROFILE[:24] + bytes.fromhex("07d0 0001 0001 0000 0000 0000") + _PROFILE[36:]


def rgb_of(background: list[int]) -> tuple[int, int, int]:
    """The key `background` as a colour; ValueError if it is not three values in [0, 255]."""
    if len(background) != 3 or not all(0 <= value <= 255 for value in background):
        raise ValueError(f"background must be three values in [0, 255], got {background}")
    red, green, blue = background
    return red, green, blue


def to_rgb(image: Image.Image, background: tuple[int, int, int] = BACKGROUND, keep_alpha: bool = False) -> Image.Image:
    """A copy of an image of any mode and colour space as 8-bit sRGB; arguments and errors as for `open_image`."""
    deep = DeepGrey(image) if image.mode.startswith("I") or image.mode == "F" else None
    keep_alpha = keep_alpha and image.has_transparency_data
    converted = Image.new("RGBA" if keep_alpha else "RGB", image.size)
    is_opaque = True
    rows = max(1, STRIP // max(1, image.width))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        colors, alpha = deep.separate(strip) if deep else separate(strip)
        transform = transform_to_srgb(image.info.get("icc_profile"), colors.mode)
        rgb = transform.apply(colors) if transform else colors.convert("RGB")
        if alpha and alpha.getextrema() != (255, 255):
            is_opaque = False
            if not keep_alpha:
                rgb = Image.composite(rgb, Image.new("RGB", rgb.size, background), alpha)
        if keep_alpha and alpha:
            rgb.putalpha(alpha)
        converted.paste(rgb, (0, top))
    if deep:
        deep.check()
    if keep_alpha and is_opaque:
        del converted  # frees its memory before another image is made
        return to_rgb(image)
    return converted


def separate(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours, 8 bits in a mode that ICC profiles know, and the alpha channel, if there is one."""
    mode = image.mode
    if image.has_transparency_data:
        whole, opaque = ("LA", "L") if mode in ("1", "L", "LA", "La") else ("RGBA", "RGB")
        transparent = image.info.get("transparency")
        if isinstance(transparent, tuple) and max(transparent) > 255:  # 16-bit PNG, of which Pillow has the high bytes
            image = image.copy()
            image.info["transparency"] = tuple(level >> 8 for level in transparent)
        both = image.convert(whole)
        return both.convert(opaque), both.getchannel("A")
    simpler = {"1": "L", "P": "RGB", "YCbCr": "RGB"}.get(mode)
    return image.convert(simpler) if simpler else image, None


class DeepGrey:
    """Converts grey of more than 8 bits to L, black to 0 and white to 255; Pillow's own conversion clips instead."""

    def __init__(self, image: Image.Image):
        self.black, self.white = range_of(image)
        self.extrema: list[np.floating] = []

    def separate(self, image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
        """A strip as L, and its alpha channel, if there is one."""
        levels = np.asarray(image, dtype=np.float32)  # (H, W)
        self.extrema += [levels.min(), levels.max()]
        alpha = None
        if "transparency" in image.info:
            alpha = Image.fromarray(np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8))
        with np.errstate(all="ignore"):  # `check` refuses NaN in the end
            scaled = (levels - self.black) / (self.white - self.black)
            return Image.fromarray((scaled * 255).round().astype(np.uint8)), alpha

    def check(self) -> None:
        """Raise ValueError for values outside the range from black to white."""
        darkest, brightest = np.min(self.extrema), np.max(self.extrema)  # NaN if any value is
        low, high = sorted((self.black, self.white))
        if not (darkest >= low and brightest <= high):
            raise ValueError(f"grey values must be from {low:g} to {high:g}, they are {darkest:g} to {brightest:g}")


def range_of(image: Image.Image) -> tuple[float, float]:
    """The values of black and of white: of 16 bits, of floating point, or by the tags of a TIFF."""
    from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile  # here: rarely needed

    tags: Any = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = min(16, tags.get(BITSPERSAMPLE, (16,))[0])
    white = 1.0 if image.mode == "F" else 2.0**bits - 1
    return (white, 0.0) if tags.get(PHOTOMETRIC_INTERPRETATION) == 0 else (0.0, white)


@lru_cache(maxsize=8)  # the images of a folder have few profiles
def transform_to_srgb(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from this mode and profile to sRGB.

    None if there is no profile, or it is damaged, made for another mode (a grey image with a profile of RGB), or a
    variant of sRGB itself, which changes nothing by more than rounding.
    """
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # the optimized table is up to 10 levels wrong in linear grey
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile or b"")), ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(source, target, mode, "RGB", intent, flags)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode == "RGB":
        cube = np.indices((9, 9, 9), dtype=np.uint8).reshape(3, 1, -1).transpose(1, 2, 0) * 31  # (1, 729, 3)
        changed = np.asarray(transform.apply(Image.fromarray(cube)), dtype=int)
        if np.abs(changed - cube).max() <= 1:
            return None
    return transform
