"""Checks the directories of a TIFF before it is decoded, because a small file may need much memory.

Compressed pixels are unpacked a strip or a tile at a time, and a tile may have any size, however small the image;
numbers in lists become Python objects of some forty bytes each.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from PIL.Image import DecompressionBombError

HEADS = (b"II*\0", b"II\0*", b"II+\0", b"MM\0*", b"MM*\0", b"MM\0+")  # those that Pillow reads; two are invalid
MAX_NUMBERS = 2**20  # in all lists together: the offsets and lengths of half a million tiles
MAX_TAGS = 2**12  # in all directories together
BYTES = {1, 2, 7}  # types whose values stay bytes: BYTE, ASCII, UNDEFINED
INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # type -> its struct format
DIRECTORIES = {34665, 34853, 40965}  # tags that hold the offset of another directory: Exif, GPS, interoperability
WIDTH, LENGTH, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH = 256, 257, 277, 278, 322, 323


def piece_bytes(file: BinaryIO) -> int:
    """Bytes of the largest strip or tile, unpacked, of a TIFF's first image; 0 for other files.

    DecompressionBombError for too many tags, or too many numbers in them.
    """
    file.seek(0)
    head = file.read(16)
    if head[:4] not in HEADS or len(head) < 16:
        return 0
    found = first_directory(file, {b"II": "<", b"MM": ">"}[head[:2]], is_big=head[2] == 43)  # as Pillow reads it
    width, rows = found.get(WIDTH, 0), min(found.get(LENGTH, 0), found.get(ROWS_PER_STRIP, 2**32))
    if TILE_WIDTH in found:
        width, rows = found[TILE_WIDTH], found.get(TILE_LENGTH, 0)
    return width * rows * max(4, 2 * found.get(SAMPLES_PER_PIXEL, 1))  # at most 16 bits a sample, or 32 for one


def first_directory(file: BinaryIO, order: str, is_big: bool) -> dict[int, int]:
    """Tag -> value, in the first directory; the tags of the others are only counted."""
    word = order + ("Q" if is_big else "I")
    file.seek(8 if is_big else 4)
    waiting = [struct.unpack(word, file.read(struct.calcsize(word)))[0]]
    first: dict[int, int] = {}
    tags = numbers = 0
    for place in waiting:  # grows within the loop
        file.seek(place)
        for tag, kind, count, value in entries(file, order, is_big):
            tags, numbers = tags + 1, numbers + (0 if kind in BYTES else count)
            if tags > MAX_TAGS or numbers > MAX_NUMBERS:
                raise DecompressionBombError(f"more than {MAX_TAGS} tags, or more than {MAX_NUMBERS} numbers in them")
            number = struct.unpack_from(order + INTEGERS.get(kind, "I"), value)[0]
            if place == waiting[0]:
                first[tag] = max(number, first.get(tag, 0))
            if tag in DIRECTORIES and number < 2**63:
                waiting.append(number)
    return first


def entries(file: BinaryIO, order: str, is_big: bool) -> Iterator[tuple[int, int, int, bytes]]:
    """The entries (tag, type, count, value) of the directory at the file's position, as far as the file has them."""
    count, entry = (f"{order}Q", f"{order}HHQ8s") if is_big else (f"{order}H", f"{order}HHI4s")
    length = struct.calcsize(count)
    start = file.read(length)
    for _ in range(struct.unpack(count, start)[0] if len(start) == length else 0):
        content = file.read(struct.calcsize(entry))
        if len(content) < struct.calcsize(entry):
            return
        yield struct.unpack(entry, content)
