"""Checkpoints of other implementations of StyleGAN v1, read and written: one file per format."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from dlcourse.engine.checkpoint import Checkpoint, check_finite, is_checkpoint
from dlcourse.errors import UserError
from dlcourse.files.terminal import say
from dlcourse.stylegan.interop import genforce, huangzh13, lernapparat, mmgen, official, own, rosinality
from dlcourse.stylegan.interop.combining import combine
from dlcourse.stylegan.interop.networks import ROLE_KINDS, Pretrained, assemble
from dlcourse.stylegan.interop.reading import read
from dlcourse.stylegan.interop.writing import check_target, save, states_of

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
        if not is_checkpoint(content):
            return converted(content, path.name, resolution, only_to_draw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return own.pretrained_of(Checkpoint.of(content, path), resolution, only_to_draw)


def converted(content: Any, name: str, resolution: int | None, only_to_draw: bool) -> Pretrained:
    """The networks in the content of a file of another implementation, whose name may tell something.

    Raises:
        UserError: none of the known formats, or weights that make no networks or are not finite.
    """
    form = next((form for form in FORMATS if form.recognises(content)), None)
    if form is None:
        raise UserError(f"a checkpoint of none of the known formats ({summary(content)})")
    pretrained = assemble(form.convert(content, name), resolution, only_to_draw)
    for role in ROLE_KINDS:
        if (network := getattr(pretrained, role)) is not None:
            check_finite(network.state_dict(), f"its {role}")
    return pretrained


def load_generator(path: Path) -> Pretrained:
    """A checkpoint's generator to draw with, its `averaged_generator`, whoever wrote the file.

    Says on stderr what was missing in the file and how it was filled in.

    Raises:
        UserError: as `load_pretrained`, or there is none.
    """
    pretrained = load_pretrained(path, only_to_draw=True)
    for note in pretrained.notes:
        say(f"{path}: {note}", file=sys.stderr)
    return pretrained


def start_networks(pretrained: Pretrained, path: Path, parts: dict[str, Any]) -> list[str]:
    """Give the networks among `parts` (generator, discriminator, generator_ema) their weights from those of a file.

    Returns:
        The names of those that are in the file.

    Raises:
        UserError: one does not fit.
    """
    states, _ = states_of(pretrained)
    found = {role: parts[role] for role in states if role in parts}
    Checkpoint(path, 0, {}, states).restore(found)
    return sorted(found)
