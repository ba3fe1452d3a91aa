"""The resolver ${new_folder:PATH} of configs/train.yaml: every sweep gets a folder of its own."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from dlcourse.engine import run_lock


def new_folder(path: str) -> str:
    """Create the folder as `run_lock.claim` does; all runs of a sweep get the one that was created for the first.

    ValueError within a run: a config that is read there, perhaps a stranger's, creates nothing.
    """
    if HydraConfig.initialized() and not OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        raise ValueError("new_folder is for hydra.sweep.dir alone")
    return str(run_lock.claim(Path(path)))


def register() -> None:
    """Make the resolver known to OmegaConf."""
    OmegaConf.register_new_resolver("new_folder", new_folder, use_cache=True, replace=True)
