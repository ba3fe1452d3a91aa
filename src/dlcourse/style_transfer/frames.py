"""The images in a folder of a video's frames."""

from pathlib import Path

from dlcourse.datasets.sources import is_system_file, leaves_folder
from dlcourse.files.missing import nothing_at
from dlcourse.images.files import SUFFIXES, natural_order
from dlcourse.images.video_files import SUFFIXES as VIDEOS
from dlcourse.images.video_files import is_video, open_video


def check_frames(source: Path) -> None:
    """Raise ValueError, "frames=PATH: reason", unless there is a folder of images, or a video; none is decoded."""
    if source.is_dir() or not is_video(source):
        frames_in(source)
        return
    try:
        with open_video(source):
            pass
    except ValueError as error:
        raise ValueError(f"frames={error}") from error


def frames_in(folder: Path) -> list[Path]:
    """The images in a folder, 2.png before 10.png; no hidden files, system files or links that leave the folder."""
    if folder.is_file():
        raise ValueError(f"frames={folder}: must be a folder of images, or a video ({', '.join(VIDEOS)})")
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
