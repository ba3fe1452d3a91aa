"""Data sets in memory, and the stream that makes batches of them."""

from dlcourse.data.faces import Faces
from dlcourse.data.image_folder import ImageFolder
from dlcourse.data.image_pair import ImagePair
from dlcourse.data.points import ColoredPoints
from dlcourse.data.stream import BatchStream

__all__ = ["BatchStream", "ColoredPoints", "Faces", "ImageFolder", "ImagePair"]
