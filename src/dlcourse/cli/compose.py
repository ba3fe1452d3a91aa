"""Compose the config of a command, in this process and without running it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from dlcourse.files.locations import CONFIGS

HIDDEN = ("hydra/", "debug/")  # groups that no experiment chooses among
# Hydra 1.3 warns when version_base is absent, 1.4 when it is given
VERSION_BASE: dict[str, Any] = {"version_base": None} if hydra.__version__ < "1.4" else {}


@dataclass(frozen=True)
class Composed:
    """The config of a command with these overrides."""

    config_name: str
    overrides: list[str]

    @cached_property
    def whole(self) -> DictConfig:
        """The config with Hydra's own part."""
        with initialized():
            return hydra.compose(self.config_name, self.overrides, return_hydra_config=True)

    @cached_property
    def choices(self) -> dict[str, str | None]:
        """The choice of each group, such as optimizer: momentum."""
        found = self.whole.hydra.runtime.choices
        return {str(group): choice for group, choice in found.items() if not group.startswith(HIDDEN)}

    @cached_property
    def config(self) -> DictConfig:
        """The config as commands get it."""
        cfg = self.whole.copy()
        with open_dict(cfg):
            del cfg["hydra"]
        note_choices(cfg, self.choices, self.overrides)
        return cfg

    @cached_property
    def files(self) -> list[tuple[Path, str]]:
        """The files that it is made of, in the order in which they override each other, each with its keys' prefix."""
        with initialized():
            loader = GlobalHydra.instance().config_loader()
            found = loader.compute_defaults_list(self.config_name, self.overrides, RunMode.RUN).defaults
        files = ((CONFIGS / f"{one.config_path}.yaml", f"{one.package}." if one.package else "") for one in found)
        return [(path, prefix) for path, prefix in files if path.exists()]


@contextmanager
def initialized() -> Iterator[None]:
    """Hydra's own state, made anew."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONFIGS), **VERSION_BASE):
        yield


def compose_config(config_name: str, overrides: list[str]) -> DictConfig:
    """The config for a command line with these overrides."""
    return Composed(config_name, overrides).config


def note_choices(cfg: DictConfig, choices: Mapping[str, str | None], overrides: Iterable[str]) -> None:
    """Write the group choices, such as optimizer=momentum, and the overrides into the config, if it has the keys."""
    if "choices" in cfg:
        cfg.overrides = list(overrides)
        named = {group: choice for group, choice in choices.items() if not group.startswith(HIDDEN)}
        OmegaConf.update(cfg, "choices", named, merge=False, force_add=True)
