"""The loop that trains every task: it knows when and where a step happens, never what a step is."""

import contextlib
import inspect
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from dlcourse.engine import checkpoint, distributed
from dlcourse.engine.build import objection
from dlcourse.engine.device import return_freed_memory
from dlcourse.engine.logger import NullLogger, RunLogger, lowest
from dlcourse.engine.optimization import Metrics
from dlcourse.engine.profiling import span
from dlcourse.engine.signals import Interrupted, SignalHandler, announce
from dlcourse.engine.task import Task
from dlcourse.errors import UserError

PRECISIONS = ("fp32", "tf32", "bf16")
MAX_THREADS = 1024
COUNTS = ("max_steps", "log_every", "evaluate_every", "visualize_every", "checkpoint_every", "keep_checkpoints",
          "num_threads")  # fmt: skip
OnLog = Callable[[int, Metrics], None]  # updates done, and what was logged then, if anything


class Runner:
    """Steps a task to `max_steps` and, at intervals counted in steps, logs, evaluates, draws and saves it.

    Evaluation, images and a checkpoint also come after the last step, whatever their intervals.

    Args:
        seed: of everything random in the steps; step t draws from a generator seeded with (seed, t).
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "tf32" (fp32 with TF32 products on NVIDIA GPUs) or "bf16" (autocast; parameters stay fp32).
        num_threads: of the CPU's arithmetic, >= 1; None is torch's choice. Small networks are fastest with 1.
        compile: whether networks are compiled by torch.compile: minutes at the start for faster steps.
        max_steps: updates of the whole run, >= 1; None: as many as the task says.
        log_every: steps from one row of metrics to the next, >= 1.
        evaluate_every, visualize_every, checkpoint_every: the same for these, >= 1; None: only after the last step.
        keep_checkpoints: how many of the newest checkpoints stay, >= 1.
        keep_best: tag of a metric of the evaluations; the checkpoint where it was lowest stays as best.pt. None: none.
        profile: whether torch's profiler looks at a few steps; see `dlcourse.engine.profiling.Profile`.

    Raises:
        ValueError: a value outside these ranges, or a device that is not there.
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
        autocast(self.device, precision)  # refuses an unknown one
        self.generators = default_generators(self.device)

    def total_steps(self, task: Task) -> int:
        """Updates of the whole run: `max_steps`, or else what the task says.

        Raises:
            UserError: neither says it.
        """
        steps = task.total_steps() if self.max_steps is None else self.max_steps
        if steps is None:
            raise UserError("runner.max_steps: null is for tasks that know their own end; give a number of steps")
        return steps

    def is_complete(self, task: Task, step: int) -> bool:
        """Whether a task that is set up has nothing left to do after `step` updates."""
        return step >= self.total_steps(task) or task.is_finished()

    def prepare(self, task: Task) -> None:
        """Set a task up on the device, ready for its first step.

        Nothing is written: whatever can be wrong with a run is found out before its folder exists.

        Raises:
            UserError: a value that the data or the device refuse.
        """
        allow_tf32(self.precision)
        torch.backends.cudnn.deterministic = True  # resume repeats a step bit for bit
        torch.set_num_threads(self.num_threads or torch.get_num_threads())
        return_freed_memory()  # networks leave much behind when they are drawn, read or cut
        try:
            task.setup(self.device)
        except ValueError as error:
            raise UserError(objection("task", error, inspect.signature(type(task)).parameters)) from error
        if self.compile:
            torch._dynamo.config.recompile_limit = 64  # a network that grows is compiled for every level of detail
            for network in task.networks():
                network.compile()

    def restore(self, task: Task, run_dir: Path, config: dict[str, Any]) -> int:
        """Load the newest checkpoint of `run_dir` that is whole into a task that is set up.

        Returns:
            The step to go on from; 0 for a new run.

        Raises:
            UserError: the checkpoints are broken, or of another model than that of `config`.
        """
        saved = checkpoint.load_newest(run_dir)
        if saved is None:
            return 0
        saved.check_same_model(config)
        saved.restore(task.state())
        return saved.step

    def train(
        self, task: Task, run_dir: Path, config: dict[str, Any], step: int = 0, on_log: OnLog = lambda *_: None
    ) -> None:
        """Train a task that is set up, from `step` to the end, and keep the record in `run_dir`.

        `on_log` is told every record; what it raises ends the training.

        Raises:
            Interrupted: a signal asked for the end; there is a checkpoint of the last step.
            UserError: a checkpoint cannot be written, or a loss, a result or a weight is not finite any more.
        """
        total = self.total_steps(task)
        make = NullLogger if distributed.rank() else RunLogger  # process 0 keeps the record
        with SignalHandler(announce) as interruption, make(run_dir, config, step, total, self.profile) as logger:
            best, is_last = lowest(run_dir, self.keep_best), self.is_complete(task, step)
            while not is_last:
                metrics = self.step(task, step)
                step += 1
                is_last = step >= total or task.is_finished()
                record: Metrics = task.evaluate() if is_last or is_due(step, self.evaluate_every) else {}
                is_last |= task.is_finished()  # what was measured may be a reason to stop
                if is_last:
                    record |= finalize(task, step)
                value = float(record.get(self.keep_best or "", best))
                if is_last or is_due(step, self.log_every):
                    record = metrics | record
                logger.advance(step, record, is_last)
                on_log(step, record)
                if is_last or is_due(step, self.visualize_every):
                    logger.images(step, task.visualize())
                    logger.histograms(step, task.histograms())
                signum = distributed.all_reduce_max(interruption.signum)
                is_newest, is_best = is_last or bool(signum) or is_due(step, self.checkpoint_every), value < best
                if is_newest or is_best:
                    self.save(task, run_dir, config, step, is_newest, is_best)
                best = min(best, value)
                if signum and not is_last:
                    raise Interrupted(signum, step)
        if interruption.signum:  # too late for this run, but not for those that were to follow
            raise Interrupted(interruption.signum, step)

    def step(self, task: Task, step: int) -> Metrics:
        """Step number `step` of a task: what it draws follows from the seed and the number alone."""
        for generator in self.generators:
            generator.manual_seed(step_seed(self.seed, step))
        with span("step"), autocast(self.device, self.precision):
            return task.step()

    def save(
        self, task: Task, run_dir: Path, config: dict[str, Any], step: int, is_newest: bool, is_best: bool
    ) -> None:
        """Write the checkpoint of `step` where it belongs, and when it is safe let go of the oldest.

        Process 0 writes; the others wait for it, unless it is only the best one.
        """
        state = state_of(task)
        check_finite(step, {}, state)
        if distributed.rank() == 0:
            if is_best:
                checkpoint.save(checkpoint.path_of_best(run_dir), step, config, state)
            if is_newest:
                checkpoint.save(checkpoint.path_for(run_dir, step), step, config, state)
                checkpoint.prune(run_dir, self.keep_checkpoints)
        if is_newest:
            distributed.barrier()


def is_due(step: int, every: int | None) -> bool:
    """Whether something that happens every so many steps happens after this one; None: never."""
    return every is not None and step % every == 0


def state_of(task: Task) -> dict[str, Any]:
    """The state that a checkpoint of a task holds: name -> state_dict."""
    return {name: part.state_dict() for name, part in task.state().items()}


def finalize(task: Task, step: int) -> Metrics:
    """The results of a task after `step` updates, its last one; UserError if they are no numbers."""
    results = task.finalize()
    check_finite(step, results, state_of(task))
    return results


def check_finite(step: int, metrics: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise UserError for metrics or tensors that hold NaN or infinity: they are no result, and nothing to go on from.

    Args:
        step: updates done.
        metrics: tag -> number.
        state: name -> state_dict.
    """
    wrong = [f"{tag} is {float(value)}" for tag, value in metrics.items() if not math.isfinite(float(value))]
    tensors = ((name, value) for name, value in checkpoint.flatten(state).items() if isinstance(value, torch.Tensor))
    wrong += [f"{name} is not finite" for name, tensor in tensors if not bool(tensor.isfinite().all())]
    if wrong:
        others = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        cure = "try a smaller lr of the optimizer, or precision=fp32"
        raise UserError(f"step {step}: {', '.join(wrong[:3])}{others}, so nothing of it is kept; {cure}")


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """A context in which networks compute in `precision`; casts are not cached, as a step updates networks in between.

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "bf16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def allow_tf32(precision: str) -> None:
    """Let products and convolutions of float32 on NVIDIA GPUs round their inputs to TF32's ten bits, but for fp32."""
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "fp32"


def step_seed(seed: int, step: int) -> int:
    """The generator's seed in step `step`: distinct for every step of a run, far apart for different runs.

    32 bits, because torch's CPU generator (mt19937) looks at no more.
    """
    return (zlib.crc32(str(seed).encode()) + step) % 2**32


def default_generators(device: torch.device) -> list[torch.Generator]:
    """The generators that torch draws from on `device` and on the CPU.

    Seeding them directly takes a microsecond; `torch.manual_seed` visits every backend and takes a hundred.
    """
    of_device = {
        "cuda": lambda: torch.cuda.default_generators[device.index or 0],
        "mps": torch.mps._get_default_mps_generator,
    }
    return [torch.default_generator, *(get() for kind, get in of_device.items() if kind == device.type)]


def find_device(name: str) -> torch.device:
    """The device called `name`; "auto" is CUDA where there is a GPU, else MPS, else the CPU.

    Raises:
        ValueError: no such device on this machine.
    """
    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if has_mps else "cpu")
    try:
        found = torch.zeros(1, device=name)
        found.item()  # proof that it works; "meta" does not
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device={name} cannot be used here ({reason}); try device=auto or device=cpu") from error
    return found.device  # with its index
