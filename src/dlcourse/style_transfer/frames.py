"""The images in a folder of a video's frames."""

import shlex
from pathlib import Path

from dlcourse.datasets.sources import is_system_file, leaves_folder
from dlcourse.files.missing import nothing_at
from dlcourse.images.files import SUFFIXES, natural_order


def frames_in(folder: Path) -> list[Path]:
    """The images in a folder, 2.png before 10.png; no hidden files, system files or links that leave the folder."""
    if folder.is_file():
        film = shlex.quote(str(folder))
        raise ValueError(f"frames={folder}: is a file, not a folder; ffmpeg -i {film} FOLDER/%05d.png takes it apart")
    if not folder.is_dir():
        raise ValueError(f"frames={folder}: {nothing_at(folder, 'no such folder')}")
    if images := images_of(folder):
        return images
    raise ValueError(f"frames={folder}: no images in it ({', '.join(sorted(SUFFIXES))})")


def images_of(folder: Path) -> list[Path]:
    """The images in a folder, perhaps none, as in `frames_in`."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and not is_system_file(path.name)]
    images = [path for path in found if path.suffix.lower() in SUFFIXES and not leaves_folder(path, folder)]
    return sorted(images, key=lambda path: natural_order(Path(path.name)))
