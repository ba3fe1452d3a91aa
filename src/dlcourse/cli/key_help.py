"""--help of the commands that take key=value: what there is to choose and to change, and what one key or group means.

Values are those of the config that the words before --help compose; explanations are the comments of configs/*.yaml.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import config_comments, hydra_words, key_names, unread_keys
from dlcourse.cli.compose import Composed
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS

WIDTH = 100  # columns
LONGEST = 30  # columns of key=value, in front of what it means
NAMED = re.compile(r" +[a-z][\w.]*")  # a line of a config's help that only names a group or key, to be filled in
EXAMPLE = {"style_frames": ["experiment=style_transfer_offline"]}  # where the default experiment makes no sense
OF_ONE_TASK = ("find_lr", "check_gradients", "style_frames")  # other tasks' experiments make no sense either
LABELLED = re.compile(r"\w+: |  +")  # lines such as `Paper:    Gatys ...`, and what follows them


def is_asked(words: list[str]) -> bool:
    """Whether a command line asks for help."""
    return any(map(is_help, words))


def is_help(word: str) -> bool:
    """Whether a word is -h, --help, or `help` and not a run of this name."""
    return word in ("-h", "--help") or word == "help" and not Path(word).exists()


def answer(words: list[str], config_name: str) -> list[str]:
    """The lines of help: on the command, or on each group, choice or key that is named.

    What stands after --help is explained; overrides before it are taken into account.
    """
    at = next(index for index, word in enumerate(words) if is_help(word))
    before, after = (hydra_words.parsed(some, config_name).overrides for some in (words[:at], words[at + 1 :]))
    given = [word for word in before if hydra_words.has_key(word, config_name)]
    topics = [word for word in before if word not in given and not Path(word).exists()] + after
    if not any(word.startswith("experiment=") for word in given):
        given = [*EXAMPLE.get(config_name, []), *given]
    page = Page(config_name, hydra_words.prepared(given, config_name))
    if not topics:
        return page.overview()
    return [line for topic in topics for line in ["", *page.about(topic)]][1:]


class Page:
    """Explains a command's config, composed with some overrides."""

    def __init__(self, config_name: str, overrides: list[str]):
        self.config_name, self.overrides = config_name, overrides
        self.composed = Composed(config_name, overrides)
        self.groups = config_comments.groups(config_name)

    @cached_property
    def comments(self) -> dict[str, list[str]]:
        """What the files of this config say about each key; the file that decides its value says it first."""
        found: dict[str, list[str]] = {}
        for path, prefix in self.composed.files:
            for entry in config_comments.entries(path) if path.parent.name != "experiment" else ():
                comments = [] if entry.is_wiring() else found.setdefault(f"{prefix}{entry.key}", [])
                if entry.comment and entry.comment not in comments:
                    comments.insert(0, entry.comment)
        return found

    @cached_property
    def missing(self) -> list[str]:
        """The keys that need a value."""
        config = OmegaConf.to_container(self.composed.config)
        return [key for key in key_names.dotted_keys(config) if OmegaConf.is_missing(*self.place(key))]

    def place(self, key: str) -> tuple[Any, str]:
        """The node that holds a key, and the key's name in it."""
        parent, _, name = key.rpartition(".")
        return (OmegaConf.select(self.composed.config, parent) if parent else self.composed.config), name

    def overview(self) -> list[str]:
        """The help of the command: the text in its config, with its groups and keys filled in."""
        text = OmegaConf.load(CONFIGS / f"{self.config_name}.yaml").hydra.help
        lines: list[str] = [text.header, ""]
        for is_named, found in groupby(text.template.splitlines(), lambda line: NAMED.fullmatch(line) is not None):
            block = list(found)
            lines += self.table(map(str.strip, block)) if is_named else block
        for group in self.named_groups():
            lines += ["", f"{group}={self.composed.choices[group]} has:", "", *self.table(self.keys_of(group))]
        return lines

    def named_groups(self) -> list[str]:
        """The groups of which the command line names a choice; an experiment's keys are among those above."""
        named = [word.partition("=")[0] for word in self.overrides]
        return [name for name in dict.fromkeys(named) if name in self.composed.choices and name != "experiment"]

    def table(self, names: Iterable[str]) -> list[str]:
        """Groups with their choices, and keys with their values and what they mean; those that there are here."""
        return two_columns([self.row(name) for name in names if name in self.comments or name in self.composed.choices])

    def row(self, name: str) -> tuple[str, str]:
        """A group or a key as typed, and its choices or its meaning."""
        meaning = "; ".join(self.meaning(name)[: 1 + (name in self.missing)])
        if name not in self.composed.choices:
            return self.with_value(name), meaning
        choice = self.composed.choices[name]
        others = [one for one in config_comments.choices(name) if one != choice]
        if name == "experiment" and self.config_name in OF_ONE_TASK:
            others = [one for one in others if config_comments.task_of(one) == self.composed.choices["task"]]
        return f"{name}={key_names.as_word(choice)}", meaning or f"or {', '.join(others)}" if others else meaning

    def meaning(self, key: str) -> list[str]:
        """What the comments say about a key."""
        return ["needed"] * (key in self.missing) + self.comments.get(key, [])

    def with_value(self, key: str) -> str:
        """The key as one types it, with its value here."""
        try:
            value: Any = OmegaConf.select(self.composed.config, key, throw_on_missing=True)
        except OmegaConfBaseException:  # it has no value, or refers to a key without one
            return f"{key}=..."
        return f"{key}={key_names.as_word(OmegaConf.to_container(value) if OmegaConf.is_config(value) else value)}"

    def about(self, topic: str) -> list[str]:
        """The help on a group, a choice of one, or a key; UserError if there is none of this name."""
        name, equal, choice = topic.partition("=")
        group = name.replace(".", "/")
        config = OmegaConf.to_container(self.composed.config)
        if group in self.groups:
            return self.of_choice(group, choice) if equal and choice else self.of_group(group)
        key = key_names.typed_key(name, config)
        if key in self.comments:
            return self.of_key(key)
        keys = [one for one in self.comments if one.rpartition(".")[2] == name and one not in self.composed.choices]
        of = [group for group in self.groups if name in config_comments.choices(group)]
        of.sort(key=lambda group: group != "experiment")
        if not keys and not of:
            return self.of_name(name.replace("-", "_"))
        lines = [line for key in keys for line in ["", *self.of_key(key)]][1:] or self.of_choice(of[0], name)
        also = [f"dlcourse {self.config_name} --help {group}={name}" for group in of if keys or group != of[0]]
        return [*lines, *(["", "Of the same name:", "", *(f"  {line}" for line in also)] if also else [])]

    def of_group(self, group: str) -> list[str]:
        """The choices of a group, what each is for, and the keys of the one that is chosen."""
        choices = config_comments.choices(group)
        files = [CONFIGS / group / f"{choice}.yaml" for choice in choices]
        lines = [f"{group} is one of:", "", *two_columns([(one.stem, config_comments.summary(one)) for one in files])]
        chosen = self.composed.choices.get(group)
        if chosen is not None and group != "experiment":
            lines += ["", f"{group}={chosen}, as here, has:", "", *self.table(self.keys_of(group))]
        if group in unread_keys.OWNERS and group not in self.composed.choices:
            lines += ["", "For {}, as in {}.".format(*unread_keys.OWNERS[group])]
        other = next((one for one in choices if one != chosen), chosen)
        return [*lines, "", f"  dlcourse {self.config_name} --help {group}={other}   tells more of one"]

    def of_choice(self, group: str, choice: str) -> list[str]:
        """The whole header of a choice's file, and the keys that it has or sets."""
        if choice not in config_comments.choices(group):
            raise UserError(key_names.no_such_choice(group, choice, config_comments.choices(group)))
        lines = [f"{group}={choice}", ""]
        path = CONFIGS / group / f"{choice}.yaml"
        for line in config_comments.header(path):
            indent = 12 if LABELLED.match(line) else 2
            lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent=" " * indent)
        if group not in self.composed.choices:  # Hydra composes it with other choices only
            own = [entry for entry in config_comments.entries(path) if entry.is_typed()]
            prefix = config_comments.prefix(path)
            table = two_columns([(f"{prefix}{entry.key}={entry.value}", entry.comment) for entry in own])
        else:
            page = Page(self.config_name, [*self.overrides, f"{group}={choice}"])
            if group == "experiment":
                return [*lines, *page.of_experiment()]
            table = page.table(page.keys_of(group))
        return [*lines, "", *table] if table else lines

    def of_experiment(self) -> list[str]:
        """What this experiment needs, chooses and sets."""
        files = [path for path, _ in self.composed.files if path.parent.name == "experiment"]
        chosen = {group for path in files for group, _ in config_comments.defaults(path)} - {"experiment"}
        groups = [f"  {group}={self.composed.choices[group]}" for group in self.groups if group in chosen]
        needs = self.table(self.missing)
        sets = [*groups, *self.table(self.keys_of("experiment"))]
        return [*(["", "It needs:", "", *needs] if needs else []), "", "It chooses and sets:", "", *sets]

    def keys_of(self, group: str) -> list[str]:
        """The keys in the files of a group's choice, as typed."""
        files = [(path, prefix) for path, prefix in self.composed.files if path.parent == CONFIGS / group]
        found = [(f"{prefix}{entry.key}", entry) for path, prefix in files for entry in config_comments.entries(path)]
        return list(dict.fromkeys(key for key, entry in found if entry.is_typed()))

    def of_key(self, key: str) -> list[str]:
        """A key with its value here, its meaning, its values by choice, and the keys in it."""
        inner = [one for one in self.comments if one.startswith(f"{key}.")]
        lines = [key if inner else self.with_value(key)]
        lines += [line for comment in self.meaning(key) for line in indented(comment)]
        by_choice = config_comments.owners(self.config_name).get(key, {})
        if len(by_choice) > 1 and not inner:
            by = [(*choice.split("="), entry.value) for choice, entry in by_choice.items()]
            lines += indented(f"By {by[0][0]}: {', '.join(f'{choice} {value}' for _, choice, value in by)}")
        return [*lines, "", *self.table(inner)] if inner else lines

    def of_name(self, name: str) -> list[str]:
        """The help on a synonym, or on a key that only other choices have."""
        every = [key for key in self.comments if key not in self.composed.choices]
        if key := key_names.meant(name, every):
            return self.of_key(key)
        if group := key_names.called(name, self.groups):
            return self.of_group(group)
        owners = config_comments.owners(self.config_name)
        if key := name if name in owners else key_names.meant(name, list(owners)):
            inside = [one for one in owners if one == key or one.startswith(f"{key}.")]
            found = {(one, entry.comment): entry for one in inside for entry in owners[one].values()}
            rows = [(f"{one}={entry.value}", comment) for (one, comment), entry in found.items() if entry.is_typed()]
            return [f"{key} comes with {key_names.listed(owners[key])}:", "", *two_columns(rows)]
        choices = [one for group in self.groups for one in config_comments.choices(group)]
        right = key_names.similar(name, every) or key_names.like(name, [*self.groups, *choices])
        hint = f"did you mean {right}? " if right else ""
        raise UserError(f"{name}: no such key, group or choice; {hint}--help lists the main ones, --cfg job all keys")


def indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def two_columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Names and what they mean, in WIDTH columns; a name that is too long stands alone."""
    names = max((len(name) for name, _ in rows if len(name) <= LONGEST), default=LONGEST)
    lines = []
    for name, meaning in rows:
        first, *rest = textwrap.wrap(meaning, WIDTH - names - 5) or [""]
        if len(name) > names:
            lines.append(f"  {name}")
            name = ""
        lines.append(f"  {name:<{names}}   {first}".rstrip())
        lines += [" " * (names + 5) + line for line in rest]
    return [line for line in lines if line]
