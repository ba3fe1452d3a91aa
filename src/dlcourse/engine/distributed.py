"""Several processes that train one model, each on its part of every minibatch; alone unless torchrun started them."""

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
    held_back,
    is_one_of_several,
    let_through,
    raise_on_signals,
)
from dlcourse.engine.standard_streams import outlive_readers
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

SHARED_DEVICES = ("auto", "cpu", "cuda")
MAX_MESSAGE = 60_000  # bytes, which a pipe holds until they are read


@contextlib.contextmanager
def process_group(device: str) -> Iterator[None]:
    """Within the block this process is one of those that torchrun started; if it did not, it stays alone.

    Every process takes a GPU of its own, unless there is none or `device` is "cpu".
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
    """Run work(*args) in `number` processes of this machine, and wait for them.

    When one of them fails the others are ended, and what it raised is raised here. A signal is passed on to them, and
    they end as `work` does; a second Ctrl-C ends them on the spot. When this process is killed, they get SIGTERM.

    Args:
        number: of processes, and of GPUs unless there are none or `device` is "cpu".
        device: of them all, "auto", "cpu" or "cuda".
        work: a function at the top of a module.
        args: what can be pickled.

    Returns:
        The exit status: 0, or 128 + signal of a process that was killed.

    Raises:
        ValueError: fewer than one, more than there are GPUs, or a device that cannot be shared.
    """
    check_devices(number, device)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // number)))
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # where they meet
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    about = number, store.port, failures, work, args
    workers = [context.Process(target=take_part, args=(rank, *about)) for rank in range(number)]
    with SignalHandler(lambda signum: pass_on(signum, workers)) as interruption:
        try:
            with held_back():  # until they have handlers
                for worker in workers:
                    worker.start()
            if interruption.signum:  # another thread took it while they started
                pass_on(interruption.signum, workers)
            statuses = wait_for(workers)
        finally:
            for worker in workers:
                if worker.pid is not None:
                    worker.kill()
                    worker.join()
    return outcome(statuses, failures)


def check_devices(number: int, device: str) -> None:
    """Raise ValueError if `number` processes cannot share the device."""
    if device not in SHARED_DEVICES:
        raise ValueError(f"devices={number} cannot share device={device}: give one of {', '.join(SHARED_DEVICES)}")
    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    if number < 1 or (gpus and number > gpus):
        on_gpus = f"1 to {gpus}, the GPUs of this machine, or device=cpu"
        raise ValueError(f"devices={number}: give {on_gpus if gpus else '1 or more, processes on its CPU'}")


def take_part(
    rank: int, number: int, port: int, failures: Any, work: Callable[..., None], args: tuple[Any, ...]
) -> None:
    """Run `work` in a process that was launched, with the environment variables that torchrun sets.

    An exception goes to the launcher, which tells it once. The status is 0 also after an interruption that left a
    checkpoint: process 0 may still be writing it when the others are through.
    """
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number}
    os.environ.update({name: str(value) for name, value in (address | ranks).items()})
    threading.Thread(target=end_with_launcher, daemon=True).start()
    outlive_readers()
    try:
        raise_on_signals()
        let_through()
        work(*args)
    except BaseException as error:
        failures.put(portable(error))
        sys.exit(0 if isinstance(error, Interrupted) and error.step is not None else 1)


def portable(error: BaseException) -> BaseException:
    """The exception as it can be sent to another process, its traceback in a note unless it is a user's mistake."""
    if not isinstance(error, UserError | KeyboardInterrupt | SystemExit):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        if len(pickle.dumps(pickle.loads(pickle.dumps(error)))) <= MAX_MESSAGE:
            return error
    except Exception:  # of whatever kind, from whatever library
        pass
    return RuntimeError("".join(traceback.format_exception(error))[-MAX_MESSAGE // 4 :])


def end_with_launcher() -> None:
    """Wait until the launcher has ended, in whatever way, and send SIGTERM to this process."""
    launcher = multiprocessing.parent_process()
    if launcher is not None:
        launcher.join()
        os.kill(os.getpid(), signal.SIGTERM)


def pass_on(signum: int, workers: Sequence[BaseProcess]) -> None:
    """Send a signal to all that run."""
    for worker in workers:
        if worker.pid is not None and worker.exitcode is None:
            os.kill(worker.pid, signum)


def wait_for(workers: Sequence[BaseProcess]) -> list[int | None]:
    """Wait until all have ended, or one has failed; their exit statuses, negative for a signal."""
    while running := [worker.sentinel for worker in workers if worker.exitcode is None]:
        if any(worker.exitcode for worker in workers):
            break
        connection.wait(running)
    return [worker.exitcode for worker in workers]


def outcome(statuses: Sequence[int | None], failures: Any) -> int:
    """The exit status of them all; what was raised first is raised, and who was killed is told, who could not."""
    for rank, status in enumerate(statuses):
        if status is not None and status < 0:
            say(f"process {rank} was ended by {signal.Signals(-status).name}, then the others", file=sys.stderr)
            return 128 - status
    if not failures.empty():
        raise failures.get()
    return max(status or 0 for status in statuses)


def barrier() -> None:
    """Return once every process has come here."""
    if distributed.is_initialized():
        distributed.barrier()


def rank() -> int:
    """The rank of this process; rank 0 keeps the record."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """The number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def shard(*tensors: Tensor) -> list[Tensor]:
    """This process's part of a minibatch, of each of its arrays; parts differ by at most one sample."""
    number = world_size()
    return list(tensors) if number == 1 else [tensor.tensor_split(number)[rank()] for tensor in tensors]


def per_rank_rng() -> contextlib.AbstractContextManager[None]:
    """Within the block each process draws random numbers of its own; outside all draw the same."""
    return contextlib.nullcontext() if world_size() == 1 else seeded_by_rank()


@contextlib.contextmanager
def seeded_by_rank() -> Iterator[None]:
    """`per_rank_rng` where there are several processes."""
    seed = int(torch.randint(2**31, ())) + rank()  # drawn by all: another one in each block
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
        torch.manual_seed(seed)
        yield


def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over the processes, in one message; every process then holds the same bits."""
    if world_size() == 1:
        return
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= world_size()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def all_reduce_max(number: int) -> int:
    """The largest of the numbers that the processes have; waits for all of them, but for no GPU."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)
