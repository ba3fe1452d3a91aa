"""Checkpoints of this project, from training or from an earlier import."""

from dataclasses import replace
from typing import Any

from dlcourse.engine.build import check_nodes
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.targets import NETWORKS
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import ROLE_CLASSES, ROLE_KINDS, Pretrained, chosen_roles, cut
from dlcourse.stylegan.interop.renaming import is_variables


def pretrained_of(saved: Checkpoint, resolution: int | None, only_to_draw: bool = False) -> Pretrained:
    """The networks that a checkpoint holds, cut down to `resolution` if that is given.

    Raises:
        UserError: a checkpoint of another task, or no such resolution in it.
    """
    model: Any = saved.config.get("model")
    roles = chosen_roles(saved.state, only_to_draw)
    is_complete = is_variables(model) and all(
        ROLE_KINDS[role] in model and is_variables(saved.state[role]) for role in roles
    )
    if not roles or not is_complete:
        raise UserError(f"{saved.path}: a checkpoint of dlcourse, but not of a StyleGAN; it is {saved.kind()}")
    try:
        check_nodes(model, "model", NETWORKS)  # of the nodes without weights too, although nothing is built of them
        kinds = {ROLE_KINDS[role]: cut_node(model[ROLE_KINDS[role]], resolution) for role in roles}
        states = {role: saved.state[role] for role in roles}
        if resolution is not None:
            states = {role: cut(weights, resolution) for role, weights in states.items()}
    except UserError as error:
        raise UserError(f"{saved.path}: {error}") from error
    found = Pretrained("checkpoint of dlcourse", kinds, origin=replace(saved, state={}))
    saved = replace(saved, config={"model": kinds}, state=states)
    for role in roles:
        setattr(found, role, saved.network(role, ROLE_CLASSES[role], f"its {role} is no network of StyleGAN"))
    return found


def cut_node(node: Any, resolution: int | None) -> Any:
    """The config of the network of a smaller resolution inside that of `node`."""
    if resolution is None or not is_variables(node):
        return node
    channels = node.get("channels")
    kept = {"channels": channels[: resolution.bit_length() - 1]} if isinstance(channels, list) else {}
    return node | {"resolution": resolution} | kept
