"""Which key is meant by one that does not exist, and how users type the one that a message is about."""

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import config_comments, unread_keys
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS

LENGTHS = ("max_epochs", "total_images", "max_steps")
STEPS = ("max_steps", "steps")
SYNONYMS: dict[str, tuple[str, ...]] = {  # what people type for a key -> last parts of keys, the best one first
    "learning_rate": ("lr",),
    **dict.fromkeys(("steps", "iterations", "iters", "num_steps", "num_iterations", "max_iterations"), STEPS),
    **dict.fromkeys(("epochs", "num_epochs", "max_epochs"), LENGTHS),
    **dict.fromkeys(("psi", "truncation"), ("truncation_psi",)),
    **dict.fromkeys(("gpu", "cuda", "cpu"), ("device",)),
    **dict.fromkeys(("gpus", "num_gpus"), ("devices",)),
    **dict.fromkeys(("threads", "workers", "num_workers"), ("num_threads",)),
    **dict.fromkeys(("amp", "fp16", "dtype"), ("precision",)),
    **dict.fromkeys(("bs", "batch", "minibatch_size"), ("batch_size",)),
    **dict.fromkeys(("folder", "dir", "data_dir", "path", "images"), ("root", "path", "frames")),
    **dict.fromkeys(("size", "image_size", "img_size", "content_size"), ("resolution", "content_size", "size")),
    "strength": ("luminance", "content_weight"),
    **dict.fromkeys(("out", "output_dir", "out_dir", "save_dir", "log_dir"), ("output", "run_dir")),
    **dict.fromkeys(("checkpoint", "ckpt", "run"), ("checkpoint", "resume")),
    **dict.fromkeys(("layers", "hidden_sizes", "units"), ("hidden",)),
    "dropout_rate": ("dropout",),
    "wd": ("weight_decay",),
    "early_stopping": ("patience",),
    "gamma": ("gamma", "r1_gamma"),
    "optim": ("optimizer",),
    "network": ("model",),
    "data": ("dataset",),
}
USAGES = {  # of commands whose words need no key
    "stylize": "the words are CONTENT STYLE [OUTPUT]; several styles are one word, '[A.jpg,B.jpg]'",
    "blend": "the words are RUN, or CONTENT RESULT [OUTPUT]",
}
WITH_TASK = {  # a task -> an experiment with it
    "task=attributes": "experiment=face_attributes",
    "task=classification": "experiment=points",
    "task=fast_style_transfer": "experiment=adain_style",
    "task=projection": unread_keys.OWNERS["target"][1],
    "task=style_transfer": unread_keys.STYLE[1],
    "task=stylegan": unread_keys.GAN[1],
}
SELDOM_MEANT = ("evaluation.", "task.synthesizer.")  # keys of another choice
MOST_NAMED = 14  # of the keys in a message
OTHER_COMMANDS = ("train", "sample", "evaluate")  # all other commands have the keys of train


def explain_key(error: OmegaConfBaseException, config: Callable[[], DictConfig], config_name: str = "train") -> str:
    """One line for a missing value, a key that does not exist (with the one meant), or a value of the wrong type.

    `config` returns a config with the keys that there are.
    """
    key = str(error.full_key)
    if "Missing mandatory value" in str(error):
        return f"{key}: no value given; {USAGES.get(config_name) or f'set {key}=...'}"
    if "is not in struct" not in str(error):
        if "Cannot merge" in str(error):
            is_list = OmegaConf.is_list(OmegaConf.select(config(), key))
            return f"{key}: takes {'a list, such as [a,b]' if is_list else f'its keys one by one, as {key}.NAME=VALUE'}"
        return f"{key}: {str(error).partition(chr(10))[0]}"
    if key in unread_keys.OWNERS:
        return unread_keys.no_part(key, sys.argv[1:])
    return no_such_key(key, config(), config_name)


def no_such_key(key: str, cfg: DictConfig, config_name: str) -> str:
    """One line for a key that is not in a config: which one is meant, or which there are beside it."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if parent and not isinstance(node, DictConfig) and (whole := parent.partition(".")[0]) in cfg:
        return f"{key}: no such key; {whole} is {as_word(OmegaConf.select(cfg, whole))} here; --help {whole} tells more"
    known = [str(one) for one in node if not str(one).startswith("_")] if isinstance(node, DictConfig) else []
    beside = f"{parent} has {', '.join(cut(known))}" if parent and known else ""
    every = dotted_keys(OmegaConf.to_container(cfg))
    other = "" if (right := meant(key, every)) else of_another_choice(key, config_name)
    right = right or ("" if other else similar(key, every))
    if right:
        return f"{key}: no such key; did you mean {right}? {beside}".rstrip()
    if other := other or ("" if beside else of_another_command(name, config_name)):
        return f"{key}: no such key here; {other}"
    return f"{key}: no such key; {beside or '--help lists the keys'}"


def no_such_choice(group: str, choice: str, options: Sequence[str]) -> str:
    """One line for a choice that a group does not have."""
    hint = called(choice, options) or like(choice, options)
    right = f"did you mean {hint}? " if hint else ""
    if group == "sampler" and choice.startswith("project"):
        return (
            f"{group}={choice}: no such choice; a projection is dlcourse train experiment=projection target=PHOTO.jpg"
        )
    if len(options) > MOST_NAMED:
        return f"{group}={choice}: no such choice; {right}--help {group} lists them"
    return f"{group}={choice}: no such choice; {right}{group} is one of {', '.join(options)}"


def cut(names: Sequence[str]) -> list[str]:
    """The first of many names, for a message."""
    return [*names[:MOST_NAMED], "..."] if len(names) > MOST_NAMED else list(names)


def meant(key: str, every: Sequence[str]) -> str:
    """The one of these keys that has the name of `key`, or a synonym, beside it or anywhere; "" if none has."""
    parent, _, name = key.rpartition(".")
    beside = [one for one in every if one.rpartition(".")[0] == parent]
    return called(name, beside) or ("" if parent else called(name, every))


def similar(key: str, every: Sequence[str]) -> str:
    """The one of these keys that looks most like `key`, beside it or anywhere; "" if none does."""
    parent, _, name = key.rpartition(".")
    return like(name, [one for one in every if one.rpartition(".")[0] == parent]) or like(name, every)


def called(name: str, keys: Iterable[str]) -> str:
    """The first key whose last part is `name` or a synonym of it; "" if there is none."""
    name = name.replace("-", "_").lower()
    last = {key.rpartition(".")[2]: key for key in reversed(list(keys))}
    return next((last[one] for one in (name, *SYNONYMS.get(name, ())) if one in last), "")


def like(name: str, keys: Iterable[str]) -> str:
    """The first key whose last part, or a synonym of it, begins with `name` or is similar; "" if there is none."""
    last = {key.rpartition(".")[2]: key for key in reversed(list(keys))}
    last = {typed: last[one] for typed, ones in SYNONYMS.items() for one in reversed(ones) if one in last} | last
    name = name.replace("-", "_").lower()
    longer = [one for one in last if len(name) > 2 and one.startswith(name)]  # mix for mixing
    close = longer or difflib.get_close_matches(name, last, n=1, cutoff=0.7)
    return last[close[0]] if close else ""


def of_another_choice(key: str, config_name: str) -> str:
    """Which choices of groups have a key of this name: `optimizer.momentum is of optimizer=momentum`."""
    parent, _, name = key.rpartition(".")
    owners = config_comments.owners(config_name)
    found = key if key in owners else called(name, [one for one in owners if one.rpartition(".")[0] == parent])
    if not (found or parent):
        found = called(name, [one for one in owners if not one.startswith(SELDOM_MEANT)])
    return f"{found} is of {listed(owners[found])}" if found else ""


def listed(choices: Iterable[str]) -> str:
    """What one types to get one of these choices, such as optimizer=adam, adamw.

    Choices that need others beside them are replaced by an experiment that makes all of them.
    """
    by_group: dict[str, list[str]] = {}
    for choice in choices:
        group, _, option = choice.partition("=")
        typed = WITH_TASK.get(choice) or (unread_keys.OWNERS[group][1] if group in unread_keys.OWNERS else choice)
        group, _, option = typed.partition("=")
        if option not in by_group.setdefault(group, []):
            by_group[group].append(option)
    return " or ".join(f"{group}={', '.join(options)}" for group, options in by_group.items())


def of_another_command(name: str, config_name: str) -> str:
    """Which command has a key of this name: `optimizer.lr is of dlcourse train`."""
    for other in OTHER_COMMANDS:
        if other not in (config_name, *config_comments.parents(config_name)):
            own = [entry.key for entry in config_comments.entries(CONFIGS / f"{other}.yaml")]
            keys = [*top_level_names(other), *own, *config_comments.owners(other)]
            if found := called(name, keys) or like(name, keys):
                return f"{found} is of dlcourse {other}"
    return ""


def dotted_keys(node: Any, prefix: str = "") -> list[str]:
    """All keys of an unresolved config, as one types them: optimizer.lr, not task.optimizer.lr."""
    keys = []
    for name, value in node.items() if isinstance(node, dict) else ():
        if not str(name).startswith("_") and not (prefix and isinstance(value, str) and value.startswith("${")):
            keys += [f"{prefix}{name}", *dotted_keys(value, f"{prefix}{name}.")]
    return keys


def as_typed(message: str, config: Any) -> str:
    """Replace the key at the beginning of a message by the one that users type: task.optimizer.lr by optimizer.lr.

    `config` is not resolved: there, the former refers to the latter.
    """
    key = re.match(r"[\w.]*", message)[0].rstrip(".")  # type: ignore[index]
    return typed_key(key, config) + message[len(key) :]


def typed_key(key: str, config: Any) -> str:
    """Follow the references in a config, as in `as_typed`."""
    names, node = key.split("."), config
    for depth, name in enumerate(names, start=1):
        node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, str) and (reference := re.fullmatch(r"\$\{(\w[\w.]*)\}", node)):
            return typed_key(".".join([reference[1], *names[depth:]]), config)
    return key


def check_known_keys(cfg: DictConfig, config_name: str) -> None:
    """Raise UserError for an unknown top-level key: a `+key` or a misspelt block of an experiment."""
    known = top_level_names(config_name)
    for name in map(str, cfg):
        if name not in known and name not in unread_keys.OWNERS:
            others = [str(one) for one in cfg if one != name]
            raise UserError(no_such_key(name, OmegaConf.masked_copy(cfg, others), config_name))


def top_level_names(config_name: str) -> list[str]:
    """The groups and keys of a config file and of the files in its defaults list."""
    config = OmegaConf.load(CONFIGS / f"{config_name}.yaml")
    names = [str(name) for name in config]
    for entry in config.defaults:
        if isinstance(entry, DictConfig):
            names += [str(group) for group in entry]
        elif entry != "_self_":
            names += top_level_names(entry)
    return names


def as_word(value: Any) -> str:
    """A plain value as one types it behind key=."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(as_word, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}:{as_word(one)}' for name, one in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
