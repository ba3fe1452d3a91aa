"""Which folder a run gets, and its name."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dlcourse.cli import command_line, path_overrides, run_folders
from dlcourse.engine import run_lock
from dlcourse.files.terminal import printable

TIME = "%Y-%m-%d_%H-%M-%S"  # in the names of folders
LONGEST = 80  # bytes of the overrides in the name of a folder
# keys that the name of a folder does not repeat
UNNAMED = {"experiment", "run_dir", "resume", "device", "output", "strip"}


@contextlib.contextmanager
def run_dir_of(cfg: DictConfig) -> Iterator[Path]:
    """The run's folder, as the user or a sweep says, or a new one, runs/<experiment>/<time>_<overrides>.

    A new one is created, and removed after the block if it is empty.
    """
    if given := given_dir(cfg):
        yield given
        return
    wanted = Path("runs", HydraConfig.get().runtime.choices["experiment"], name_of(command_line.overrides()))
    with contextlib.ExitStack() as stack:
        try:
            run_dir = stack.enter_context(run_lock.new_folder(wanted))
        except OSError as error:
            raise run_folders.cannot_write(error, wanted) from error
        yield run_dir


def name_of(overrides: Iterable[str]) -> str:
    """The time and what was typed, as the name of a folder that needs no quotes in a shell."""
    name = ""
    for word in filter(None, map(in_name, overrides)):
        longer = f"{name},{word}" if name else word
        if len(longer.encode()) <= LONGEST:
            name = longer
    return "_".join(filter(None, [datetime.now().strftime(TIME), name]))


def in_name(override: str) -> str:
    """An override as a part of a folder's name: of a path the last part, of other values letters, digits and .,+@-."""
    key, _, value = override.lstrip("+~").partition("=")
    if key in UNNAMED or key.startswith("hydra"):
        return ""
    if key in path_overrides.PATHS:
        value = re.sub(r"""[^,"'\[]*/(?=[^/"'\],])""", "", value)  # in a list, of each
    plain = re.sub(r"""["'\\\[\]{}()]""", "", f"{key}={value}")
    return re.sub(r"[^\w.,=+@-]+", "_", plain).strip("_")


def given_dir(cfg: DictConfig) -> Path | None:
    """`resume`, `run_dir`, or a job's folder in a sweep; None for a single run without any of these."""
    if cfg.resume is not None:
        run_folders.check_is_run(Path(cfg.resume))
        return Path(cfg.resume)
    if cfg.run_dir is not None:
        run_folders.check_name(f"run_dir={cfg.run_dir}", Path(cfg.run_dir))
        return Path(cfg.run_dir)
    if command_line.is_sweep():
        hydra_config = HydraConfig.get()
        typed = re.sub("[\"'\\\\]", "", hydra_config.job.override_dirname)  # without quotes and escapes for Hydra
        name = printable(typed.replace("/", "_")) or "defaults"
        short = name.encode()[:120].decode(errors="ignore")  # file systems count bytes
        return Path(hydra_config.sweep.dir, f"{hydra_config.job.num}_{short}")
    return None
