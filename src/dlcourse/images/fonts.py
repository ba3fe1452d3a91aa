"""Fonts that have the letters of a text: Pillow's own has no ä, ≤ or 猫, and draws boxes in their place.

Pillow's font is taken where it suffices, then DejaVu Sans, which comes with Matplotlib, then one of this computer that
has the letters. What none of them has is written as its code, \\u732b.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path

from PIL import ImageFont

NO_LETTER = "\U0010ffff"  # is in no font: what is drawn for it, is drawn for all that are missing
FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
FILES = (  # where fontconfig is not installed: fonts with Chinese, Japanese and Korean letters
    "NotoSansCJK*",
    "wqy-*",
    "SourceHanSans*",
    "DroidSansFallback*",
    "PingFang*",
    "Hiragino Sans GB*",
    "Arial Unicode*",
    "msyh.*",
    "simhei.*",
    "malgun.*",
)


def font_for(texts: str | Iterable[str], size: float) -> ImageFont.FreeTypeFont:
    """The font for an image with these texts: the first one that has all their letters, or else the most."""
    letters = letters_of(texts)
    if all(letter.isascii() for letter in letters):
        return default_font(size)
    candidates = [default_font(size), ImageFont.truetype(dejavu(), size)]
    for font in candidates:
        if not missing(letters, font):
            return font
    found = system_font(missing(letters, candidates[-1]))
    if found:
        candidates.append(ImageFont.truetype(found, size))
    return min(candidates, key=lambda font: len(missing(letters, font)))


def legible(text: str, font: ImageFont.FreeTypeFont) -> str:
    """A text with the codes of letters that a font does not have."""
    absent = missing(letters_of(text), font)
    return "".join(ascii(letter)[1:-1] if letter in absent else letter for letter in text)


def fallback_for(texts: str | Iterable[str]) -> Path | None:
    """The font of this computer for letters that Matplotlib's own, DejaVu Sans, lacks; None if it lacks none."""
    absent = missing(letters_of(texts), ImageFont.truetype(dejavu(), 20))
    return system_font(absent) if absent else None


def letters_of(texts: str | Iterable[str]) -> frozenset[str]:
    """What must be drawn of texts."""
    return frozenset("".join([texts] if isinstance(texts, str) else texts)) - {" ", "\n"}


def missing(letters: frozenset[str], font: ImageFont.FreeTypeFont) -> frozenset[str]:
    """The letters that a font does not have; it has those of ASCII."""
    return frozenset(letter for letter in letters if not letter.isascii() and not has(font, letter))


def has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether a font has a letter: whether it does not draw it as it draws one that no font has."""
    drawn, absent = font.getmask(letter), font.getmask(NO_LETTER)
    return drawn.size != absent.size or bytes(drawn) != bytes(absent)


def default_font(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def dejavu() -> Path:
    """DejaVu Sans: Latin, Greek, Cyrillic and mathematical letters."""
    import matplotlib  # here: seldom needed

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@lru_cache(maxsize=64)
def system_font(letters: frozenset[str]) -> Path | None:
    """The font of this computer that has most of these letters, at least one; None if there is none."""
    best, fewest = None, len(letters)
    for path in chain(asked_of_fontconfig(letters), known_files()):
        try:
            absent = len(missing(letters, ImageFont.truetype(path, 20)))
        except OSError:  # no font that FreeType reads
            continue
        if absent < fewest:
            best, fewest = path, absent
        if not absent:
            break
    return best


def asked_of_fontconfig(letters: frozenset[str]) -> Iterator[Path]:
    """What fontconfig, the usual keeper of fonts on Linux, finds for letters; it may be a font without them."""
    command = shutil.which("fc-match")
    if command is None:
        return
    wanted = ":charset=" + " ".join(f"{ord(letter):x}" for letter in sorted(letters)[:100])
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([command, "-f", "%{file}", wanted], capture_output=True, text=True, timeout=20)
        yield Path(done.stdout)


def known_files() -> Iterator[Path]:
    """Fonts in the usual places."""
    for pattern in FILES:
        for folder in FOLDERS:
            yield from sorted(Path(folder).expanduser().rglob(pattern))[:2]
