"""What lies in a file: told by its first bytes, never by its name."""

import re
from pathlib import Path
from typing import Any

from dlcourse.errors import UserError
from dlcourse.files import pickle_reader, torch_file
from dlcourse.stylegan.interop import unpickle

OTHER_FILES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image or a sound",
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
        torch_file.length_of(path)
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise UserError(error.strerror or str(error)) from None
    if head.startswith((b"PK", torch_file.LEGACY)):
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


def read_torch(path: Path) -> Any:
    """Tensors and plain data, never code.

    Raises:
        UserError: a file which is cut short or holds anything else.
    """
    try:
        return torch_file.load(path)
    except pickle_reader.RefusedError as error:
        raise UserError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UserError(f"a checkpoint of PyTorch, or another zip archive, that is {error}") from error
