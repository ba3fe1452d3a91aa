"""The training loop of all tasks: when and on which device steps happen. What a step does is up to the task."""

import inspect
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from dlcourse.engine import checkpoint, distributed, run_folder
from dlcourse.engine.build import objection
from dlcourse.engine.device import autocast, default_generators, find_device, set_precision
from dlcourse.engine.logger import NullLogger, RunLogger, best_row
from dlcourse.engine.memory import return_freed_memory
from dlcourse.engine.nodes import flatten
from dlcourse.engine.optimization import CURE, Metrics
from dlcourse.engine.profiling import span
from dlcourse.engine.rebuild import some
from dlcourse.engine.signals import Interrupted, SignalHandler, announce
from dlcourse.engine.task import Task
from dlcourse.errors import UserError

MAX_THREADS = 1024
COUNTS = ("max_steps", "log_every", "evaluate_every", "visualize_every", "checkpoint_every", "keep_checkpoints",
          "num_threads")  # fmt: skip
OnLog = Callable[[Task, int, Metrics], None]  # of the task, the updates done and what was logged then, maybe nothing


def ignored(task: Task, step: int, metrics: Metrics) -> None:
    """An `on_log` that does nothing."""


class Runner:
    """Trains a task for `max_steps` and logs, evaluates, draws and saves it at intervals counted in steps.

    Evaluation, images and a checkpoint also come after the last step, whatever their intervals.

    Args:
        seed: of all random numbers drawn in steps; the generators are seeded with (seed, t) before step t.
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "tf32" (fp32 with TF32 products on NVIDIA GPUs) or "bf16" (autocast; parameters stay fp32).
        num_threads: of torch on the CPU, >= 1; None is torch's default. Small networks are fastest with 1.
        compile: whether to use torch.compile, which takes minutes at the start and makes steps faster.
        max_steps: updates of the whole run, >= 1; None: as many as the task says, `Task.steps_left`.
        log_every: steps from one row of metrics to the next, >= 1.
        evaluate_every, visualize_every, checkpoint_every: the same for these, >= 1; None: only after the last step.
        keep_checkpoints: how many of the newest checkpoints are kept, >= 1.
        keep_best: tag of a metric of the evaluations; the checkpoint where it was lowest is kept as best.pt.
        profile: whether to profile a few steps; see `dlcourse.engine.profiling.Profile`.

    Raises:
        ValueError: a value outside these ranges, or a device that does not exist.
    """

    def __init__(
        self,
        seed: int,
        device: str,
        precision: str,
        num_threads: int | None,
        compile: bool,
        max_steps: int | None,
        log_every: int,
        evaluate_every: int | None,
        visualize_every: int | None,
        checkpoint_every: int | None,
        keep_checkpoints: int,
        keep_best: str | None,
        profile: bool,
    ):
        self.seed, self.precision, self.num_threads, self.compile = seed, precision, num_threads, compile
        self.max_steps, self.log_every, self.evaluate_every = max_steps, log_every, evaluate_every
        self.visualize_every, self.checkpoint_every = visualize_every, checkpoint_every
        self.keep_checkpoints, self.keep_best, self.profile = keep_checkpoints, keep_best, profile
        for name in COUNTS:
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        if num_threads and num_threads > MAX_THREADS:
            raise ValueError(f"num_threads must be at most {MAX_THREADS}, got {num_threads}")
        self.device = find_device(device)
        autocast(self.device, precision)  # checks it
        self.generators = default_generators(self.device)

    def total_steps(self, task: Task, step: int) -> int:
        """Steps of the whole run: `max_steps`, or `step`, which are done, and those that the task says are left.

        UserError if both are None.
        """
        if self.max_steps is not None:
            return self.max_steps
        left = task.steps_left()
        if left is None:
            raise UserError("runner.max_steps: null is for tasks that know their own end; give a number of steps")
        return step + left

    def is_complete(self, task: Task, step: int) -> bool:
        """Whether a prepared task has nothing left to do after `step` updates."""
        return step >= self.total_steps(task, step) or task.is_finished()

    def prepare(self, task: Task) -> None:
        """Set a task up on the device, ready for its first step; UserError for a value that does not fit the data.

        Nothing is written, so that mistakes are found before the run's folder exists.
        """
        set_precision(self.device, self.precision)
        torch.backends.cudnn.deterministic = True  # a resumed run repeats its steps bit for bit
        torch.set_num_threads(self.num_threads or torch.get_num_threads())
        return_freed_memory()  # building and reading networks frees much
        try:
            task.setup(self.device)
        except ValueError as error:
            raise UserError(objection("task", error, inspect.signature(type(task)).parameters)) from error
        if self.compile:
            torch._dynamo.config.recompile_limit = 64  # a growing network is compiled for each resolution
            for network in task.networks():
                network.compile()

    def restore(self, task: Task, run_dir: Path, config: dict[str, Any]) -> int:
        """Load the newest readable checkpoint of `run_dir` into a prepared task; return its step, 0 for a new run.

        Raises:
            UserError: all checkpoints are damaged, or the newest is of another model than that of `config`.
        """
        saved = checkpoint.load_newest(run_dir)
        if saved is None:
            return 0
        saved.check_same_model(config)
        saved.restore(task.state())
        task.restored(saved.step)
        return saved.step

    def train(self, task: Task, run_dir: Path, config: dict[str, Any], step: int = 0, on_log: OnLog = ignored) -> None:
        """Train a prepared task from `step` to the end, with logs and checkpoints in `run_dir`.

        `on_log` is called after each step; an exception that it raises ends the training.

        Raises:
            Interrupted: a signal ended the training; there is a checkpoint of the last step.
            UserError: a checkpoint cannot be written, or a loss, a result or a weight is not finite.
        """
        total = self.total_steps(task, step)
        make = NullLogger if distributed.rank() else RunLogger  # only process 0 logs
        about = run_dir, config, step, total, task.shown, self.profile, task.work
        with SignalHandler(announce) as handler, make(*about) as logger:
            row = best_row(run_dir, self.keep_best)
            best = row[0] if row else math.inf
            is_last = self.is_complete(task, step)
            while not is_last:
                metrics = self.step(task, step)
                step += 1
                is_last = step >= total or task.is_finished()
                record: Metrics = task.evaluate() if is_last or is_due(step, self.evaluate_every) else {}
                is_last |= task.is_finished()  # early stopping: the evaluation may end the training
                record |= finalize(task, step) if is_last else {}
                value = float(record.get(self.keep_best or "", best))
                if is_last or is_due(step, self.log_every):
                    record = metrics | record
                logger.advance(step, record, is_last)
                on_log(task, step, record)
                if is_last or is_due(step, self.visualize_every):
                    logger.images(step, task.visualize())
                    logger.histograms(step, task.histograms())
                signum = distributed.all_reduce_max(handler.signum)
                is_newest, is_best = is_last or bool(signum) or is_due(step, self.checkpoint_every), value < best
                if is_newest or is_best:
                    self.save(task, run_dir, config, step, is_newest, is_best)
                best = min(best, value)
                if signum and not is_last:
                    raise Interrupted(signum, step)
        if handler.signum:  # the run is complete, but a sweep must not start its next one
            raise Interrupted(handler.signum, step)

    def step(self, task: Task, step: int) -> Metrics:
        """Do one step of a task; its random numbers depend only on the seed and on the number `step`."""
        for generator in self.generators:
            generator.manual_seed(step_seed(self.seed, step))
        with span("step"), autocast(self.device, self.precision):
            return task.step()

    def save(
        self, task: Task, run_dir: Path, config: dict[str, Any], step: int, is_newest: bool, is_best: bool
    ) -> None:
        """Write the checkpoint of `step` as the newest or the best one or both, then remove the oldest.

        Process 0 writes; the others wait for a newest checkpoint, but not for a best one.
        """
        state = state_dicts_of(task) | task.metadata()
        check_metrics_finite(step, {}, state)
        if distributed.rank() == 0:
            if is_best:
                checkpoint.save_checkpoint(checkpoint.best_of(run_dir), step, config, state)
            if is_newest:
                checkpoint.save_checkpoint(run_folder.path_for(run_dir, step), step, config, state)
                run_folder.prune(run_dir, self.keep_checkpoints)
        if is_newest:
            distributed.barrier()


def is_due(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0


def state_dicts_of(task: Task) -> dict[str, Any]:
    return {name: part.state_dict() for name, part in task.state().items()}


def finalize(task: Task, step: int) -> Metrics:
    """The results of a task after `step` updates, its last; UserError if they are not finite."""
    results = task.finalize()
    check_metrics_finite(step, results, state_dicts_of(task))
    return results


def check_metrics_finite(step: int, metrics: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise UserError for metrics, or tensors in a `state` (name -> state_dict), with NaN or infinity."""
    wrong = [f"{tag} is {float(value)}" for tag, value in metrics.items() if not math.isfinite(float(value))]
    tensors = ((name, value) for name, value in flatten(state).items() if isinstance(value, torch.Tensor))
    wrong += [f"{name} is not finite" for name, tensor in tensors if not bool(tensor.isfinite().all())]
    if wrong:
        raise UserError(f"step {step}: {some(wrong)}, so nothing of it is kept; {CURE}")


def step_seed(seed: int, step: int) -> int:
    """The generators' seed for a step: different for every step of a run, far apart for different `seed`s.

    It has 32 bits, as many as torch's CPU generator (mt19937) uses.
    """
    return (zlib.crc32(str(seed).encode()) + step) % 2**32
