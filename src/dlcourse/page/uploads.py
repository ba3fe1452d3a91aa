"""Images that the page was given: read by the project's own reader, kept as PNG files under new names."""

import base64
import io
import re
import threading
from pathlib import Path

from PIL import Image

from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.images.files import decode, save_new_image
from dlcourse.images.srgb import to_rgb
from dlcourse.images.tensors import resize

MOST = 1000  # uploads of one server
LARGEST = 4096  # pixels on the longer side; larger images are made smaller
SHOWN = 320  # pixels on the longer side of what the page shows


class Uploads:
    """The images of one server, numbered from 0. Requests name them by number, never by a path."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.paths: list[Path] = []
        self.lock = threading.Lock()

    def add(self, name: str, content: bytes) -> dict[str, object]:
        """Keep an image file; UserError for another or a damaged one."""
        with self.lock:  # requests are answered in threads, and a large image needs much memory
            try:
                image = to_rgb(decode(io.BytesIO(content)), keep_alpha=True)
            except ValueError as error:
                raise UserError(f"{shown_name(name)}: {error}") from error
            return self.keep(image, shown_name(name))

    def keep(self, image: Image.Image, name: str) -> dict[str, object]:
        """Write an image into the folder; return its number, its file's name, and how the page shows it."""
        if max(image.size) > LARGEST:
            image = resize(image, LARGEST)
        stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:40].strip("_") or "image"
        if len(self.paths) == MOST:
            raise UserError(f"more than {MOST} images: start the page anew")
        path = save_new_image(image, outputs.unused(self.folder / f"{stem}.png"))
        self.paths.append(path)
        about = {"upload": len(self.paths) - 1, "file": path.name, "name": name, "size": [*image.size]}
        return about | {"image": data_url(thumbnail(image))}

    def path(self, number: int) -> str:
        """The file of an upload."""
        if not 0 <= number < len(self.paths):
            raise UserError(f"there is no upload {number}")
        return str(self.paths[number])


def shown_name(name: str) -> str:
    """The last part of a file's name, without anything that a terminal or a page could take for more than text."""
    return re.sub(r"[^\w .()-]", "_", name.replace("\\", "/").rpartition("/")[2])[:60] or "image"


def thumbnail(image: Image.Image, longest: int = SHOWN) -> Image.Image:
    return resize(image, longest) if max(image.size) > longest else image


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """An image as a PNG, quickly written, or as a JPEG."""
    buffer = io.BytesIO()
    options = {"compress_level": 1} if kind == "PNG" else {"quality": 92, "subsampling": 0}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def data_url(image: Image.Image, kind: str = "PNG") -> str:
    return f"data:image/{kind.lower()};base64,{base64.b64encode(encoded(image, kind)).decode()}"
