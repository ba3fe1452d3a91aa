"""Words typed with the punctuation of Chinese, of a text program or of a PDF: key＝“value”, 0，1, 1e−3."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from dlcourse.cli import path_overrides
from dlcourse.errors import UserError

# Beside the full-width forms, which Unicode itself maps to ASCII
PLAIN = str.maketrans("“”‘’、。【】–—−", "\"\"'',.[]---")
DASHES = "–—－"
KEY = re.compile(r"([+~\w.@/]+)[=＝](.*)", re.DOTALL | re.ASCII)


def plain(text: str) -> str:
    """The text with ASCII's punctuation and digits."""
    return unicodedata.normalize("NFKC", text).translate(PLAIN)


def plain_word(word: str) -> str:
    """key=value with ASCII's punctuation; in paths, only quotes around all of it go."""
    if path_overrides.exists(word):
        return word
    word = unquoted(word)
    match = KEY.fullmatch(word)
    if match is None:
        return word
    key, value = match.groups()
    if not (value.isascii() or path_overrides.QUOTED.fullmatch(value) or path_overrides.exists(value)):
        if key.lstrip("+") not in path_overrides.PATHS - {"seeds"}:
            value = plain(value)
        else:
            value = unquoted(value)
    return f"{key}={value}"


def unquoted(text: str) -> str:
    """The text without the quotes “ ” or ‘ ’ around all of it."""
    return text[1:-1] if re.fullmatch("“.*”|‘.*’", text, re.DOTALL) else text


def check_dashes(words: Sequence[str]) -> None:
    """Raise UserError for a file whose name would be read as an option; those of one letter or two are options."""
    for word in words:
        if word.startswith("-") and len(word) > 3 and "--" not in words and path_overrides.exists(word):
            raise UserError(f"{word}: a word with a dash is an option; for the file, write ./{word}")


def cure(words: Iterable[str]) -> str:
    """What to type for the first sign in these words that only looks like one of ASCII's; "" if there is none."""
    sign = next((letter for word in words for letter in word if is_lookalike(letter)), "")
    return f"type {plain(sign)} for {sign}" if sign else ""


def is_lookalike(letter: str) -> bool:
    return not letter.isascii() and plain(letter).isascii() and not plain(letter).isalnum()
