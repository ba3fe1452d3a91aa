"""What projections have found: the runs of experiment=projection, of this page or of the command line."""

import json
import math
import os
import re
from itertools import islice
from pathlib import Path

import yaml

from dlcourse.engine.run_folder import all_of, runs_below, said_by_config, task_of
from dlcourse.errors import UserError
from dlcourse.files.bounded import open_file
from dlcourse.files.locations import STYLEGAN_FACES

CHECKPOINT = re.compile(rb"^checkpoint: (.+)$", re.MULTILINE)
PLAIN = re.compile(r"[\w][\w=+@.' -]{0,119}(?<!\.pt)")
MOST_LISTED = 50
MOST_PATH = 1000  # letters
MOST_ROW = 2**14  # bytes of a row of metrics


class Latents:
    """The projections in a folder of runs, by their names. Requests name them; only runs that are there are opened."""

    def __init__(self, folder: Path):
        self.folder = folder

    def found(self) -> dict[str, Path]:
        """Name -> run, the newest first; links, odd names, and runs without a checkpoint yet, are left out."""
        runs = [run for run in reversed(runs_below(self.folder)) if run.parent == self.folder and not run.is_symlink()]
        named = [run for run in runs if PLAIN.fullmatch(run.name)]  # which a command can name
        return {run.name: run for run in named if task_of(run) == "Projection" and all_of(run)}

    def of_network(self, network: Path) -> dict[str, float | None]:
        """Those that were found with a network, the newest first, each with its PSNR in dB, if that is known."""
        mine = ((name, psnr_of(run)) for name, run in self.found().items() if is_of(run, network))
        return dict(islice(mine, MOST_LISTED))

    def path(self, name: str, network: Path) -> Path:
        """The run of a latent; UserError if it is not there or was found with another network."""
        run = self.found().get(name)
        if run is None:
            raise UserError(f"latent: there is no projection called {name!r} in {self.folder}")
        if not is_of(run, network):
            raise UserError(f"latent: {name} was found with another network, {network_of(run) or 'which is unknown'}")
        return run


def is_of(run: Path, network: Path) -> bool:
    """Whether a projection is of this network."""
    own = network_of(run)
    return own is not None and own.resolve() == network.resolve()


def psnr_of(run: Path) -> float | None:
    """The PSNR that a projection logged last; None if there is none."""
    try:
        with open_file(run / "metrics.jsonl") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_ROW))
            row = json.loads(file.read(MOST_ROW).splitlines()[-1])
        value = row.get("result/psnr", row["train/psnr"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def network_of(run: Path) -> Path | None:
    """The network of a projection; None if its config does not say."""
    try:
        said = yaml.safe_load(said_by_config(run, CHECKPOINT)[:MOST_PATH] or "[]")
        network = STYLEGAN_FACES if said is None else Path(said)
        network.resolve()
        return network
    except Exception:  # the file may hold anything
        return None
