"""Shared by the commands: Hydra's entry point, and error messages of one line."""

import math
import os
import re
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, HelpFormatter, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import (
    hydra_words,
    inputs,
    key_help,
    key_names,
    latest,
    path_overrides,
    sweep_folder,
    typography,
    unread_keys,
)
from dlcourse.cli.compose import VERSION_BASE, compose_config, note_choices
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS
from dlcourse.files.terminal import say


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
            note_choices(cfg, HydraConfig.get().runtime.choices, overrides())
            job(cfg)
        except (UserError, OSError, OmegaConfBaseException) as error:
            if wants_trace:
                raise
            fail_or_let_others_go_on(key_names.as_typed(explain(error, config_name), OmegaConf.to_container(cfg)))

    try:
        if key_help.is_asked(sys.argv[1:]):
            say(*key_help.answer(sys.argv[1:], config_name))
            return
        folder = sweep_folder.registered()
        sys.argv[1:] = hydra_words.prepared(sys.argv[1:], config_name)
        with exceptions_come_through(), config_composed_once():
            hydra.main(config_path=str(CONFIGS), config_name=config_name, **VERSION_BASE)(guarded)()
        say(*folder.closing_lines(), file=sys.stderr)
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
    """Raise UserError for a key that does not exist or that nothing reads, or an input that is not there.

    ~ is expanded in the config's paths.
    """
    key_names.check_known_keys(cfg, config_name)
    path_overrides.expand_home(cfg)
    if cfg.get("resume") is None:  # else the overrides are for the resumed run's config, see resuming.py
        unread_keys.check_read(cfg, overrides, reads)
        inputs.check_inputs(cfg)


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
    plain = text if path_overrides.exists(text) else typography.unquoted(text)
    return Path(path_overrides.at_home(plain))


def run_argument(task: str = "") -> Callable[[str], Path]:
    """The type of an argparse argument that is a run, or `latest`: the newest, if there is one of `task`."""

    def parse(text: str) -> Path:
        try:
            return path_argument(path_overrides.bundled(latest.resolved(text, task)))
        except UserError as error:
            raise ArgumentTypeError(str(error)) from error

    return parse


def whole_number(text: str) -> int:
    """An integer of an argparse command."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a whole number, got {text or 'an empty word'}") from None


def number(text: str) -> float:
    """A finite number of an argparse command."""
    try:
        if math.isfinite(float(text)):
            return float(text)
    except ValueError:
        pass
    raise ArgumentTypeError(f"must be a number, got {text or 'an empty word'}")


class Lines(HelpFormatter):
    """Wraps help at 100 columns, and keeps the line breaks of descriptions and examples."""

    def __init__(self, prog: str):
        super().__init__(prog, width=key_help.WIDTH)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrapped = super()._fill_text
        lines = text.splitlines()
        return "\n".join(line if line.startswith(" ") else wrapped(line, width, indent) for line in lines)


class Parser(ArgumentParser):
    """ArgumentParser that expands ~ in paths and prints errors like the other commands.

    `example` is a command line, without the command's name, that its help shows.
    """

    def __init__(self, example: str = "", **options: Any):
        super().__init__(formatter_class=Lines, **options)
        if example:
            self.epilog = "\n\n".join(filter(None, [self.epilog, f"example: {self.prog} {example}"]))
        for kind, read in {Path: path_argument, int: whole_number, float: number}.items():
            self.register("type", kind, read)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ArgumentParser's; a file whose name begins with a dash, or a dash of a text program, is a mistake."""
        words = sys.argv[1:] if args is None else args
        try:
            typography.check_dashes(words)
        except UserError as error:
            fail(str(error))
        for word in words:
            if word and word[0] in typography.DASHES and not path_overrides.exists(word):
                self.error(f"{word}: an option begins with two hyphens: --{word.lstrip(typography.DASHES + '-')}")
        return super().parse_args(args, namespace)

    def add_runs(self) -> None:
        """The argument `runs`, of one run or more."""
        text = "run folders, or folders of runs (a sweep)"
        self.add_argument("runs", nargs="+", type=run_argument(), metavar="RUN", help=text)

    def error(self, message: str) -> NoReturn:
        """One line and status 1 instead of the usage and status 2."""
        fail(f"{message} (--help tells more)")


def explain(error: Exception, config_name: str = "") -> str:
    """One line that explains an exception of ours, Hydra, OmegaConf or the system."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.options:  # it is an OSError, too
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        return key_names.no_such_choice(group, choice, error.options)
    if isinstance(error, OSError):
        return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, OverrideParseException):
        if cure := typography.cure([error.override]):
            return f"{error.override}: not in Hydra's grammar; {cure}"
        key, _, value = error.override.partition("=")
        quoted = shlex.quote(f"{key}={QuotedString(value, Quote.double).with_quotes()}")
        return f"{error.override}: not in Hydra's grammar; if the value is a text, quote it: {quoted}"
    if several := re.match(r"Ambiguous value for argument '([^=]+)=(.*?)'\n", str(error)):
        return f"{several[1]}={several[2]}: several values; with -m each of them gets a run of its own"
    missing = re.match(r"Could not (?:override|delete) '(\w+)'\. No match in the defaults list", str(error))
    if missing and missing[1] in unread_keys.OWNERS:
        resumes = any(word.lstrip("+").startswith("resume=") for word in sys.argv[1:])
        choice = next((word for word in sys.argv[1:] if word.startswith(f"{missing[1]}=")), "")
        if resumes and choice:
            return hydra_words.kept_group(choice, missing[1])
        return unread_keys.no_part(missing[1], sys.argv[1:])
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        choices = [word.partition(",")[0] for word in sys.argv[1:] if path_overrides.is_group(word.partition("=")[0])]
        return key_names.explain_key(cause, lambda: compose_config(config_name, choices), config_name)
    return " ".join(str(error).split())


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as resolved plain data; OmegaConfBaseException for a missing value."""
    return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
