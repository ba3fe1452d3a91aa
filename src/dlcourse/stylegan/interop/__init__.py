"""Checkpoints of other implementations of StyleGAN v1, read and written: one file per format."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from dlcourse.engine import checkpoint
from dlcourse.errors import UserError
from dlcourse.files.terminal import say
from dlcourse.stylegan.interop import genforce, huangzh13, lernapparat, mmgen, official, own, rosinality
from dlcourse.stylegan.interop.combining import combine
from dlcourse.stylegan.interop.networks import ROLE_KINDS, Pretrained, assemble
from dlcourse.stylegan.interop.reading import read
from dlcourse.stylegan.interop.writing import check_target, save, states_of
from dlcourse.stylegan.networks.generator import Generator

FORMATS: tuple[ModuleType, ...] = (official, genforce, mmgen, rosinality, huangzh13, lernapparat)

__all__ = ["Pretrained", "check_target", "combine", "load_generator", "load_pretrained", "save", "start_networks"]


def summary(content: Any) -> str:
    """What a checkpoint begins with."""
    names = [str(name)[:60] for name in content][:4] if isinstance(content, dict) else []
    return f"its entries begin with {', '.join(names)}" if names else f"a {type(content).__name__}"


def load_pretrained(path: str | Path, resolution: int | None = None, only_to_draw: bool = False) -> Pretrained:
    """The networks of a checkpoint of StyleGAN v1, whoever wrote it. Nothing in the file is run.

    Args:
        path: the file; its format is told by its content.
        resolution: cut the networks down to it; None leaves them whole.
        only_to_draw: leave out all networks but the averaged generator, or the other one where there is no average.

    Raises:
        UserError: in one line, what the file is and why it cannot be taken.
    """
    path = Path(path)
    try:
        content = read(path)
        if own.recognises(content):
            return checked(own.pretrained(content, resolution, only_to_draw))
        for form in FORMATS:
            if form.recognises(content):
                return checked(assemble(form.convert(content, path.name), resolution, only_to_draw))
        raise UserError(f"a checkpoint of none of the known formats ({summary(content)})")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def checked(pretrained: Pretrained) -> Pretrained:
    """The networks, or UserError if one has weights that are no finite numbers."""
    for role in ROLE_KINDS:
        if (network := getattr(pretrained, role)) is not None:
            checkpoint.check_finite(network.state_dict(), f"its {role}")
    return pretrained


def load_generator(path: Path) -> tuple[Generator, dict[str, Any]]:
    """The averaged generator of a checkpoint, whoever wrote it, or the only one, and the config that rebuilds it.

    Says on stderr what was missing in the file and how it was filled in.

    Raises:
        UserError: as `load_pretrained`, or there is none.
    """
    pretrained = load_pretrained(path, only_to_draw=True)
    generator = pretrained.generator_ema or pretrained.generator
    assert generator is not None  # load_pretrained has said so
    for note in pretrained.notes:
        say(f"{path}: {note}", file=sys.stderr)
    return generator, pretrained.config["generator"]


def start_networks(path: Path, parts: dict[str, Any]) -> list[str]:
    """Give the networks among `parts` (generator, discriminator, generator_ema) their weights from a checkpoint.

    Returns:
        The names of those that are in the file.

    Raises:
        UserError: see `load_pretrained`, or one does not fit.
    """
    states, _ = states_of(load_pretrained(path))
    found = {role: parts[role] for role in states if role in parts}
    checkpoint.restore({"state": states}, found, path)
    return sorted(found)
