"""A page in the browser: StyleGAN, style transfer, a playground."""

import threading
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import command_line, train
from dlcourse.cli.compose import compose_config
from dlcourse.engine.nodes import in_yaml
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.locate import files_of

COMPOSING = threading.Lock()  # Hydra keeps what it composes in a global variable
READS = ("checkpoint", "port", "host", "device", "precision", "browser")


def explore(cfg: DictConfig) -> None:
    """Serve the page until a signal ends the command."""
    config = command_line.plain(cfg)
    check_port(config["port"])
    if type(config["browser"]) is not bool:
        raise UserError(f"browser must be true or false, got {in_yaml(config['browser'])}")
    asked = None if config["checkpoint"] is None else Path(config["checkpoint"])
    if asked is not None:
        files_of(asked, only_to_draw=True)  # told before anything large is imported
    from dlcourse.page import server
    from dlcourse.page.tabs import Tabs

    with Tabs(asked, config["device"], config["precision"], compose, train_run) as tabs:
        made, app = server.make(config["host"], config["port"], tabs.routes(), tabs.uploads.add)
        server.serve(made, app, config["host"], config["browser"])


def check_port(port: Any) -> None:
    """Raise UserError for what is no port."""
    if type(port) is not int or not 1 <= port <= 65535:
        raise UserError(f"port must be a whole number from 1 to 65535, got {in_yaml(port)}")


def compose(config_name: str, overrides: list[str]) -> dict[str, Any]:
    """The resolved config of a command with these overrides; UserError for one that cannot be."""
    try:
        with COMPOSING:
            return command_line.plain(compose_config(config_name, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(command_line.explain(error, config_name)) from error


def train_run(overrides: list[str], watch: train.OnLog) -> None:
    """What dlcourse train does with these overrides, among them run_dir=PATH or resume=RUN.

    UserError for a mistake; SystemExit if a signal ends it.
    """
    try:
        cfg = compose_config("train", overrides)
        command_line.check(cfg, "train", overrides, train.READS)
        train.train(cfg, watch)
    except UserError:
        raise
    except OSError as error:
        raise UserError(command_line.explain(error, "train")) from error


def main() -> None:
    command_line.command("explore", explore, READS)
