"""Keys on the command line that nothing in the composed config reads are refused, instead of having no effect."""

import re
from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlcourse.errors import UserError

REFERENCE = re.compile(r"\$\{(\w+)")  # ${dataset.resolution} reads dataset
STYLE = ("style transfer", "experiment=style_transfer_offline")
GAN = ("StyleGAN", "experiment=stylegan_faces_tiny")
# What a key is for, and what would read it
OWNERS = {
    "content": STYLE,
    "style": STYLE,
    "objective": STYLE,
    "loss": GAN,
    "augment": GAN,
    "evaluation": GAN,
    "target": ("projection", "sampler=project"),
}


def refuse_unread(cfg: DictConfig, overrides: Iterable[str], reads: Iterable[str]) -> None:
    """Raise UserError for an override of a top-level key that the command does not read, whatever it refers to.

    Args:
        cfg: the composed config.
        overrides: of the command line, in Hydra's grammar.
        reads: the keys that the command itself reads.
    """
    config: Any = OmegaConf.to_container(cfg)
    reached = reached_from(config, reads)
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        name = re.split(r"[.@]", key)[0]
        if config.get(name) is not None and name not in reached:
            what, cure = OWNERS.get(name, (None, None))
            hint = f"it is for {what}, as in {cure}" if what else "leave it out"
            raise UserError(f"{override.lstrip('+')}: {name} plays no part here; {hint}")


def reached_from(config: dict[str, Any], names: Iterable[str]) -> set[str]:
    """The top-level keys among `names`, and those that they refer to with ${...}, at first or second hand."""
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(REFERENCE.findall(str(config.get(name)))) - reached
    return reached
