"""Finds fonts that have the letters of a text: Pillow's own has no ä, ≤ or 猫, and draws boxes in their place.

Tried are Pillow's font, DejaVu Sans, which comes with Matplotlib, and the fonts of this computer, in this order. A
letter that none of them has is written as its code, \\u732b.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path

from PIL import ImageFont

NO_LETTER = "\U0010ffff"  # in no font; drawn as every letter that a font lacks
FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),  # Linux
    *("/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts"),  # macOS, Windows
)
FILES = (  # fonts with Chinese, Japanese and Korean letters, for computers without fontconfig
    *("NotoSansCJK*", "wqy-*", "SourceHanSans*", "DroidSansFallback*", "PingFang*"),
    *("Hiragino Sans GB*", "Arial Unicode*", "msyh.*", "simhei.*", "malgun.*"),
)


def font_for(texts: Iterable[str], size: float) -> ImageFont.FreeTypeFont:
    """The first font that has all letters of the texts, or else the one that has the most."""
    letters = letters_of(texts)
    default = ImageFont.load_default(size)
    assert isinstance(default, ImageFont.FreeTypeFont)
    if not missing(letters, default):
        return default
    candidates = [default, ImageFont.truetype(dejavu(), size)]
    absent = missing(letters, candidates[-1])
    if absent and (found := system_font(absent)):
        candidates.append(ImageFont.truetype(found, size))
    return min(candidates, key=lambda font: len(missing(letters, font)))


def legible(text: str, font: ImageFont.FreeTypeFont) -> str:
    """A text in which letters that a font does not have are replaced by their codes."""
    absent = missing(letters_of(text), font)
    return "".join(ascii(letter)[1:-1] if letter in absent else letter for letter in text)


def fallback_for(texts: Iterable[str]) -> Path | None:
    """A font of this computer for letters that Matplotlib's DejaVu Sans lacks; None without such letters or fonts."""
    absent = missing(letters_of(texts), ImageFont.truetype(dejavu(), 20))
    return system_font(absent) if absent else None


def letters_of(texts: Iterable[str]) -> frozenset[str]:
    return frozenset("".join(texts)) - {" ", "\n"}


def missing(letters: frozenset[str], font: ImageFont.FreeTypeFont) -> frozenset[str]:
    """The letters that a font does not have; all fonts have those of ASCII."""
    return frozenset(letter for letter in letters if not letter.isascii() and not has(font, letter))


def has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether a font draws a letter differently from one that no font has."""
    drawn, absent = font.getmask(letter), font.getmask(NO_LETTER)
    return drawn.size != absent.size or bytes(drawn) != bytes(absent)


def dejavu() -> Path:
    """DejaVu Sans: Latin, Greek, Cyrillic and mathematical letters."""
    import matplotlib  # here because it is rarely needed

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@lru_cache(maxsize=64)
def system_font(letters: frozenset[str]) -> Path | None:
    """The font of this computer that has the most of these letters; None if none has any."""
    best, fewest = None, len(letters)
    for path in chain(asked_of_fontconfig(letters), known_files()):
        try:
            absent = len(missing(letters, ImageFont.truetype(path, 20)))
        except OSError:  # not a font that FreeType can read
            continue
        if absent < fewest:
            best, fewest = path, absent
        if not absent:
            break
    return best


def asked_of_fontconfig(letters: frozenset[str]) -> Iterator[Path]:
    """The font that Linux's fontconfig suggests for these letters; it may lack them."""
    command = shutil.which("fc-match")
    if command is None:
        return
    wanted = ":charset=" + " ".join(f"{ord(letter):x}" for letter in sorted(letters)[:100])
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([command, "-f", "%{file}", wanted], capture_output=True, text=True, timeout=20)
        yield Path(done.stdout)


def known_files() -> Iterator[Path]:
    for pattern in FILES:
        for folder in FOLDERS:
            yield from sorted(Path(folder).expanduser().rglob(pattern))[:2]
