"""Fetch the paintings that checkpoints/adain_decoder.pt was trained on: by Hokusai, van Gogh, Renoir and others.

    python checkpoints/fetch_paintings.py FOLDER

Debian's package gcompris-qt-data holds them as jigsaw puzzles, which are put together here. FOLDER, a new one, then has
each of them whole, about 700 x 500 pixels, and in squares of 256.
"""

import argparse
import hashlib
import io
import re
import struct
import sys
import tarfile
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from dlcourse.images.tensors import to_pil_image
from dlcourse.style_transfer.training_images import squares

URL = "http://deb.debian.org/debian/pool/main/g/gcompris-qt/gcompris-qt-data_3.1-2_all.deb"
SHA256 = "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f"
MEMBER = "./usr/share/gcompris-qt/rcc/paintings.rcc"
SIZE = re.compile(r'"width"\s*:\s*(\d+),\s*"height"\s*:\s*(\d+)')
PIECE = re.compile(r'"image/(\S+\.webp)",\s*"x"\s*:\s*"([\d.]+)",\s*"y"\s*:\s*"([\d.]+)"')  # its centre, of the size


def download() -> bytes:
    """The file of Qt resources in the package; ends with a message if it cannot be had or is another one."""
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer:
            package = answer.read()
    except OSError as error:
        sys.exit(f"error: {URL}: {error}")
    found = hashlib.sha256(package).hexdigest()
    if found != SHA256:
        sys.exit(f"error: {URL} has the SHA-256 {found}, not {SHA256}")
    start = package.index(b"data.tar.xz") + 60  # members of an ar archive have headers of 60 bytes
    with tarfile.open(fileobj=io.BytesIO(package[start:]), mode="r:xz") as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        return member.read()


def resources(content: bytes, node: int = 0) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file below a node of the tree in Qt's resource file."""
    _, _, tree, data, names = struct.unpack(">4sIIII", content[:20])
    name_at, flags, first, second = struct.unpack(">IHII", content[tree + 22 * node :][:14])
    if flags & 2:  # a folder: the number of its nodes, and the first of them
        for child in range(second, second + first):
            yield from resources(content, child)
    else:
        (length,) = struct.unpack(">H", content[names + name_at :][:2])
        name = content[names + name_at + 6 :][: 2 * length].decode("utf-16-be")
        (size,) = struct.unpack(">I", content[data + second :][:4])
        stored = content[data + second + 4 :][:size]
        yield name, zlib.decompress(stored[4:]) if flags & 1 else stored


def paintings(files: dict[str, bytes]) -> Iterator[tuple[str, Image.Image]]:
    """Name and image of each puzzle; its description says where the pieces' centres are."""
    for board in (text.decode() for name, text in files.items() if re.fullmatch(r"board\d+_0\.qml", name)):
        size, pieces = SIZE.search(board), PIECE.findall(board)
        assert size
        width, height = map(int, size.groups())
        image = Image.new("RGBA", (width, height))
        for name, x, y in pieces:
            piece = Image.open(io.BytesIO(files[name])).convert("RGBA")
            corner = (round(float(x) * width - piece.width / 2), round(float(y) * height - piece.height / 2))
            image.alpha_composite(piece, (max(0, corner[0]), max(0, corner[1])))
        yield re.split(r"_?[a-z]?\d", pieces[0][0])[0], image.crop(image.getbbox()).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if folder.exists():
        sys.exit(f"error: {folder}: is there already; choose another name")
    found = list(paintings(dict(resources(download()))))
    folder.mkdir(parents=True)
    for name, image in found:
        image.save(folder / f"{name}.png")
        for index, square in enumerate(squares(image)):
            to_pil_image(square / 255).save(folder / f"{name}_{index:02}.png")


if __name__ == "__main__":
    main()
