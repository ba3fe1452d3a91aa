"""Built-in images and masks for neural style transfer: their names can stand where a path is asked for.

They are drawn by code: nothing to download, no licence to respect, and always the same images.
"""

import functools

import numpy as np
from PIL import Image

from dlcourse.style_transfer.demo_images.brushwork import painting
from dlcourse.style_transfer.demo_images.mosaic import mosaic
from dlcourse.style_transfer.demo_images.seascape import seascape

# Drawing takes about a second each: a process draws an image once, and all callers share it, so never change it.
IMAGES = {
    "seascape": functools.cache(seascape),  # a lighthouse, a village and a sailing boat by the sea: 384 x 288
    "painting": functools.cache(painting),  # suns over fields in thick, swirling brush strokes: 320 x 320
    "mosaic": functools.cache(mosaic),  # warm broken tiles, set in rings: 320 x 320
}


def half(quarter_turns: int) -> Image.Image:
    """A mask that is white on the right half, with a soft edge, turned against the clock: L, 256 x 256."""
    ramp = np.clip((np.arange(256) - 95.5) / 64, 0, 1)
    values = np.rot90(np.broadcast_to(ramp, (256, 256)), quarter_turns)
    return Image.fromarray((255 * values).round().astype(np.uint8))


TURNS = {"left": 2, "right": 0, "top": 1, "bottom": 3}
MASKS = {side: functools.partial(half, turns) for side, turns in TURNS.items()}
