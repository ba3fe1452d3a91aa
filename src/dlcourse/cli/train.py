"""Train a classifier, transfer a style, or train StyleGAN."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from dlcourse.cli import command_line, handover, inputs, resuming, run_folders, run_names
from dlcourse.engine.run_folder import has_begun
from dlcourse.engine.signals import is_one_of_several
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

if TYPE_CHECKING:
    from dlcourse.stylegan.interop.networks import Pretrained

READS = ("task", "runner", "run_dir", "resume", "init_from", "seed", "device", "devices", "output", "strip")
OnLog = Callable[[Any, int, dict[str, Any]], None]  # as in dlcourse.engine.runner, which loads torch


def unwatched(_task: Any, _step: int, _record: dict[str, Any]) -> None:
    """The `on_log` of a run that only the console tells of, also how it ended."""


def train(cfg: DictConfig, on_log: OnLog = unwatched) -> None:
    """Build the task and the runner from the config and train, in a new run folder or a resumed one."""
    if is_one_of_several() and cfg.resume is None and cfg.run_dir is None:
        raise UserError("several processes share one run folder: give run_dir=PATH, or resume=RUN")
    if type(cfg.devices) is not int:
        raise UserError(f"devices must be a whole number of processes, got {cfg.devices}")
    with run_names.run_dir_of(cfg) as run_dir:
        train_at(run_dir, cfg, on_log)


def train_at(run_dir: Path, cfg: DictConfig, on_log: OnLog) -> None:
    """Look at everything that the config names, then train in a run folder."""
    from dlcourse.reports.runs import check_links

    pretrained, overrides = None, list(cfg.overrides)
    with run_folders.end_told(run_dir, cfg), run_folders.held(run_dir) as held:
        if cfg.resume is not None:
            cfg = resuming.config_of(run_dir, overrides, READS)
            with run_folders.path_hint_added(run_dir):
                inputs.check_inputs(cfg)
            handover.check_output(cfg, overrides, is_resumed=True)
        else:
            run_folders.check_unused(cfg)
            check_links(run_dir)
            command_line.plain(cfg)  # a value that is missing is told before anything large is imported
            handover.check_output(cfg, overrides)
            if cfg.get("init_from") is not None:
                cfg, pretrained = run_folders.with_networks_of(Path(cfg.init_from), cfg, overrides)
        from dlcourse.engine import distributed  # here: it loads torch

        if cfg.devices == 1 or is_one_of_several():
            train_joined(run_dir, cfg, held, on_log, pretrained)
        elif status := distributed.launch(cfg.devices, cfg.device, train_joined, run_dir, cfg, held):
            sys.exit(status)


def train_joined(run_dir: Path, cfg: DictConfig, held: Any, *about: Any) -> None:
    """`train_in` as the only process or one of several; `held` keeps the folder locked while any of them lives."""
    from dlcourse.engine import distributed

    with distributed.process_group(cfg.device):
        distributed.barrier()  # until process 0 has locked the folder
        train_in(run_dir, cfg, *about)


def train_in(run_dir: Path, cfg: DictConfig, on_log: OnLog = unwatched, pretrained: "Pretrained | None" = None) -> None:
    """Train in a run folder, from its newest checkpoint if there is one.

    `pretrained` are the networks of `init_from`, if this process has read them already.
    """
    import torch

    from dlcourse.cli.closing import closing_lines, summed_up, told_as_complete
    from dlcourse.engine import distributed
    from dlcourse.engine.runner import Runner
    from dlcourse.engine.task import Task

    config = command_line.plain(cfg)
    imposed = {"download": False} if has_begun(run_dir) else {}  # its config is untrusted
    runner: Runner = run_folders.build_a(Runner, config, "runner", imposed)
    torch.manual_seed(config["seed"])  # for the initial weights, which `build` draws
    with run_folders.path_hint_added(run_dir):
        task: Task = run_folders.build_a(Task, config, "task", imposed)
        runner.prepare(task)
    step = runner.restore(task, run_dir, config)
    total = runner.total_steps(task, step)
    if runner.is_complete(task, step):
        tell_complete(run_dir, config, step, total)
        return
    advice = [task.advice(total), "" if step else start_from(config, pretrained, task)]
    if distributed.rank() == 0:
        run_folders.record_config(cfg, run_dir)
        continued = f"continuing from step {step}: " if step else ""
        say(f"{run_dir}: {continued}{total - step} steps on {runner.device}{inputs_of(config)}", file=sys.stderr)
        say(*filter(None, advice), file=sys.stderr)
    with run_folders.resume_hint_added(run_dir), summed_up(run_dir, total):
        runner.train(task, run_dir, config, step, on_log)
    with told_as_complete(run_dir):
        say(*handover.hand_over(run_dir, config), file=sys.stderr)
        if distributed.rank() == 0 and on_log is unwatched and not command_line.is_sweep():
            say(*closing_lines(run_dir, config), file=sys.stderr)


def tell_complete(run_dir: Path, config: dict[str, Any], step: int, total: int) -> None:
    """Say that a run has nothing left to do, and how to train further; write what an interrupted end left out."""
    from dlcourse.cli.closing import write_or_say_why
    from dlcourse.reports.runs import rows_if_readable, twice_as_long

    say(*handover.hand_over(run_dir, config, only_missing=True), file=sys.stderr)
    override = twice_as_long(config, step, rows_if_readable(run_dir))
    longer = f"dlcourse train {run_folders.resume_word(run_dir)} {override}"
    why = f"; to train further: {longer}" if step >= total else f": its task ended by itself after {step} steps"
    say(f"{run_dir} is complete{why}")
    if not (run_dir / "summary.html").exists():  # a signal ended the command after the last step
        write_or_say_why(run_dir, total, "finished")


def inputs_of(config: dict[str, Any]) -> str:
    """The images of a style transfer, because one that is forgotten is a built-in one; nothing for other tasks."""
    if config.get("style") is None:
        return ""
    from dlcourse.style_transfer.demo_images import IMAGES

    styles = config["style"] if isinstance(config["style"], list) else [config["style"]]
    named = {"content": [config.get("content")], "style": styles}
    shown = [f"{key}={path}{' (built-in)' if path in IMAGES else ''}" for key, paths in named.items() for path in paths]
    shown += [f"output={config['output']}"] if config.get("output") else []
    return f", {', '.join(shown)}"


def start_from(config: dict[str, Any], pretrained: "Pretrained | None", task: Any) -> str:
    """Give the task's networks the weights of `init_from`, if it is set.

    Returns what to say if a StyleGAN's discriminator has frozen weights and they are random; else nothing.
    """
    taken = []
    if config.get("init_from") is not None:
        from dlcourse.stylegan.interop.files import load_files, start_networks
        from dlcourse.stylegan.interop.locate import files_of

        files = files_of(Path(config["init_from"]))
        taken = start_networks(pretrained or load_files(files), files[0], task.state())
        say(f"{config['init_from']}: {', '.join(taken)}", file=sys.stderr)
    frozen = config["task"].get("updates", {}).get("freeze_d")
    if not frozen or "discriminator" in taken:
        return ""
    cure = "give a trained discriminator by init_from=RUN_OR_FILE, or task.updates.freeze_d=0"
    return f"task.updates.freeze_d={frozen} keeps random weights; {cure}"


def main() -> None:
    command_line.command("train", train, READS)
