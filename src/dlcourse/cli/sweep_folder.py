"""The resolver ${new_folder:PATH} of configs/train.yaml: every sweep gets a folder of its own."""

import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from dlcourse.engine import run_lock
from dlcourse.errors import UserError


class SweepFolder:
    """Creates the folder of a sweep when Hydra first asks for it, and keeps its path; None before."""

    path: Path | None = None

    def __call__(self, path: str) -> str:
        """Create the folder as `run_lock.claim` does; all runs of a sweep get the one that was created for the first.

        ValueError within a run: a config that is read there, perhaps a stranger's, creates nothing.
        """
        if HydraConfig.initialized() and not OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
            raise ValueError("new_folder is for hydra.sweep.dir alone")
        try:
            self.path = run_lock.claim(Path(path))
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}; hydra.sweep.dir=FOLDER is another one") from error
        return str(self.path)

    def closing_lines(self) -> list[str]:
        """What to print after the sweep."""
        if self.path is None:
            return []
        return [f"next: dlcourse {command} {shlex.quote(str(self.path))}" for command in ("compare", "sheet")]


def registered() -> SweepFolder:
    """Make the resolver known to OmegaConf."""
    folder = SweepFolder()
    OmegaConf.register_new_resolver("new_folder", folder, use_cache=True, replace=True)
    return folder
