"""Pretrained networks as a checkpoint of ours."""

from pathlib import Path
from typing import Any

from dlcourse.engine import checkpoint
from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.stylegan.interop.networks import ROLE_KINDS, Pretrained


def save(pretrained: Pretrained, path: Path, source: str) -> list[str]:
    """Write the checkpoint that scripts/sample.py opens; `source` is recorded in it.

    Returns:
        What was done about a generator that the file has only once: it stands for both.

    Raises:
        UserError: see check_target.
    """
    check_target(path)
    state, notes = states_of(pretrained)
    origin = {"file": source, "format": pretrained.format, "notes": pretrained.notes + notes}
    checkpoint.save(path, 0, {"model": pretrained.config, "imported": origin}, state)
    return notes


def states_of(pretrained: Pretrained) -> tuple[dict[str, Any], list[str]]:
    """Role -> state dict, where a generator that the file has only once stands for both, and a note that says so."""
    networks: dict[str, Any] = {role: getattr(pretrained, role) for role in ROLE_KINDS}
    only = networks["generator_ema"] or networks["generator"]
    notes = []
    for role in ("generator", "generator_ema"):
        if only is not None and networks[role] is None:
            networks[role] = only
            notes.append(f"{role}: not in the file; the other generator stands for it")
    return {role: network.state_dict() for role, network in networks.items() if network is not None}, notes


def check_target(path: Path) -> None:
    """Raise UserError if `path` is there already, if its folder is not, or if nothing can be written there."""
    if path.exists():
        raise UserError(f"{path} exists already; choose another name or remove it")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder")
    outputs.check_file(path, str(path))
