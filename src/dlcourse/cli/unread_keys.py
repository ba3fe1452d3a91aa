"""Errors for keys on the command line that the command would ignore."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS

REFERENCE = re.compile(r"\$\{(\w+)")  # ${dataset.resolution} reads dataset
STYLE = ("style transfer", "experiment=style_transfer_offline")
GAN = ("StyleGAN", "experiment=stylegan_faces_tiny")
# Keys that only some configs have: what they are for, and a choice that has them
OWNERS = {
    "content": STYLE,
    "style": STYLE,
    "objective": STYLE,
    "output": STYLE,
    "strip": STYLE,
    "loss": GAN,
    "augment": GAN,
    "evaluation": GAN,
    "init_from": GAN,
    "checkpoint": ("projection", "experiment=projection; resume=RUN goes on with a run"),
    "target": ("projection", "experiment=projection"),
}

WHY_NOT_OVERFIT = {
    "stylegan": "the losses of a GAN hold each other in balance and do not approach 0; see debug=fast",
    "projection": "a projection always fits one image; result/psnr says how well",
    "style_transfer": "a style transfer always fits one image; experiment=copy_image reaches loss 0 if all is well",
}


def check_overfit(choices: Mapping[str, str | None]) -> None:
    """Raise UserError for debug=overfit with a task for which configs/debug/task does not say what it means."""
    task = choices.get("task")
    if choices.get("debug") == "overfit" and not (CONFIGS / "debug" / "task" / f"overfit_{task}.yaml").exists():
        reason = WHY_NOT_OVERFIT.get(str(task), f"there is no configs/debug/task/overfit_{task}.yaml that says how")
        raise UserError(f"debug=overfit: not for task={task}: {reason}")


def check_read(cfg: DictConfig, overrides: Iterable[str], reads: Iterable[str]) -> None:
    """Raise UserError for an override of a top-level key that neither the command `reads` nor those keys refer to."""
    config: Any = OmegaConf.to_container(cfg)
    reached = reached_from(config, reads)
    for override in overrides:
        name = top_level_name(override)
        if config.get(name) is not None and name not in reached:
            raise UserError(no_part(name, [override]))


def no_part(name: str, overrides: Iterable[str]) -> str:
    """The message for a top-level key that the command ignores; it begins with the key's override, if there is one."""
    typed = next((word.lstrip("+") for word in overrides if top_level_name(word) == name), name)
    what, cure = OWNERS.get(name, (None, None))
    hint = f"it is for {what}, as in {cure}" if what else "leave it out"
    return f"{typed}: {name} plays no part here; {hint}"


def top_level_name(override: str) -> str:
    """The first name in an override: `key` of key.of.a.node=value."""
    return re.split(r"[.@=]", override.lstrip("+~"))[0]


def reached_from(config: dict[str, Any], names: Iterable[str]) -> set[str]:
    """`names`, and all top-level keys that they refer to with ${...}, directly or indirectly."""
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(REFERENCE.findall(str(config.get(name)))) - reached
    return reached


def check_same_networks(init_from: Path, cfg: DictConfig, theirs: dict[str, Any], overrides: Iterable[str]) -> None:
    """Raise UserError for an override that contradicts the networks of a checkpoint, which replace those of `model`.

    `theirs` is the checkpoint's `model`: name of a network -> its node.
    """
    model: Any = OmegaConf.to_container(cfg.model)
    kept = str([node for name, node in model.items() if name not in theirs])  # with references such as ${model.z_dim}
    last = {override.partition("=")[0].lstrip("+~"): override for override in overrides}  # a key may be typed twice
    for key, override in last.items():
        group, _, rest = key.partition(".")
        name, _, inner = rest.partition(".")
        if group != "model" or f"${{{key}}}" in kept or (inner and name not in theirs):
            continue
        replaced = [theirs[name]] if inner else list(theirs.values())
        found = [node[inner or name] for node in replaced if (inner or name) in node]
        if not found or any(value != OmegaConf.select(cfg, key) for value in found):
            raise UserError(
                f"{override.lstrip('+')}: plays no part with init_from={init_from}, whose networks stay as they are; "
                f"leave out {key}"
            )
