"""Data sets in memory, and the stream that makes batches of them."""

from dlcourse.data.augmentation import Degrade, FlipRotateCrop
from dlcourse.data.content_and_styles import ContentAndStyles
from dlcourse.data.embedded import Digits, FaceAttributes, Torchvision
from dlcourse.data.faces import Faces
from dlcourse.data.image_classes import ImageClasses
from dlcourse.data.image_folder import ImageFolder
from dlcourse.data.labelled import Labelled
from dlcourse.data.points import Points
from dlcourse.data.points_file import PointsFile
from dlcourse.data.stream import BatchStream
from dlcourse.data.transfer_pictures import Pictures

__all__ = [
    "BatchStream",
    "ContentAndStyles",
    "Degrade",
    "Digits",
    "FaceAttributes",
    "Faces",
    "FlipRotateCrop",
    "ImageClasses",
    "ImageFolder",
    "Labelled",
    "Pictures",
    "Points",
    "PointsFile",
    "Torchvision",
]
