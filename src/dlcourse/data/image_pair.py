"""The two pictures of neural style transfer."""

from collections.abc import Callable

from PIL import Image

from dlcourse.data import demo_pictures
from dlcourse.images import resize, to_tensor
from dlcourse.picture_files import open_picture


class ImagePair:
    """A content and a style picture, each at its own size and aspect ratio.

    Args:
        content, style: path of a picture; None is a built-in one that the project draws itself.
        content_size, style_size: pixels on the longer side, >= 16.

    Attributes:
        content, style: (1, 3, H, W) in [0, 1].

    Raises:
        ValueError: a file that is missing or no picture, or a size below 16.
    """

    def __init__(self, content: str | None, style: str | None, content_size: int, style_size: int):
        for name, size in {"content_size": content_size, "style_size": style_size}.items():
            if size < 16:
                raise ValueError(f"{name} must be at least 16 pixels, got {size}")
        self.content = load("content", content, demo_pictures.content_picture, content_size)
        self.style = load("style", style, demo_pictures.style_picture, style_size)


def load(key: str, path: str | None, draw: Callable[[], Image.Image], size: int):
    """The picture at `path`, or a drawn one, as (1, 3, H, W) in [0, 1] with `size` pixels on the longer side."""
    if path is None:
        picture = draw()
    else:
        try:
            picture = open_picture(path)
        except ValueError as error:
            raise ValueError(f"{key}={error}") from error
    return to_tensor(resize(picture, size))[None]
