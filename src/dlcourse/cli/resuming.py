"""The config of a resumed run: the run's own, with the overrides of the command line."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import hydra_words, path_overrides, unread_keys
from dlcourse.cli.key_names import explain_key
from dlcourse.errors import UserError, reason_of

NEEDED = ("device", "devices", "model", "runner", "seed", "task")  # keys of every run's config


def config_of(run_dir: Path, overrides: Iterable[str], reads: Iterable[str]) -> DictConfig:
    """The config of a run with the command line's overrides; UserError for an unknown key or a group's choice."""
    from dlcourse.reports.runs import check_links

    check_links(run_dir)
    cfg = read_composed(run_dir / "composed.yaml")
    if missing := [key for key in NEEDED if key not in cfg]:
        raise UserError(f"{run_dir / 'composed.yaml'}: not the config of a run (it has no {', '.join(missing)})")
    OmegaConf.set_struct(cfg, True)
    overrides = list(keys_only(overrides))
    for word in overrides:
        override = path_overrides.PARSER.parse_override(word)
        key, value = override.key_or_group, override.value()
        try:  # hydra_words puts ++ before keys; a single + is for a key that the run does not have
            OmegaConf.update(cfg, key, value, merge=True, force_add=override.is_add())
        except OmegaConfBaseException as error:
            raise UserError(explain_key(error, lambda: cfg)) from error
    unread_keys.check_read(cfg, overrides, reads)
    note_overrides(cfg, overrides)
    path_overrides.expand_home(cfg)
    return cfg


def keys_only(overrides: Iterable[str]) -> Iterator[str]:
    """The overrides that change a resumed run's keys; UserError for those that cannot be changed."""
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if path_overrides.is_group(key):
            raise UserError(hydra_words.kept_group(override, key))
        if override.startswith("~"):
            raise UserError(f"{override}: a resumed run keeps its keys; give {key} another value")
        if key in ("run_dir", "init_from") and not hydra_words.is_null(override):
            raise UserError(f"{override.lstrip('+')}: a resumed run keeps its folder and its weights; leave it out")
        if key not in ("resume", "run_dir", "init_from"):
            yield override


def note_overrides(cfg: DictConfig, overrides: Iterable[str]) -> None:
    """Add a resumption's words to those that the run noted at its beginning; of the same key, the last one counts."""
    if isinstance(cfg.get("overrides"), ListConfig):
        words = [str(word).lstrip("+") for word in (*cfg.overrides, *overrides)]
        cfg.overrides = list({word.partition("=")[0]: word for word in words}.values())


def read_composed(path: Path) -> DictConfig:
    """The config in a composed.yaml; UserError if it is not one."""
    from dlcourse.reports.runs import read_yaml

    try:
        cfg = OmegaConf.create(read_yaml(path))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError) as error:
        raise UserError(f"{path}: not the config of a run ({reason_of(error)})") from error
    if not isinstance(cfg, DictConfig):
        raise UserError(f"{path}: not the config of a run")
    return cfg
