"""The features of the real pictures, kept on disk. Letters: N pictures, F features."""

import hashlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from dlcourse.metrics.extractors import Extractor
from dlcourse.picture_files import whole_file


class Pictures(Protocol):
    """A data set for StyleGAN."""

    resolution: int

    @property
    def images(self) -> Tensor:
        """(N, 3, R, R), uint8, on the CPU."""


class Reals(NamedTuple):
    """Features (N, F) of two disjoint sets of real pictures: fakes are compared with the first one."""

    reference: Tensor
    others: Tensor


def real_features(
    dataset: Pictures, extractor: Extractor, count: int, seed: int, batch_size: int, cache: str | None
) -> Reals:
    """Features of twice `count` pictures, or of all if there are fewer, chosen by the seed and divided in halves.

    Args:
        dataset: where they come from.
        extractor: what they are compared by.
        count: wanted in each half.
        seed: of the choice.
        batch_size: pictures at a time.
        cache: folder of files named by the hash of all this, of the weights, and of the data set's settings and
            source code; None keeps nothing.

    Raises:
        ValueError: fewer than 8 pictures.
    """
    key = [extractor.fingerprint(), settings_of(dataset), count, seed]
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    path = None if cache is None else Path(cache, f"{extractor.tag}_{name}.pt")
    if path is not None and path.is_file():
        try:
            return Reals(*torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # a broken file fails in any of pickle's and zip's ways
            print(f"{path}: cannot be read and is made anew ({error})", file=sys.stderr)
    reals = measure(dataset.images, extractor, count, seed, batch_size)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            torch.save(list(reals), temporary)
    return reals


def measure(images: Tensor, extractor: Extractor, count: int, seed: int, batch_size: int) -> Reals:
    """Features of two disjoint sets of pictures, on the CPU."""
    if len(images) < 8:
        raise ValueError(f"metrics need at least 8 real pictures, got {len(images)}")
    half = min(count, len(images) // 2)
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: 2 * half]
    device = next(extractor.parameters()).device
    chunks = [extractor(images[rows].to(device).float() / 255).cpu() for rows in chosen.split(batch_size)]
    reference, others = torch.cat(chunks).split(half)
    return Reals(reference.clone(), others.clone())


def settings_of(dataset: Any) -> dict[str, Any]:
    """What a data set's pictures depend on: its plain attributes, its files, and the code that makes it."""
    kind = type(dataset)
    sources = sorted(Path(inspect.getfile(kind)).parent.glob("*.py"))
    code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    plain = {name: described(value) for name, value in vars(dataset).items() if is_plain(value)}
    return {"class": kind.__qualname__, "code": code, **plain}


def is_plain(value: Any) -> bool:
    """Whether a value is a setting: a number, text, a path, or a list of these."""
    return isinstance(value, int | float | str | Path | None) or (
        isinstance(value, list | tuple) and all(map(is_plain, value))
    )


def described(value: Any) -> Any:
    """A setting as JSON; a file by its place, size and date."""
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if isinstance(value, Path):
        status = value.stat()
        return [str(value.resolve()), status.st_size, status.st_mtime_ns]
    return value
