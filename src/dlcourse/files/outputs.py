"""Check before the work starts that its result can be written, so that it is not lost at the end."""

import itertools
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from dlcourse.errors import UserError
from dlcourse.files.missing import nothing_at

ROOM = 16  # bytes that atomic_write adds to the name for its temporary file


def check_file(path: Path, given: str, suffixes: Collection[str] = ()) -> None:
    """Raise UserError unless a file can be written to `path`, whose folder need not exist; nothing is created.

    The message begins with `given`, what the user typed, such as "output=a.png". Without `suffixes`, any is allowed.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        raise UserError(f"{given}: must end in one of {', '.join(suffixes)}")
    check_folder(path.parent, given, path.name)
    if path.is_dir():
        raise UserError(f"{given}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise UserError(f"{given}: is there already and no regular file; give another name")


def check_new_file(path: Path) -> None:
    """Raise UserError if `path` is there already, if its folder is not, or if nothing can be written there."""
    if path.exists():
        raise UserError(f"{path} exists already; choose another name or remove it")
    if not path.parent.is_dir():
        raise UserError(nothing_at(path.parent, f"{path.parent}: no such folder"))
    check_file(path, str(path))


# --- the content of a file, whose kind its first bytes tell, not its name ---


def check_folder(folder: Path, given: str, *names: str) -> None:
    """Raise UserError unless files called `names` can be written in `folder`, which need not exist."""
    places = [folder, *folder.parents]
    there = next(place for place in places if os.path.lexists(place))
    names += tuple(place.name for place in places[: places.index(there)])
    if not there.is_dir():
        raise UserError(f"{given}: cannot be written ({there} is a file, not a folder)")
    try:
        longest = os.pathconf(there, "PC_NAME_MAX") - ROOM
        with tempfile.TemporaryFile(dir=there):  # on most file systems without a name
            pass
    except OSError as error:
        raise UserError(f"{given}: cannot be written ({there}: {error.strerror})") from error
    for name in names:
        if len(os.fsencode(name)) > longest:
            raise UserError(f"{given}: cannot be written (a name of more than {longest} bytes; choose a shorter one)")


def unused(path: Path) -> Path:
    """`path`, or with _2, _3, ... before its suffix if that name exists already, with any suffix."""
    taken = {entry.name for entry in path.parent.iterdir()} if path.parent.is_dir() else set()
    taken |= {Path(name).stem for name in taken}
    return next(one for one in with_numbers(path) if one.stem not in taken)


def with_numbers(path: Path) -> Iterator[Path]:
    """a.png, a_2.png, a_3.png, ..."""
    yield path
    yield from (path.with_name(f"{path.stem}_{number}{path.suffix}") for number in itertools.count(2))
