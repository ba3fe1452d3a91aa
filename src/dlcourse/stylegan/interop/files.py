"""Reads files of StyleGAN v1, those of other implementations and our own, and writes our own."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from dlcourse.engine import checkpoint
from dlcourse.engine.build import check_nodes
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.targets import NETWORKS
from dlcourse.errors import UserError
from dlcourse.files import outputs, pickle_reader, torch_file
from dlcourse.files.terminal import say
from dlcourse.stylegan.interop import genforce, huangzh13, lernapparat, mmgen, official, rosinality, unpickle
from dlcourse.stylegan.interop.networks import ROLE_CLASSES, ROLE_KINDS, Pretrained, build_networks, chosen_roles, cut
from dlcourse.stylegan.interop.renaming import is_variables

FORMATS: tuple[ModuleType, ...] = (official, genforce, mmgen, rosinality, huangzh13, lernapparat)
OTHER_FILES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image or a sound",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: run git lfs pull",
    b"<": "a web page: the download went wrong (quota or login)",
}


def load_pretrained(path: str | Path, resolution: int | None = None, only_to_draw: bool = False) -> Pretrained:
    """The networks of a checkpoint of StyleGAN v1, whose content tells its format. Nothing in the file is run.

    They are cut down to `resolution`, unless it is None. `only_to_draw` loads only the averaged generator, or the other
    one if there is no average. UserError says in one line what the file is and why it cannot be used.
    """
    path = Path(path)
    try:
        content = read(path)
        if not checkpoint.is_checkpoint(content):
            return foreign_networks(content, path.name, resolution, only_to_draw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return own_networks(Checkpoint.of(content, path), resolution, only_to_draw)


def own_networks(saved: Checkpoint, resolution: int | None, only_to_draw: bool = False) -> Pretrained:
    """The networks in a checkpoint of dlcourse, cut down to `resolution` if that is given."""
    model: Any = saved.config.get("model")
    roles = chosen_roles(saved.state, only_to_draw)
    held = [role for role in roles if is_variables(model) and ROLE_KINDS[role] in model]
    if not roles or held != roles or not all(is_variables(saved.state[role]) for role in roles):
        raise UserError(f"{saved.path}: a checkpoint of dlcourse, but not of a StyleGAN; it is {saved.kind()}")
    try:
        check_nodes(model, "model", NETWORKS)  # all nodes, also those without weights
        kinds = {ROLE_KINDS[role]: model[ROLE_KINDS[role]] for role in roles}
        states = {role: saved.state[role] for role in roles}
        if resolution is not None:
            kinds = {kind: cut_node(node, resolution) for kind, node in kinds.items()}
            states = {role: cut(weights, resolution) for role, weights in states.items()}
    except UserError as error:
        raise UserError(f"{saved.path}: {error}") from error
    found = Pretrained("checkpoint of dlcourse", kinds, origin=replace(saved, state={}))
    saved = replace(saved, config={"model": kinds}, state=states)
    for role in roles:
        setattr(found, role, saved.network(role, ROLE_CLASSES[role], f"its {role} is no network of StyleGAN"))
    return found


def cut_node(node: Any, resolution: int) -> Any:
    """The config of `node`'s network, cut down to a smaller resolution."""
    if not is_variables(node):
        return node
    channels = node.get("channels")
    kept = {"channels": channels[: resolution.bit_length() - 1]} if isinstance(channels, list) else {}
    return node | {"resolution": resolution} | kept


def foreign_networks(content: Any, name: str, resolution: int | None, only_to_draw: bool) -> Pretrained:
    """The networks in a file of another implementation, from its content and, for some formats, its name."""
    found = next(filter(None, (form.convert(content, name) for form in FORMATS)), None)
    if found is None:
        names = [str(name)[:60] for name in content][:4] if isinstance(content, dict) else []
        summary = f"its entries begin with {', '.join(names)}" if names else f"a {type(content).__name__}"
        raise UserError(f"a checkpoint of none of the known formats ({summary})")
    pretrained = build_networks(found, resolution, only_to_draw)
    for role, network in pretrained.networks().items():
        checkpoint.check_weights_finite(network.state_dict(), f"its {role}")
    return pretrained


def load_files(files: Sequence[Path], resolution: int | None = None, only_to_draw: bool = False) -> Pretrained:
    """`load_pretrained` of the networks of one StyleGAN, which may be in several files."""
    parts = [load_pretrained(path, resolution, only_to_draw) for path in files]
    return parts[0] if len(parts) == 1 else combine(parts)


def load_generator(files: Sequence[Path]) -> Pretrained:
    """`load_files` only to draw, with its notes on stderr."""
    pretrained = load_files(files, only_to_draw=True)
    for note in pretrained.notes:
        say(f"{files[0]}: {note}", file=sys.stderr)
    return pretrained


def start_networks(pretrained: Pretrained, path: Path, parts: dict[str, Any]) -> list[str]:
    """Load weights into the networks among `parts` by role, such as generator_ema; return the roles in the file."""
    states, _ = states_of(pretrained)
    found = {role: parts[role] for role in states if role in parts}
    Checkpoint(path, 0, {}, states).restore(found)
    return sorted(found)


def combine(parts: Sequence[Pretrained]) -> Pretrained:
    """One Pretrained with the networks of all. An outdated average of w is replaced by the other generator's.

    UserError if two hold the same network, or generators of different sizes.
    """
    whole = Pretrained(", ".join(dict.fromkeys(part.format for part in parts)), {})
    for part in parts:
        for role, network in part.networks().items():
            kind = ROLE_KINDS[role]
            if role in whole.networks():
                raise UserError(f"two of the files hold a {role}")
            if whole.config.setdefault(kind, part.config[kind]) != part.config[kind]:
                raise UserError(f"the files hold {kind}s of different sizes")
            setattr(whole, role, network)
        whole.notes += part.notes
        whole.has_old_average |= part.has_old_average
    if whole.has_old_average and whole.generator is not None and whole.generator_ema is not None:
        whole.generator_ema.w_avg.copy_(whole.generator.w_avg)
        whole.notes.append("generator_ema: took the generator's average of w")
    return whole


def save_pretrained(pretrained: Pretrained, path: Path, source: str) -> list[str]:
    """Write a checkpoint for dlcourse sample, with `source` recorded in it; return the notes of `states_of`."""
    outputs.check_new_file(path)
    state, notes = states_of(pretrained)
    origin = {"file": source, "format": pretrained.format, "notes": pretrained.notes + notes}
    checkpoint.save_checkpoint(path, 0, {"model": pretrained.config, "imported": origin}, state)
    return notes


def states_of(pretrained: Pretrained) -> tuple[dict[str, Any], list[str]]:
    """Role -> state dict, and notes. The only generator of a file stands for both, which is noted."""
    states: dict[str, Any] = {role: network.state_dict() for role, network in pretrained.networks().items()}
    notes = []
    for role, other in (("generator", "generator_ema"), ("generator_ema", "generator")):
        if role not in states and other in states:
            states[role] = states[other]
            notes.append(f"{role}: not in the file; the other generator stands for it")
    return {role: states[role] for role in ROLE_KINDS if role in states}, notes


def read(path: Path) -> Any:
    """The content of a file of torch.save or of an official pickle (see `unpickle.loads`); UserError for any other."""
    try:
        torch_file.length_of(path)
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise UserError(error.strerror or str(error)) from None
    if re.match(rb"\x80[\x02-\x05]", head) and not head.startswith(torch_file.LEGACY):
        return unpickle.loads(path.read_bytes())
    if not head.startswith((b"PK", torch_file.LEGACY)):
        kinds = [kind for start, kind in OTHER_FILES.items() if head.lstrip().startswith(start)]
        kind = (kinds or ["a file of unknown kind"])[0] if head else "an empty file"
        raise UserError(f"{kind}, not a checkpoint")
    try:
        return torch_file.load(path)
    except pickle_reader.RefusedError as error:
        raise UserError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UserError(f"a checkpoint of PyTorch, or another zip archive, that is {error}") from error
