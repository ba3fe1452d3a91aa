"""Refuse keys on the command line that nothing in the composed config reads, instead of ignoring them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlcourse.errors import UserError

REFERENCE = re.compile(r"\$\{(\w+)")  # ${dataset.resolution} reads dataset
STYLE = ("style transfer", "experiment=style_transfer_offline")
GAN = ("StyleGAN", "experiment=stylegan_faces_tiny")
# What a key that only some configs have is for, and what would read it
OWNERS = {
    "content": STYLE,
    "style": STYLE,
    "objective": STYLE,
    "loss": GAN,
    "augment": GAN,
    "evaluation": GAN,
    "init_from": GAN,
    "target": ("projection", "sampler=project"),
}


def check_read(cfg: DictConfig, overrides: Iterable[str], reads: Iterable[str]) -> None:
    """Raise UserError for an override of a top-level key that the command does not read, whatever it refers to.

    Args:
        cfg: the composed config.
        overrides: of the command line, in Hydra's grammar.
        reads: the keys that the command itself reads.
    """
    config: Any = OmegaConf.to_container(cfg)
    reached = reached_from(config, reads)
    for override in overrides:
        name = top_level_name(override)
        if config.get(name) is not None and name not in reached:
            raise UserError(no_part(name, [override]))


def no_part(name: str, overrides: Iterable[str]) -> str:
    """The message for a top-level key or group that the command has no use for.

    Args:
        name: of the key.
        overrides: of the command line; the message begins with the one of this key.
    """
    typed = next((word.lstrip("+") for word in overrides if top_level_name(word) == name), name)
    what, cure = OWNERS.get(name, (None, None))
    hint = f"it is for {what}, as in {cure}" if what else "leave it out"
    return f"{typed}: {name} plays no part here; {hint}"


def top_level_name(override: str) -> str:
    """The top-level key, or group, of key.of.a.node=value."""
    return re.split(r"[.@=]", override.lstrip("+~"))[0]


def reached_from(config: dict[str, Any], names: Iterable[str]) -> set[str]:
    """The top-level keys among `names`, and those that they refer to with ${...}, at first or second hand."""
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(REFERENCE.findall(str(config.get(name)))) - reached
    return reached


def check_same_networks(weights: Path, cfg: DictConfig, theirs: dict[str, Any], overrides: Iterable[str]) -> None:
    """Raise UserError for an override of a `model` whose networks a checkpoint replaces, unless it says the same.

    Args:
        weights: the checkpoint, as it was typed.
        cfg: the composed config.
        theirs: name of a network in the checkpoint -> its node.
        overrides: of the command line, in Hydra's grammar.
    """
    model: Any = OmegaConf.to_container(cfg.model)
    kept = str([node for name, node in model.items() if name not in theirs])  # with references, as ${model.z_dim}
    last = {override.partition("=")[0].lstrip("+~"): override for override in overrides}  # of a key typed twice
    for key, override in last.items():
        group, _, rest = key.partition(".")
        name, _, inner = rest.partition(".")
        if group != "model" or f"${{{key}}}" in kept or (inner and name not in theirs):
            continue
        replaced = [theirs[name]] if inner else list(theirs.values())
        found = [node[inner or name] for node in replaced if (inner or name) in node]
        if not found or any(value != OmegaConf.select(cfg, key) for value in found):
            raise UserError(
                f"{override.lstrip('+')}: plays no part with init_from={weights}, whose networks stay as they are; "
                f"leave out {key}"
            )
