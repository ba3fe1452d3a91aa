"""Prepare a command line for Hydra: options last, paths quoted, and with resume=RUN any key allowed."""

import os
import re
from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from itertools import zip_longest
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import key_names, path_overrides, typography, unread_keys
from dlcourse.cli.compose import compose_config
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS
from dlcourse.files.missing import is_folder

# What people type for a key, by command
SHORT = {"sample": {"seed": "seeds", "psi": "truncation_psi"}, "evaluate": {"psi": "truncation_psi"}}
# The keys of words without one, by command, in order
BARE = {
    "sample": ["checkpoint"],
    "evaluate": ["checkpoint"],
    "explore": ["checkpoint"],
    "blend": ["run", "result", "output"],
    "stylize": ["content", "style", "output"],
    "prepare_dataset": ["dataset.root"],
}
ONLY_FIRST = ("sample", "evaluate", "explore")  # whose bare word must be the first one
NO_NAME = re.compile(r"^[\"']?[\[{]|/|\$\{")  # in the choice of a group
IMAGE = re.compile(r"\.(png|jpe?g|webp|tiff?|bmp|gif|avif|heic)$", re.IGNORECASE)
LONGEST_CHOICE = 200  # letters; a file's name has at most 255
NO_SPACES = "around the = belong no spaces, and what holds spaces belongs in quotes: 'key=a b'"
COMMANDS = ("run", "multirun", "cfg", "info", "shell_completion")  # options of Hydra that exclude each other


def prepared(words: list[str], config_name: str = "train") -> list[str]:
    """The words to pass to Hydra for those that were typed after the command of `config_name`.

    Raises:
        UserError: an unknown option, options that exclude each other, or a word that is neither option nor key=value.
    """
    typography.check_dashes(words)
    options = parsed(words, config_name)
    commands = [name for name in COMMANDS if getattr(options, name)]
    if len(commands) > 1:
        raise UserError(f"{' and '.join(f'--{name}' for name in commands)} exclude each other")
    if options.experimental_rerun:
        raise UserError("--experimental-rerun: to go on with a run, resume=RUN")
    if options.package and not options.cfg:
        raise UserError("--package belongs to --cfg job")
    if options.resolve and not options.cfg:
        raise UserError("--resolve belongs to --cfg job")
    overrides = list(map(typography.plain_word, options.overrides))
    check_values(overrides, config_name)
    overrides = with_keys(overrides, config_name)
    overrides = [with_long_key(word, SHORT.get(config_name, {})) for word in overrides]
    others = list(words)
    for word in options.overrides:
        others.remove(word)
    quoted = [of_group(path_overrides.take_path(word, options.multirun)) for word in overrides]
    if options.multirun:
        check_own_outputs(quoted, config_name)
    return with_prefixes_for_resume(quoted) + others


def check_values(words: list[str], config_name: str) -> None:
    """Raise UserError for key= without a value; that of a path is told by `take_path`, unless spaces are the reason."""
    for word, following in zip_longest(words, words[1:]):
        key = word.lstrip("+").removesuffix("=")
        if not re.fullmatch(r"\+*[^=~]+=", word) or key.startswith("hydra.") or not has_key(word, config_name):
            continue
        if following is not None and not has_key(following, config_name):
            raise UserError(f"{word}: no value is given; {NO_SPACES}")
        if key not in path_overrides.PATHS:
            raise UserError(f"{word}: no value is given; give one, or leave {key} out")


def parsed(words: list[str], config_name: str) -> Namespace:
    """The options and overrides that Hydra finds in these words; UserError for an unknown option."""
    parser = get_args_parser()
    parser.allow_abbrev = False  # --experiment is not --experimental-rerun
    parser.error = partial(refuse, config_name)  # type: ignore[method-assign]
    return parser.parse_intermixed_args(words)


def with_keys(words: list[str], config_name: str) -> list[str]:
    """Give words without a key those of BARE that no word before them has; UserError for the others."""
    keys = list(BARE.get(config_name, []))
    is_spaced = any(word.startswith("=") for word in words)  # key = value
    for index, word in enumerate(words):
        if has_key(word, config_name) or not keys or (index and (is_spaced or config_name in ONLY_FIRST)):
            continue
        while len(keys) > 1 and any(other.startswith(f"{keys[0]}=") for other in words[:index]):
            keys.pop(0)
        key = keys.pop(0)
        if given := [other for other in words if other.startswith(f"{key}=")]:
            raise UserError(f"{word}: {given[0]} names another {key}; give one of them")
        words = [*words[:index], f"{key}={word}", *words[index + 1 :]]
    for word in words:
        if not has_key(word, config_name):
            cure = NO_SPACES
            if config_name == "train" and words[0] == word and not any(other.startswith("=") for other in words):
                cure = f"to go on with a run, resume={word}; to choose an experiment, experiment={word}"
            elif config_name == "train" and IMAGE.search(word) and path_overrides.exists(word):
                cure = f"an image of a style transfer is content={word} or style={word}"
            elif not is_spaced and (usage := key_names.USAGES.get(config_name)):
                cure = usage
            cure = typography.cure(words) or cure
            raise UserError(f"{word}: neither an option nor key=value; {cure}")
    return words


def with_long_key(word: str, keys: Mapping[str, str]) -> str:
    """An override with the key that is meant by the one that was typed."""
    key, equal, value = word.partition("=")
    return f"{keys.get(key, key)}{equal}{value}"


def has_key(word: str, config_name: str = "train") -> bool:
    """Whether a word is key=value or ~key, and not a path such as runs/points/TIME/0_seed=1, a=b.jpg or [a=b.jpg]."""
    if word.startswith("[") or is_file(word, config_name):
        return False
    key = word.partition("=")[0]
    is_group = key.startswith("hydra/") or path_overrides.is_group(key)
    if word.startswith("~/") or "/" in key and (path_overrides.exists(word) or not is_group and is_in_folder(key)):
        return False
    return "=" in word or word.startswith("~")


def is_file(word: str, config_name: str) -> bool:
    """Whether a word with = is a file, and its first part no key of a command whose words need none."""
    if "=" not in word or config_name not in BARE or not path_overrides.exists(word):
        return False
    name = unread_keys.top_level_name(word)
    return name not in SHORT.get(config_name, {}) and name not in compose_config(config_name, [])


def is_in_folder(path: str) -> bool:
    return path_overrides.exists(path.rpartition("/")[0])


def of_group(word: str) -> str:
    """A group's choice in Hydra's words: null becomes `none`, and a name that looks like a number is quoted.

    UserError for what is no name: a list, which Hydra would take for several choices at once, a path, a reference.
    """
    group, equal, value = word.partition("=")
    if not equal or not path_overrides.is_group(group):
        return word
    if NO_NAME.search(value) or max(map(len, value.split(","))) > LONGEST_CHOICE:
        short = word if len(word) <= LONGEST_CHOICE else f"{word[:40]}..."
        raise UserError(f"{short}: {group} takes one choice by its name; --help {group} lists them")
    if is_null(word) and (CONFIGS / group / "none.yaml").exists():
        return f"{group}=none"
    return f'{group}="{value}"' if re.fullmatch(r"[\d.]+|true|false|null", value, re.IGNORECASE) else word


def check_own_outputs(words: list[str], config_name: str) -> None:
    """Raise UserError for an `output` that every run of a sweep would overwrite."""
    takes_folder = config_name in ("sample", "evaluate")
    for word in words:
        key, _, value = word.partition("=")
        names_folder = value.endswith(("/", '/"')) or is_folder(value.strip('"'))
        if key == "output" and not names_folder and not is_null(word) and "," not in value and "${" not in value:
            stem, suffix = os.path.splitext(value.strip('"'))  # noqa: PTH122  # keeps the path as typed
            name = f"name a key that differs in it: 'output={stem}_${{KEY}}{suffix}'"
            cure = "give a folder, as in output=A/" if takes_folder else name
            raise UserError(f"{word}: every run of the sweep would write this; {cure}")


def refuse(config_name: str, message: str) -> NoReturn:
    """Replaces the `error` method of Hydra's ArgumentParser; --lr=0.1 is answered with optimizer.lr=0.1."""
    example = "seeds=0-3" if config_name == "sample" else "seed=1"
    if typed := re.fullmatch(r"unrecognized arguments: --?([\w.-]+)(=\S*)?.*", message):
        every = key_names.dotted_keys(OmegaConf.to_container(compose_config(config_name, [])))
        if path_overrides.is_group(typed[1]):
            example = f"{typed[1]}{typed[2] or '=...'}"
        elif right := key_names.meant(typed[1], every) or key_names.similar(typed[1], every):
            example = f"{right}{typed[2] or '=...'}"
    raise UserError(f"{message}; keys have no dashes, as in {example} (--help tells more)")


def with_prefixes_for_resume(overrides: list[str]) -> list[str]:
    """With resume=RUN, put ++ before every key: the config that Hydra composes may lack keys of the run's config.

    resuming.config_of then applies them to the run's config.
    """
    resumes = [override for override in overrides if override.partition("=")[0].lstrip("+") == "resume"]
    if not resumes or is_null(resumes[-1]):
        return overrides
    return [override if needs_no_prefix(override) else f"++{override}" for override in overrides]


def kept_group(override: str, group: str) -> str:
    """The message for a group's choice on the command line of a resumed run."""
    example = "runner.max_steps=N" if group in ("debug", "experiment") else f"{group}.KEY=VALUE"
    return f"{override}: a resumed run keeps its {group}; leave it out, or give single keys, as in {example}"


def needs_no_prefix(override: str) -> bool:
    """Whether an override needs no ++: one of Hydra's own keys, of a group, or with + or ~ already."""
    key = override.partition("=")[0]
    return key.startswith(("+", "~", "hydra.")) or "/" in key or path_overrides.is_group(key)


def is_null(override: str) -> bool:
    """Whether the value of key=value is null, also after resolving it, as in ${oc.env:RUN,null}."""
    try:
        value = path_overrides.PARSER.parse_override(override).value()
        return OmegaConf.create({"value": value}).value is None
    except (HydraException, OmegaConfBaseException):
        return False
