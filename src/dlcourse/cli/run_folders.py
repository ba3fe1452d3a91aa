"""The folder of a run: its name, the checks before it starts, and the messages when it ends early."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from dlcourse.cli import command_line, unread_keys
from dlcourse.cli.memory_told import lack_of_memory
from dlcourse.engine import run_folder, run_lock
from dlcourse.engine.run_folder import has_begun
from dlcourse.engine.signals import Interrupted, status_of
from dlcourse.errors import MissingFileError, UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.files.locations import STYLEGAN_FACES
from dlcourse.files.missing import nothing_at
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from dlcourse.classifier.task import Classification
    from dlcourse.engine.runner import Runner
    from dlcourse.stylegan.interop.networks import Pretrained

LESS_MEMORY = {  # key that some configs have -> setting of it that needs less memory
    "task.batch_size": "a smaller task.batch_size",
    "task.growth.batch_size": "a smaller task.growth.batch_size",
    "task.updates.gradient_accumulation_steps": "task.updates.gradient_accumulation_steps=2",
    "dataset.content_size": "a smaller dataset.content_size",
}


def check_name(what: str, folder: Path) -> None:
    """Raise UserError if no folder can have this name; `what` begins the message."""
    try:
        folder.exists()
        str(folder).encode()
    except OSError as error:
        raise UserError(f"{what}: {error.strerror}; choose another name") from error
    except UnicodeEncodeError as error:
        raise UserError(
            f"{what}: TensorBoard cannot write to a folder whose name is not UTF-8; choose another"
        ) from error


def held(run_dir: Path) -> contextlib.AbstractContextManager[Any]:
    """Lock the run folder within the block; of several processes, process 0 holds the lock."""
    is_first = os.environ.get("RANK", "0") == "0"
    return run_lock.locked(run_dir) if is_first else contextlib.nullcontext()


def network_of(checkpoint: str | None) -> Path:
    """The run or file that `checkpoint` names, else the bundled faces; says so inside a StyleGAN's run folder."""
    if checkpoint is None and run_folder.task_of(Path()) == "StyleGAN":
        say("the bundled faces; checkpoint=. names the run in this folder", file=sys.stderr)
    return Path(checkpoint or STYLEGAN_FACES)


def check_unused(cfg: DictConfig) -> None:
    """Raise UserError if `run_dir` is given and not empty."""
    if cfg.run_dir is None:
        return
    run_dir = Path(cfg.run_dir)
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise UserError(f"run_dir={run_dir} is not empty; go on there with {resume_word(run_dir)} or choose another")


def build_classifier(cfg: DictConfig) -> "tuple[Runner, Classification]":
    """The runner and the prepared classifier that dlcourse train would train, before the first step.

    Raises:
        UserError: the task is not a classifier, or `resume` is given.
    """
    if cfg.resume is not None:
        raise UserError(f"resume={cfg.resume}: this command begins with new weights")
    check_unused(cfg)
    import torch

    from dlcourse.classifier.task import Classification
    from dlcourse.engine.build import build, locate

    config = command_line.plain(cfg)
    target = locate(config["task"]["_target_"], "task")
    if not (isinstance(target, type) and issubclass(target, Classification)):
        raise UserError(f"task: {target.__name__} does not train one classifier, which this command needs")
    runner: Runner = build(config["runner"], "runner")
    torch.manual_seed(config["seed"])  # as dlcourse train does
    task: Classification = build(config["task"], "task")
    runner.prepare(task)
    return runner, task


def build_a(kind: type, config: dict[str, Any], key: str, imposed: dict[str, Any]) -> Any:
    """Build a node of the config; UserError if it is not an instance of `kind`. See `build` for `imposed`."""
    from dlcourse.engine.build import build

    built = build(config[key], key, imposed=imposed)
    if not isinstance(built, kind):
        raise UserError(f"{key}: must be a {kind.__name__}, got a {type(built).__name__}")
    return built


def check_is_run(run_dir: Path) -> None:
    """Raise UserError if a folder is not a run; the message suggests the run that may be meant."""
    check_name(f"resume={run_dir}", run_dir)
    if has_begun(run_dir):
        return
    given = resume_word(run_dir)
    if not run_dir.exists():
        raise UserError(f"{given}: {nothing_at(run_dir, 'not a run; there is no such folder')}")
    above = next((folder for folder in run_dir.parents if has_begun(folder)), None)
    if above:
        raise UserError(f"{given}: lies in a run; give its folder, {resume_word(above)}")
    if below := run_folder.runs_below(run_dir):
        raise UserError(f"{given}: a folder of runs ({len(below)}); give one of them, such as {resume_word(below[-1])}")
    raise UserError(f"{given}: not a run of dlcourse train (it has no composed.yaml)")


def with_networks_of(
    init_from: Path, cfg: DictConfig, overrides: Iterable[str] = ()
) -> "tuple[DictConfig, Pretrained]":
    """Replace networks in the config by those of a checkpoint of any format; return the config and the networks.

    Networks that the checkpoint lacks stay as configured.

    Raises:
        UserError: it is not a StyleGAN, is for other images or classes than the data's, or contradicts `overrides`.
    """
    from dlcourse.stylegan.interop.locate import files_of

    if "generator" not in cfg.model:
        raise UserError(f"init_from={init_from}: init_from is for StyleGAN, as in experiment=stylegan_faces_tiny")
    try:
        files = files_of(init_from)
        from dlcourse.stylegan.interop.files import load_files  # here: it loads torch

        path, pretrained = files[0], load_files(files)
    except UserError as error:
        raise UserError(f"init_from={error}") from error
    model: Any = pretrained.config
    if "generator" not in model:
        raise UserError(f"init_from={init_from}: there is no generator in it")
    for kind, node in model.items():
        check_same_data(init_from, path, node, cfg.model[kind])
    unread_keys.check_same_networks(init_from, cfg, model, overrides)
    for note in pretrained.notes:
        say(f"{path}: {note}", file=sys.stderr)
    cfg.model = OmegaConf.create(OmegaConf.to_container(cfg.model) | model)
    return cfg, pretrained


def check_same_data(init_from: Path, path: Path, theirs: dict[str, Any], ours: DictConfig) -> None:
    """Raise UserError if a network of a checkpoint has another resolution or number of classes than the data."""
    resolution, classes = theirs["resolution"], theirs["num_classes"]
    if resolution != ours.resolution:
        command = f"dlcourse import_checkpoint {shlex.quote(str(path))} NEW.pt --resolution {ours.resolution}"
        cut = f", or cut them down: {command}"
        cure = f"set dataset.resolution={resolution}{cut if resolution > ours.resolution else ''}"
        raise UserError(f"init_from={init_from}: networks of {resolution} pixels; {cure}")
    if classes != ours.num_classes:
        found = f"networks of {classes} classes, where the data has {ours.num_classes}"
        raise UserError(f"init_from={init_from}: {found}; set dataset.num_classes={classes}")


@contextlib.contextmanager
def end_told(run_dir: Path, cfg: DictConfig) -> Iterator[None]:
    """Within the block, print how to continue a run that a signal ends (exit status 128 + signal).

    Raises:
        UserError: how to continue after running out of memory or an OSError, such as a full disk.
    """
    try:
        yield
    except KeyboardInterrupt as end:
        if os.environ.get("RANK", "0") == "0":
            say(interruption_message(end, run_dir), file=sys.stderr)
        sys.exit(status_of(end))
    except OSError as error:
        raise cannot_write(error, run_dir) from error
    except (MemoryError, RuntimeError) as error:  # torch's OutOfMemoryError is a RuntimeError
        if (reason := lack_of_memory(error)) is None:
            raise
        from dlcourse.cli.resuming import read_composed  # here: it imports this module

        own = read_composed(run_dir / "composed.yaml") if has_begun(run_dir) else cfg
        raise UserError(f"out of memory ({reason}); {less_memory(own)}; {resume_advice(run_dir)}") from error


def cannot_write(error: OSError, run_dir: Path) -> UserError:
    what = f"{error.filename or run_dir}: {error.strerror}"
    return UserError(f"{what}; free disk space or change permissions, then {resume_advice(run_dir)}")


def is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an exception, or one that it replaced, is an instance of `kind`."""
    return error is not None and (isinstance(error, kind) or is_caused_by(error.__context__, kind))


@contextlib.contextmanager
def path_hint_added(run_dir: Path) -> Iterator[None]:
    """Within the block, add to the error about a missing file how a resumed run's paths are resolved."""
    try:
        yield
    except UserError as error:
        if not has_begun(run_dir) or not is_caused_by(error, MissingFileError):
            raise
        raise UserError(f"{error}; relative paths of a run begin in the folder where it was started") from error


@contextlib.contextmanager
def resume_hint_added(run_dir: Path) -> Iterator[None]:
    """Within the block, add to an error how to continue, if there is a checkpoint."""
    try:
        yield
    except UserError as error:
        has_checkpoint = any((run_dir / "checkpoints").glob("step_*.pt"))
        raise UserError(f"{error}; {resume_advice(run_dir)}" if has_checkpoint else str(error)) from error


def interruption_message(end: KeyboardInterrupt, run_dir: Path) -> str:
    """The message of an interrupted run."""
    if isinstance(end, Interrupted) and end.step is not None:
        return f"{end}: checkpoint written; {resume_advice(run_dir)}"
    lost = f", without a checkpoint of the last steps; {resume_advice(run_dir)}" if has_begun(run_dir) else ""
    return f"interrupted{lost}"


def less_memory(cfg: DictConfig) -> str:
    """The settings with which a run of this config needs less memory."""
    from dlcourse.engine.nodes import flatten

    keys = flatten(OmegaConf.to_container(cfg))  # type: ignore[arg-type]  # a mapping
    cures = ["precision=bf16 (on a GPU)", *(cure for key, cure in LESS_MEMORY.items() if key in keys)]
    return f"less is needed with {' or '.join(cures)}"


def resume_advice(run_dir: Path) -> str:
    return f"go on with dlcourse train {resume_word(run_dir)}" if has_begun(run_dir) else "start again"


def resume_word(run_dir: Path) -> str:
    """The argument that continues a run, quoted for a shell."""
    return shlex.quote(f"resume={run_dir}")


def record_config(cfg: DictConfig, run_dir: Path) -> None:
    """Write the config to config.yaml, resolved, and to composed.yaml, with its references, for `resume`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    for name, resolve in {"config.yaml": True, "composed.yaml": False}.items():
        with atomic_write(run_dir / name) as temporary:
            OmegaConf.save(cfg, temporary, resolve=resolve)
