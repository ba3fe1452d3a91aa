"""Checkpoints that take as much memory as a file of their length can."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20


def tensor(mib: int, is_legacy: bool = False) -> Callable[[Path], object]:
    """What writes a checkpoint of one tensor."""
    content = {"step": 1, "config": {}, "state": {"generator_ema": {"a": torch.zeros(mib * MIB // 4)}}}
    return lambda path: torch.save(content, path, _use_new_zipfile_serialization=not is_legacy)


def program(instructions: bytes) -> Callable[[Path], object]:
    """What writes a checkpoint whose program is this, and a list around it."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02](" + instructions + b"e.")
            archive.writestr("a/byteorder", b"little")

    return write


def many_files(count: int) -> bytes:
    """An archive whose list has so many files, and no data."""
    listed = (struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a") * count
    return b"PK\3\4" + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(listed), 4, 0)


def shared_arrays(mib: int, count: int) -> bytes:
    """A network pickle of up to 26 variables, all of the same bytes."""
    dtype = b"cnumpy\ndtype\n\x8c\x02f4\x85R\x940"
    data = b"B" + struct.pack("<I", mib * MIB) + bytes(mib * MIB) + b"\x940"
    shape = b"J" + struct.pack("<i", mib * MIB // 4) + b"\x85"
    array = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + shape + b"h\x00\x89h\x01tb"
    variables = b"](" + b"".join(b"\x8c\x01" + bytes([97 + index]) + array + b"\x86" for index in range(count)) + b"e"
    network = b"cdnnlib.tflib.network\nNetwork\n)\x81}\x8c\x09variables" + variables + b"sb"
    return b"\x80\x04" + dtype + data + network + b"."
