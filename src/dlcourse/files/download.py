"""Large files from the network: with a progress bar, continued after an interruption, and checked against a hash."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from dlcourse.errors import UserError

PIECE = 2**20  # bytes
TIMEOUT = 30  # seconds without an answer
RANGE_NOT_SATISFIABLE = 416  # HTTP: there is nothing after these bytes


def download(url: str, target: Path, sha256: str) -> None:
    """Fetch a file unless it is there; of several processes, one does and the others wait.

    What an interrupted download leaves, TARGET.part, is where the next one goes on.

    Args:
        sha256: the first digits of the file's hash.

    Raises:
        OSError: the network, or the disk.
        UserError: there is too little space, or the file has another hash; it is removed then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with alone_in(target.parent):
        if target.exists():
            return
        fetch_rest(url, part)
        if not (found := hash_of(part)).startswith(sha256):
            part.unlink()
            raise UserError(f"{url}: what came has the hash {found[:8]}, not {sha256}; try again")
        part.replace(target)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this block with the same folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which ends the lock


def fetch_rest(url: str, part: Path) -> None:
    """Append what is missing, or write the whole file if the server does not send parts."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if have and error.code == RANGE_NOT_SATISFIABLE:
            return
        raise
    with answer:
        have = have if answer.status == 206 else 0  # 206: these are the bytes that were asked for
        total = have + int(answer.headers["Content-Length"])
        check_space(part, total - have)
        with part.open("ab" if have else "wb") as file, bar_of(part, have, total) as bar:
            while piece := answer.read(PIECE):
                file.write(piece)
                bar.update(len(piece))
    if part.stat().st_size < total:
        raise OSError(f"the connection ended after {part.stat().st_size} of {total} bytes; the next try goes on there")


def check_space(part: Path, needed: int) -> None:
    """Raise UserError if the disk has too little space for so many bytes."""
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise UserError(f"{part.parent}: {needed / 2**20:.0f} MiB are needed, {free / 2**20:.0f} are free")


def bar_of(part: Path, have: int, total: int) -> "tqdm[None]":
    return tqdm(total=total, initial=have, desc=part.stem, unit="B", unit_scale=True, unit_divisor=1024)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
