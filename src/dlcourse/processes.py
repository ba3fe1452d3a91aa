"""Several processes that train one model, each on its part of every minibatch; alone unless torchrun started them."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, distributed

from dlcourse.terminal import say

SHARED_DEVICES = ("auto", "cpu", "cuda")


@contextlib.contextmanager
def joined(device: str) -> Iterator[None]:
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


def is_one_of_several() -> bool:
    """Whether this process was started as one of several, and will join them."""
    return "RANK" in os.environ


def launch(number: int, device: str, work: Callable[..., None], *args: Any) -> int:
    """Run work(*args) in `number` processes of this machine, with torchrun's own launcher, and wait for them.

    When one of them fails the others are ended; signals are passed on.

    Args:
        number: of processes, and of GPUs unless there are none or `device` is "cpu".
        device: of them all, "auto", "cpu" or "cuda".
        work: a function at the top of a module.
        args: what can be pickled.

    Returns:
        The exit status: 0, that of the first that failed, or 128 + signal.

    Raises:
        ValueError: fewer than one, more than there are GPUs, or a device that cannot be shared.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException  # here: they take a while
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if device not in SHARED_DEVICES:
        raise ValueError(f"devices={number} cannot share device={device}: give one of {', '.join(SHARED_DEVICES)}")
    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    if number < 1 or (gpus and number > gpus):
        on_gpus = f"1 to {gpus}, the GPUs of this machine, or device=cpu"
        raise ValueError(f"devices={number}: give {on_gpus if gpus else '1 or more, processes on its CPU'}")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // number)))
    config = LaunchConfig(
        1, 1, number, run_id=str(os.getpid()), rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0
    )
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").addFilter(has_news)
    try:
        elastic_launch(config, work)(*args)
    except SignalException as error:
        return 128 + error.sigval
    except ChildFailedError as error:
        return status_of(*error.get_first_failure())
    return 0


def status_of(failed: int, failure: Any) -> int:
    """The exit status of a process that failed; one that was killed is told, since it could not say it itself."""
    if failure.exitcode > 0:
        return failure.exitcode
    name = signal.Signals(-failure.exitcode).name
    say(f"process {failed} was ended by {name}, then the others", file=sys.stderr)
    return 128 - failure.exitcode


def has_news(record: logging.LogRecord) -> bool:
    """Whether the launcher's message says more than that a process, which has said why, has ended."""
    return not (record.exc_info and getattr(record.exc_info[0], "__name__", "") == "ProcessExitedException")


def wait() -> None:
    """Until all have come here."""
    if distributed.is_initialized():
        distributed.barrier()


def rank() -> int:
    """Which of the processes this is; 0 keeps the record."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def own_part(*tensors: Tensor) -> list[Tensor]:
    """This process's part of a minibatch, of each of its arrays; parts differ by at most one sample."""
    number = count()
    return list(tensors) if number == 1 else [tensor.tensor_split(number)[rank()] for tensor in tensors]


def own_draws() -> contextlib.AbstractContextManager[None]:
    """Within the block each process draws random numbers of its own; outside all draw the same."""
    return contextlib.nullcontext() if count() == 1 else drawing_apart()


@contextlib.contextmanager
def drawing_apart() -> Iterator[None]:
    """`own_draws` of several processes."""
    seed = int(torch.randint(2**31, ())) + rank()  # drawn by all: another one in each block
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
        torch.manual_seed(seed)
        yield


def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over the processes, in one message; every process then holds the same bits."""
    if count() == 1:
        return
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= count()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def largest(number: int) -> int:
    """The largest of the numbers that the processes have; waits for all of them, but for no GPU."""
    if count() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)
