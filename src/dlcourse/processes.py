"""Several processes that train one model, each on its part of every minibatch; alone unless torchrun started them."""

import contextlib
import os
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, distributed


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Within the block this process is one of those that torchrun started; if it did not, it stays alone."""
    if "RANK" not in os.environ:
        yield
        return
    has_gpus = torch.cuda.is_available()
    if has_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpus else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


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
