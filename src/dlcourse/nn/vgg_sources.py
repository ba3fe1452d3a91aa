"""Where VGG's weights come from: known by name, or a file."""

import os

from dlcourse.errors import MissingFileError
from dlcourse.files.missing import nothing_at

SOURCES = ("imagenet", "edges", "orthogonal", "random")


def check_source(key: str, weights: str) -> None:
    """Raise MissingFileError unless `weights` is one of SOURCES or the path of something."""
    if weights not in SOURCES and not os.path.lexists(weights):
        known = f"no such file (nor {', '.join(SOURCES[:-1])} or {SOURCES[-1]})"
        raise MissingFileError(f"{key}={weights}: {nothing_at(weights, known)}")
