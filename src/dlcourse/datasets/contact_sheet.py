"""An overview of an image data set: a sheet of some images, and their number in all and per class."""

import torch
from PIL import Image
from torch import Tensor

from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.errors import check_at_least
from dlcourse.images.tables import labelled_grid, under

LARGEST = 128  # pixels per side on the sheet
COLUMNS = 8
CAPTION = 15  # letters that fit beneath an image
FONT = 16


class ContactSheet:
    """A grid of at most `num_shown` >= 1 images, evenly spaced through the set, each with its class or file name."""

    def __init__(self, dataset: ImageFolder, num_shown: int):
        check_at_least(1, num_shown=num_shown)
        self.dataset, self.num_shown = dataset, num_shown

    def summary(self) -> list[str]:
        """How many images there are, in all and of each class, and the path of the cache; errors as in `decoded`."""
        decoded, path = self.dataset.decoded, self.dataset.cache_path
        lines = [f"{len(decoded.names)} images, {len(decoded.skipped)} files skipped"]
        if self.dataset.labels is not None:
            counts = self.dataset.labels.bincount(minlength=self.dataset.num_classes).tolist()
            lines += [f"  {name}: {count}" for name, count in zip(self.dataset.class_names, counts, strict=True)]
        return lines + ([f"{path}.levels"] if path else [])

    def draw(self) -> Image.Image:
        """The sheet: a title, and the images with captions."""
        count = len(self.dataset.levels[0])
        chosen = torch.linspace(0, count - 1, min(self.num_shown, count)).round().long()
        level = next(level for level in self.dataset.levels if level.shape[-1] <= LARGEST)
        grid = labelled_grid(level[chosen].float() / 255, self.captions(chosen), min(COLUMNS, len(chosen)))
        size = self.dataset.resolution
        shown = "all are shown" if len(chosen) == count else f"{len(chosen)} are shown"
        fit = {"crop": "of each the central square", "pad": "each padded to a square"}[self.dataset.fit]
        return under(f"{count} images of {size} x {size} pixels, {fit}; {shown}", grid, FONT)

    def captions(self, chosen: Tensor) -> list[str]:
        """The class of each image, or its name without suffix, shortened in the middle."""
        if self.dataset.labels is not None:
            return [self.dataset.class_names[label][-CAPTION:] for label in self.dataset.labels[chosen].tolist()]
        names = [self.dataset.decoded.names[index] for index in chosen.tolist()]
        return [shortened(name.rpartition("/")[2].rpartition(".")[0]) for name in names]


def shortened(name: str) -> str:
    """Both ends of a name that is too long."""
    end = (CAPTION - 3) // 2
    return name if len(name) <= CAPTION else f"{name[:end]}...{name[-end:]}"
