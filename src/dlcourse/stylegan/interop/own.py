"""Checkpoints of this project, from training or from an earlier import."""

from typing import Any

from dlcourse.engine import checkpoint
from dlcourse.engine.build import check_nodes
from dlcourse.engine.targets import NETWORKS
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import ROLE_KINDS, Pretrained, chosen_roles, cut, load
from dlcourse.stylegan.interop.renaming import is_variables


def recognises(content: Any) -> bool:
    """Whether something has the entries of a checkpoint."""
    return is_variables(content) and content.keys() == checkpoint.KEYS


def pretrained(content: Any, resolution: int | None, only_to_draw: bool = False) -> Pretrained:
    """The networks that a checkpoint holds, cut down to `resolution` if that is given.

    Raises:
        UserError: a checkpoint of another task, or no such resolution in it.
    """
    config, state = content["config"], content["state"]
    model: Any = config.get("model") if is_variables(config) else None
    roles = chosen_roles(state, only_to_draw) if is_variables(state) else []
    is_complete = is_variables(model) and all(ROLE_KINDS[role] in model and is_variables(state[role]) for role in roles)
    if not roles or not is_complete:
        raise UserError(f"a checkpoint of dlcourse, but not of a StyleGAN; it is {checkpoint.kind_of(content)}")
    check_nodes(model, "model", NETWORKS)  # of the nodes without weights too, although nothing is built of them
    found = Pretrained("checkpoint of dlcourse", {})
    for role in roles:
        node = found.config.setdefault(ROLE_KINDS[role], cut_node(model[ROLE_KINDS[role]], resolution))
        network, notes = load(role, node, state[role] if resolution is None else cut(state[role], resolution))
        setattr(found, role, network)
        found.notes += notes
    return found


def cut_node(node: Any, resolution: int | None) -> Any:
    """The config of the network of a smaller resolution inside that of `node`."""
    if resolution is None or not is_variables(node):
        return node
    channels = node.get("channels")
    kept = {"channels": channels[: resolution.bit_length() - 1]} if isinstance(channels, list) else {}
    return node | {"resolution": resolution} | kept
