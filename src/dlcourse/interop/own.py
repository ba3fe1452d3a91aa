"""Checkpoints of this project, from training or from an earlier import."""

from typing import Any

from dlcourse import checkpoint
from dlcourse.errors import UserError
from dlcourse.interop.networks import ROLE_KINDS, Pretrained, load
from dlcourse.interop.renaming import is_variables


def recognises(content: Any) -> bool:
    """Whether something has the entries of a checkpoint."""
    return is_variables(content) and content.keys() == checkpoint.KEYS


def pretrained(content: Any) -> Pretrained:
    """The networks that a checkpoint holds.

    Raises:
        UserError: a checkpoint of another task.
    """
    config, state = content["config"], content["state"]
    model: Any = config.get("model") if is_variables(config) else None
    roles = [role for role in ROLE_KINDS if is_variables(state) and role in state]
    is_complete = is_variables(model) and all(ROLE_KINDS[role] in model and is_variables(state[role]) for role in roles)
    if not roles or not is_complete:
        raise UserError("a checkpoint of dlcourse, but not of a StyleGAN")
    found = Pretrained("checkpoint of dlcourse", {ROLE_KINDS[role]: model[ROLE_KINDS[role]] for role in roles})
    for role in roles:
        network, notes = load(role, found.config[ROLE_KINDS[role]], state[role])
        setattr(found, role, network)
        found.notes += notes
    return found
