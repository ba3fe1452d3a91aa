"""Whether a result can be written where it is wanted: looked at before the work, so that nothing is lost at its end."""

import itertools
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from dlcourse.errors import UserError

ROOM = 16  # bytes of a file's name for those of temporary files: see atomic.atomic_write


def check_file(path: Path, given: str, suffixes: Collection[str] = ()) -> None:
    """Raise UserError unless a file can be written to `path`, whose folder need not exist; nothing is left behind.

    Args:
        path: where to.
        given: what the user wrote, such as "output=a.png"; it opens the message.
        suffixes: in small letters, of which the name must have one; none: any name will do.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        raise UserError(f"{given}: must end in one of {', '.join(suffixes)}")
    check_folder(path.parent, given, path.name)
    if path.is_dir():
        raise UserError(f"{given}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise UserError(f"{given}: is there already and no regular file; give another name")


def check_folder(folder: Path, given: str, *names: str) -> None:
    """Raise UserError unless `folder` is one, or can be made, and files can be written in it; nothing is left behind.

    Args:
        folder: where to.
        given: as in `check_file`.
        names: of files that will be written there.
    """
    places = [folder, *folder.parents]
    there = next(place for place in places if os.path.lexists(place))
    names += tuple(place.name for place in places[: places.index(there)])
    if not there.is_dir():
        raise UserError(f"{given}: cannot be written ({there} is a file, not a folder)")
    try:
        longest = os.pathconf(there, "PC_NAME_MAX") - ROOM
        with tempfile.TemporaryFile(dir=there):  # has no name on most file systems
            pass
    except OSError as error:
        raise UserError(f"{given}: cannot be written ({there}: {error.strerror})") from error
    for name in names:
        if len(os.fsencode(name)) > longest:
            raise UserError(f"{given}: cannot be written (a name of more than {longest} bytes; choose a shorter one)")


def unused(path: Path) -> Path:
    """`path`, or with _2, _3, ... before its suffix where something of that name is there already, of any suffix."""
    taken = {entry.name for entry in path.parent.iterdir()} if path.parent.is_dir() else set()
    taken |= {Path(name).stem for name in taken}
    names = itertools.chain([path.stem], (f"{path.stem}_{number}" for number in itertools.count(2)))
    return path.with_name(next(name for name in names if name not in taken) + path.suffix)
