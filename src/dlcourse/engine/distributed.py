"""Data-parallel training: several processes train one model, each on a shard of every minibatch."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch import Tensor, distributed

from dlcourse.engine.signals import (
    Interrupted,
    SignalHandler,
    is_one_of_several,
    raise_on_signals,
    signals_blocked,
    unblock_signals,
)
from dlcourse.engine.standard_streams import outlive_readers
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

LEAST_PROCESSES = 8  # that any machine may be asked for
SHARED_DEVICES = ("auto", "cpu", "cuda")
MAX_MESSAGE = 60_000  # bytes; a pipe holds that much until it is read


@contextlib.contextmanager
def process_group(device: str) -> Iterator[None]:
    """Within the block the processes that torchrun or `launch` started can communicate; a single one needs nothing.

    Every process takes its own GPU, unless there is none or `device` is "cpu".
    """
    if not is_one_of_several():
        yield
        return
    has_gpus = torch.cuda.is_available() and device != "cpu"
    if has_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpus else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def launch(number: int, device: str, work: Callable[..., None], *args: Any) -> int:
    """Run work(*args) in `number` processes of this machine; return 0, or 128 + signal of one that was killed.

    When one of them fails the others are killed, and its exception is raised here. Signals are passed on to them; a
    second Ctrl-C kills them. When this process is killed, they get SIGTERM.

    Args:
        number: of processes, and of GPUs unless there are none or `device` is "cpu".
        device: of all of them, "auto", "cpu" or "cuda"; UserError if they cannot share it.
        work: a function at the top of a module; its arguments must be picklable.
    """
    check_devices(number, device)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // number)))
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # the rendezvous
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    about = number, store.port, failures, work, args
    workers = [context.Process(target=run_rank, args=(rank, *about)) for rank in range(number)]
    with SignalHandler(lambda signum: pass_on(signum, workers)) as handler:
        try:
            with signals_blocked():  # until the workers have handlers
                for worker in workers:
                    worker.start()
            if handler.signum:  # another thread received it while they started
                pass_on(handler.signum, workers)
            statuses = wait_for(workers)
        finally:
            for worker in workers:
                if worker.pid is not None:
                    worker.kill()
                    worker.join()
    return outcome(statuses, failures)


def check_devices(number: int, device: str) -> None:
    """Raise UserError unless so many processes can share a device."""
    if device not in SHARED_DEVICES:
        raise UserError(f"devices={number} cannot share device={device}: give one of {', '.join(SHARED_DEVICES)}")
    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    most = gpus or max(LEAST_PROCESSES, os.cpu_count() or 1)  # a config may be a stranger's
    if not 1 <= number <= most:
        what = "the GPUs of this machine, or device=cpu" if gpus else "processes on its CPU"
        raise UserError(f"devices={number}: give 1 to {most}, {what}")


def run_rank(
    rank: int, number: int, port: int, failures: Any, work: Callable[..., None], args: tuple[Any, ...]
) -> None:
    """Run `work` in a process that `launch` started, with the environment variables that torchrun sets.

    An exception is sent to the launcher, which prints it once. The status is 0 also after an interruption that left a
    checkpoint: process 0 may still be writing it when the others have ended.
    """
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number}
    os.environ.update({name: str(value) for name, value in (address | ranks).items()})
    threading.Thread(target=end_with_launcher, daemon=True).start()
    outlive_readers()
    try:
        raise_on_signals()
        unblock_signals()
        work(*args)
    except BaseException as error:
        failures.put(portable(error))
        sys.exit(0 if isinstance(error, Interrupted) and error.step is not None else 1)


def portable(error: BaseException) -> BaseException:
    """The exception in a form that can be pickled; with its traceback in a note unless it is a user's mistake."""
    if not isinstance(error, UserError | KeyboardInterrupt | SystemExit):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        if len(pickle.dumps(pickle.loads(pickle.dumps(error)))) <= MAX_MESSAGE:
            return error
    except Exception:  # libraries raise exceptions that cannot be pickled, in many ways
        pass
    return RuntimeError("".join(traceback.format_exception(error))[-MAX_MESSAGE // 4 :])


def end_with_launcher() -> None:
    """Wait until the launcher has ended, for whatever reason, and send SIGTERM to this process."""
    launcher = multiprocessing.parent_process()
    if launcher is not None:
        launcher.join()
        os.kill(os.getpid(), signal.SIGTERM)


def pass_on(signum: int, workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        if worker.pid is not None and worker.exitcode is None:
            os.kill(worker.pid, signum)


def wait_for(workers: Sequence[BaseProcess]) -> list[int | None]:
    """Wait until all have ended, or one has failed; return their exit statuses, negative for a signal."""
    while running := [worker.sentinel for worker in workers if worker.exitcode is None]:
        if any(worker.exitcode for worker in workers):
            break
        connection.wait(running)
    return [worker.exitcode for worker in workers]


def outcome(statuses: Sequence[int | None], failures: Any) -> int:
    """The exit status of all; raises the first exception. A process that was killed sent none: it is reported here."""
    for rank, status in enumerate(statuses):
        if status is not None and status < 0:
            say(f"process {rank} was ended by {signal.Signals(-status).name}, then the others", file=sys.stderr)
            return 128 - status
    if not failures.empty():
        raise failures.get()
    return max(status or 0 for status in statuses)


def barrier() -> None:
    """Wait until every process has called this."""
    if distributed.is_initialized():
        distributed.barrier()


def rank() -> int:
    """The rank of this process; rank 0 writes logs and checkpoints."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def shard(*tensors: Tensor) -> list[Tensor]:
    """This process's part of each tensor of a minibatch; the parts' sizes differ by at most one sample."""
    number = world_size()
    return list(tensors) if number == 1 else [tensor.tensor_split(number)[rank()] for tensor in tensors]


@contextlib.contextmanager
def per_rank_rng() -> Iterator[None]:
    """Within the block each process draws its own random numbers; outside, all draw the same."""
    if world_size() == 1:
        yield
        return
    seed = int(torch.randint(2**31, ())) + rank()  # drawn by all processes, so that every block has another
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
        torch.manual_seed(seed)
        yield


def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over the processes, in one all-reduce; afterwards all hold the same bits."""
    if world_size() == 1:
        return
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= world_size()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def all_reduce_max(number: int) -> int:
    """The largest `number` of all processes; waits for all of them, but not for a GPU."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)
