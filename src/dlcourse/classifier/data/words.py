"""The words that name what is to be classified, looked at before anything is read."""

import os
import unicodedata
from pathlib import Path

from dlcourse.errors import UserError
from dlcourse.files.missing import nothing_at

TABLES = (".csv", ".npz", ".tsv")


def plain(word: str) -> str:
    """With ASCII's digits and commas, for 0.3，-1.2."""
    return unicodedata.normalize("NFKC", word)


def check_there(word: str) -> None:
    """Raise UserError for a word that is neither there nor a point, such as 0.3,-1.2."""
    if not os.path.lexists(word) and "," not in plain(word):
        is_table = Path(word).suffix.lower() in TABLES
        raise UserError(f"{word}: {nothing_at(word, 'no such file' if is_table else 'no such image, folder or .zip')}")
