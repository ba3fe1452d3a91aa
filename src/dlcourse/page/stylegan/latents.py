"""What projections have found: NAME.pt in a folder, which outlives the server, and NAME.json, which says of what."""

import json
import re
from itertools import islice
from pathlib import Path

from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file

PLAIN = re.compile(r"[\w-]{1,80}")
MOST_ABOUT = 2**14  # bytes of NAME.json
MOST_LISTED = 50


class Latents:
    """The latents in a folder, by their names. Requests name them; only names that are in the folder are opened."""

    def __init__(self, folder: Path):
        self.folder = folder

    def found(self) -> dict[str, Path]:
        """Name -> file, the newest first; files that are links or have odd names are left out."""
        entries = self.folder.glob("*.pt") if self.folder.is_dir() else ()
        files = [path for path in entries if PLAIN.fullmatch(path.stem) and path.is_file() and not path.is_symlink()]
        return {path.stem: path for path in sorted(files, key=changed, reverse=True)}

    def names(self, network: str) -> list[str]:
        """Those that a network can draw, the newest first; a file that nothing is known of is offered to all."""
        mine = (name for name, path in self.found().items() if network_of(path) in (network, None))
        return list(islice(mine, MOST_LISTED))

    def path(self, name: str, network: str) -> Path:
        """The file of a latent; UserError if it is not there or was found with another network."""
        path = self.found().get(name)
        if path is None:
            raise UserError(f"latent: there is no projection called {name!r} in {self.folder}")
        if (own := network_of(path)) not in (network, None):
            raise UserError(f"latent: {name} was found with another network, {own}")
        return path

    def tell(self, path: Path, network: str) -> None:
        """Write down which network a new file is of."""
        path.with_suffix(".json").write_text(json.dumps({"network": network}), encoding="utf-8")


def network_of(path: Path) -> str | None:
    """What NAME.json says; None if it is missing or damaged."""
    try:
        with open_file(path.with_suffix(".json")) as file:
            network = json.loads(file.read(MOST_ABOUT))["network"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return network if isinstance(network, str) else None


def changed(path: Path) -> float:
    """When a file was written; 0 if it has just been removed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
