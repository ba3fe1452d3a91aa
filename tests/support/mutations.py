"""Damage to files, by a seeded generator: random, and such that checksums stay right."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
WORDS = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 5000, b"[" * 3000, b'{"a":' * 2000, b"\0", b"\xff\xfe", b"../../evil",
    b"/etc/passwd", b"os\nsystem\n", b"null", b"&a [*a, *a]", b"${oc.env:HOME}", b"\r\n", b",", b'"', b"R", b"b",
    b"\x85", b"_target_", b"true",
)  # fmt: skip


def flip_bits(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def drop(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    del content[start : start + random.choice((1, 2, 4, 100, 5000))]


def repeat(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    piece = content[start : start + random.choice((1, 4, 30, 300))]
    content[start:start] = piece * random.choice((1, 2, 50))


def put_length(content: bytearray, random: Random) -> None:
    """An extreme number where a length may stand."""
    width, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    value = random.choice((*EDGES, len(content), random.getrandbits(64)))
    start = random.randrange(len(content))
    content[start : start + width] = (value % 2 ** (8 * width)).to_bytes(width, order)


def put_word(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    content[start : start + random.choice((0, 4))] = random.choice(WORDS)


def change_number(content: bytearray, random: Random) -> None:
    """Another decimal number in the place of one."""
    found = list(re.finditer(rb"\d+", content))
    if found:
        one = random.choice(found)
        content[slice(*one.span())] = random.choice((b"0", b"-3", b"1e9", b"99999999999999999999", b"0.5", b"'x'"))


def swap(content: bytearray, random: Random) -> None:
    first, second, size = random.randrange(len(content)), random.randrange(len(content)), random.choice((1, 8, 200))
    one, other = content[first : first + size], content[second : second + size]
    content[first : first + len(other)] = other
    content[second : second + len(one)] = one


PLAIN: tuple[Callable[[bytearray, Random], None], ...] = (
    flip_bits, flip_bits, cut, drop, repeat, put_length, put_length, put_word, change_number, swap,
)  # fmt: skip


def damaged(content: bytes, other: bytes, random: Random) -> bytes:
    """One to three kinds of damage; now and then, the end of another file instead."""
    changed = bytearray(content)
    if random.random() < 0.08:
        return bytes(changed[: random.randrange(len(changed) + 1)]) + other[random.randrange(len(other) + 1) :]
    for _ in range(random.choice((1, 1, 2, 3))):
        if changed:
            random.choice(PLAIN)(changed, random)
    return bytes(changed)


def damaged_inside(content: bytes, other: bytes, random: Random) -> bytes:
    """Damage to what lies in a zip archive or a PNG, whose checksums are made right again."""
    inside = {b"PK\x03\x04": inside_archive, b"\x89PNG": inside_png}.get(content[:4], damaged)
    return inside(content, other, random)


def inside_archive(content: bytes, other: bytes, random: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    programs = [index for index, (info, _) in enumerate(entries) if info.filename.endswith((".pkl", ".json"))]
    chosen = random.choice(programs) if programs and random.random() < 0.8 else random.randrange(len(entries))
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for index, (info, data) in enumerate(entries):
            new = damaged(data, other, random) if index == chosen and data else data
            name = random.choice(("../x", info.filename * 2, "/a")) if random.random() < 0.003 else info.filename
            archive.writestr(zipfile.ZipInfo(name), new, info.compress_type)
    return result.getvalue()


def inside_png(content: bytes, other: bytes, random: Random) -> bytes:
    chunks, place = [], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append([content[place + 4 : place + 8], content[place + 8 : place + 8 + length]])
        place += 12 + length
    one = random.choice(chunks)
    one[1] = damaged(one[1], other, random) if one[1] else b"\0" * random.randrange(40)
    if random.random() < 0.2:
        chunks.insert(random.randrange(len(chunks)), random.choice(chunks))
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return content[:8] + b"".join(parts)
