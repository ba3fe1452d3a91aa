"""Checkpoints of other implementations of StyleGAN v1, read and written: one file per format."""

from pathlib import Path
from types import ModuleType
from typing import Any

from dlcourse.errors import UserError
from dlcourse.interop import genforce, huangzh13, lernapparat, mmgen, official, own, rosinality
from dlcourse.interop.combining import combine
from dlcourse.interop.networks import Pretrained, assemble
from dlcourse.interop.reading import read
from dlcourse.interop.writing import check_target, save

FORMATS: tuple[ModuleType, ...] = (official, genforce, mmgen, rosinality, huangzh13, lernapparat)

__all__ = ["Pretrained", "check_target", "combine", "load_pretrained", "save"]


def summary(content: Any) -> str:
    """What a checkpoint begins with."""
    names = [str(name) for name in content][:4] if isinstance(content, dict) else []
    return f"its entries begin with {', '.join(names)}" if names else f"a {type(content).__name__}"


def load_pretrained(path: str | Path, resolution: int | None = None) -> Pretrained:
    """The networks of a checkpoint of StyleGAN v1, whoever wrote it. Nothing in the file is run.

    Args:
        path: the file; its format is told by its content.
        resolution: cut the networks down to it; None leaves them whole.

    Raises:
        UserError: in one line, what the file is and why it cannot be taken.
    """
    path = Path(path)
    try:
        content = read(path)
        if own.recognises(content):
            return own.pretrained(content)
        for form in FORMATS:
            if form.recognises(content):
                return assemble(form.convert(content, path.name), resolution)
        raise UserError(f"a checkpoint of none of the known formats ({summary(content)})")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
