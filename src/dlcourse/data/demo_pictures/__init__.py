"""A content and a style picture for neural style transfer.

They are drawn by code: nothing to download, no licence to respect, and always the same pictures.
"""

from PIL import Image

from dlcourse.data.demo_pictures.brushwork import painting
from dlcourse.data.demo_pictures.seascape import seascape


def content_picture() -> Image.Image:
    """A lighthouse, a village and a sailing boat by the sea: RGB, 384 wide, 288 high."""
    return seascape()


def style_picture() -> Image.Image:
    """Suns over fields in thick, swirling brush strokes: RGB, 320 x 320."""
    return painting()
