"""What lies in a file: told by its first bytes, never by its name."""

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from dlcourse.errors import UserError
from dlcourse.interop import unpickle

TORCH_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before 1.6: a magic number, pickled
OTHER_FILES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or a sound",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: run git lfs pull",
    b"<": "a web page: the download went wrong (quota or login)",
    b"": "an empty file",  # only if nothing else fits, see kind_of
}


def read(path: Path) -> Any:
    """The content of a checkpoint: an official pickle's (see `unpickle.loads`), or that of a file of torch.save.

    Raises:
        UserError: no such file, no checkpoint, or a checkpoint that asks for more than numbers.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise UserError(error.strerror or str(error)) from None
    if head.startswith(b"PK"):
        refuse_other_archives(path)
    if head.startswith((b"PK", TORCH_LEGACY)):
        return read_torch(path)
    if re.match(rb"\x80[\x02-\x05]", head):
        return unpickle.loads(path.read_bytes())
    raise UserError(f"{kind_of(head)}, not a checkpoint")


def kind_of(head: bytes) -> str:
    """What a file that is no checkpoint seems to be."""
    if not head:
        return OTHER_FILES[b""]
    found = [kind for start, kind in OTHER_FILES.items() if start and head.lstrip().startswith(start)]
    return found[0] if found else "a file of unknown kind"


def refuse_other_archives(path: Path) -> None:
    """Raise UserError for a zip file that is cut short or is none of torch.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise UserError("a checkpoint of PyTorch, or another zip archive, that is cut short") from error
    if not any(name.endswith("/data.pkl") for name in names):
        kind = "NumPy arrays (.npz)" if any(name.endswith(".npy") for name in names) else "a zip archive"
        raise UserError(f"{kind}, not a checkpoint")


def read_torch(path: Path) -> Any:
    """Tensors and plain data, never code.

    Raises:
        UserError: a file which is cut short or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip's, pickle's and torch's own
        reason = " ".join(str(error).split())
        asked = re.search(r"GLOBAL ([\w.]+)", reason)
        if asked:
            raise UserError(f"refused: the file asks to call {asked[1]}") from error
        reason = reason.rpartition("WeightsUnpickler error: ")[2]  # torch advises to read it without protection
        raise UserError(f"a checkpoint of PyTorch that is cut short or damaged ({reason[:100]})") from error
