"""Shared by the commands: Hydra's entry point, and error messages of one line."""

import difflib
import os
import re
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import hydra_words, path_overrides, unread_keys
from dlcourse.errors import UserError
from dlcourse.files.locations import CHECKPOINTS, CONFIGS
from dlcourse.files.terminal import say

SYNONYMS = {  # what people type for a key -> its last part
    "learning_rate": "lr",
    "steps": "max_steps",
    "iterations": "max_steps",
    "epochs": "max_epochs",
    "num_epochs": "max_epochs",
    "psi": "truncation_psi",
    "gpu": "device",
    "cuda": "device",
    "gpus": "devices",
    "bs": "batch_size",
    "dropout_rate": "dropout",
    "wd": "weight_decay",
}
HIDDEN = ("hydra/", "debug/")  # groups that no experiment chooses among
BUNDLED = CHECKPOINTS / "stylegan_faces.pt"
# Hydra 1.3 warns when version_base is absent, 1.4 when it is given
VERSION_BASE: dict[str, Any] = {"version_base": None} if hydra.__version__ < "1.4" else {}


def command(config_name: str, job: Callable[[DictConfig], None], reads: Iterable[str]) -> None:
    """Compose `config_name` with the command line's overrides and run `job`; a user's mistake is printed as one line.

    With HYDRA_FULL_ERROR=1 in the environment mistakes keep their traceback.

    Args:
        config_name: one of configs/*.yaml.
        job: called with the composed config.
        reads: the top-level keys that `job` reads; overrides of keys that none of them refers to are mistakes.
    """
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"

    def guarded(cfg: DictConfig) -> None:
        try:
            check(cfg, config_name, overrides(), reads)
            unread_keys.check_overfit(HydraConfig.get().runtime.choices)
            note_choices(cfg, HydraConfig.get().runtime.choices)
            job(cfg)
        except (UserError, OSError, OmegaConfBaseException) as error:
            if wants_trace:
                raise
            fail_or_let_others_go_on(as_typed(explain(error, config_name), OmegaConf.to_container(cfg)))

    try:
        sys.argv[1:] = hydra_words.prepared(sys.argv[1:], config_name)
        with exceptions_come_through(), config_composed_once():
            hydra.main(config_path=str(CONFIGS), config_name=config_name, **VERSION_BASE)(guarded)()
    except (HydraException, OmegaConfBaseException, UserError) as error:
        if wants_trace:
            raise
        fail(explain(error, config_name))


def overrides() -> list[str]:
    """The overrides on the command line, in Hydra's grammar; none outside of `command`."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def is_sweep() -> bool:
    """Whether this is one of the runs of -m."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


@contextmanager
def exceptions_come_through() -> Iterator[None]:
    """Let Hydra raise exceptions instead of printing them; the environment is restored afterwards."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


@contextmanager
def config_composed_once() -> Iterator[None]:
    """Keep Hydra from composing the whole config a first time, only to read hydra.mode, which is hardly ever given."""
    read_mode = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        is_given = any(word.lstrip("+").startswith("hydra.mode=") for word in overrides)
        return read_mode(self, config_name, overrides) if is_given else None  # None: as -m says

    Hydra.get_mode = mode  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = read_mode  # type: ignore[method-assign]


def check(cfg: DictConfig, config_name: str, overrides: Iterable[str], reads: Iterable[str]) -> None:
    """Raise UserError for a key that does not exist or that nothing reads; expand ~ in the config's paths."""
    check_known_keys(cfg, config_name)
    if cfg.get("resume") is None:  # else the overrides are for the resumed run's config, see resuming.py
        unread_keys.check_read(cfg, overrides, reads)
    path_overrides.expand_home(cfg)


def run(job: Callable[[Namespace], None], arguments: Namespace) -> None:
    """Run `job` with a parsed command line; a user's mistake is printed as one line."""
    try:
        job(arguments)
    except (UserError, OSError) as error:
        fail(explain(error))


def fail(message: str) -> NoReturn:
    say(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def fail_or_let_others_go_on(message: str) -> NoReturn:
    """End the program; in a sweep only this run: Hydra runs the others, then raises the first error."""
    if not is_sweep():
        fail(message)
    job = HydraConfig.get()
    say(f"error in run {job.job.num} ({job.job.override_dirname}): {message}", file=sys.stderr)
    raise UserError(f"not all runs of the sweep succeeded; run {job.job.num} did not: {message}")


def path_argument(text: str) -> Path:
    """A path of an argparse command, with ~ expanded; Path itself would read "" as the current folder."""
    if not text:
        raise ArgumentTypeError("an empty path (a variable that is not set?)")
    return Path(path_overrides.at_home(text))


class Parser(ArgumentParser):
    """ArgumentParser that expands ~ in paths and prints errors like the other commands."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.register("type", Path, path_argument)

    def error(self, message: str) -> NoReturn:
        """One line and status 1 instead of the usage and status 2."""
        fail(f"{message} (--help tells more)")


def explain(error: Exception, config_name: str = "") -> str:
    """One line that explains an exception of ours, Hydra, OmegaConf or the system."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.options:  # it is an OSError, too
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        hint = did_you_mean(choice, error.options)
        return f"{group}={choice}: no such choice; {hint}{group} is one of {', '.join(error.options)}"
    if isinstance(error, OSError):
        return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        quoted = shlex.quote(f"{key}={QuotedString(value, Quote.double).with_quotes()}")
        return f"{error.override}: not in Hydra's grammar; if the value is a text, quote it: {quoted}"
    missing = re.match(r"Could not (?:override|delete) '(\w+)'\. No match in the defaults list", str(error))
    if missing and missing[1] in unread_keys.OWNERS:
        return unread_keys.no_part(missing[1], sys.argv[1:])
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        choices = [word for word in sys.argv[1:] if (CONFIGS / word.partition("=")[0]).is_dir()]
        return explain_key(cause, lambda: compose_config(config_name, choices))
    return " ".join(str(error).split())


def explain_key(error: OmegaConfBaseException, config: Callable[[], DictConfig]) -> str:
    """One line for a missing value, a key that does not exist (with the closest one), or a value of the wrong type.

    `config` returns a config with the keys that there are.
    """
    key = str(error.full_key)
    if "Missing mandatory value" in str(error):
        return f"{key}: no value given; set {key}=..."
    if "is not in struct" not in str(error):
        return f"{key}: {str(error).partition(chr(10))[0]}"
    if key in unread_keys.OWNERS:
        return unread_keys.no_part(key, sys.argv[1:])
    parent, _, name = key.rpartition(".")
    whole = config()
    node = OmegaConf.select(whole, parent) if parent else whole
    known = [str(one) for one in node if not str(one).startswith("_")] if isinstance(node, DictConfig) else []
    hint = did_you_mean(name, known) or did_you_mean(name, dotted_keys(OmegaConf.to_container(whole)))
    where = parent or "the config"
    return f"{key}: no such key; {hint}{where} has {', '.join(known)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The key whose last part `name` stands for or is most similar to, as a question; nothing if there is none."""
    keys = {key.rpartition(".")[2]: key for key in reversed(list(known))}
    meant = SYNONYMS.get(name, name)
    close = [meant] if meant in keys else difflib.get_close_matches(name, keys, n=1, cutoff=0.7)
    return f"did you mean {keys[close[0]]}? " if close else ""


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
            hint = did_you_mean(name, known) or did_you_mean(name, dotted_keys(OmegaConf.to_container(cfg)))
            raise UserError(f"{name}: no such key{f'; {hint}'.rstrip() if hint else ''}")


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


def compose_config(config_name: str, overrides: list[str]) -> DictConfig:
    """The config for a command line with these overrides."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONFIGS), **VERSION_BASE):
        cfg = hydra.compose(config_name, overrides, return_hydra_config=True)
    choices = cfg.hydra.runtime.choices
    with open_dict(cfg):
        del cfg["hydra"]
    note_choices(cfg, choices)
    return cfg


def note_choices(cfg: DictConfig, choices: Mapping[str, str | None]) -> None:
    """Write the group choices, such as optimizer=momentum, into the config's `choices`, if it has them."""
    if "choices" in cfg:
        named = {group: choice for group, choice in choices.items() if not group.startswith(HIDDEN)}
        OmegaConf.update(cfg, "choices", named, merge=False, force_add=True)


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as resolved plain data; OmegaConfBaseException for a missing value."""
    return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
