"""Endless, seeded, resumable batches of data that lie in memory."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from dlcourse.engine import distributed
from dlcourse.engine.profiling import span


class BatchStream(Iterator[tuple[Tensor, ...]]):
    """Endless batches whose order is a function of (seed, samples seen).

    Each epoch visits every sample once, in its own permutation; its last batch has what is left. Whole batches are
    indexed on the device, never sample by sample. The state is one integer, the number of samples seen.

    Args:
        tensors: arrays of equal length N >= 1 along dimension 0, on the device of the batches.
        batch_size: samples per batch, at least 1; None, or N and more, is the full batch, in the data's own order.
        seed: of the permutations.
    """

    def __init__(self, tensors: tuple[Tensor, ...], batch_size: int | None, seed: int):
        lengths = {len(tensor) for tensor in tensors}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"the arrays of a stream must have one length of at least 1, got {sorted(lengths)}")
        self.tensors = tensors
        self.num_samples = lengths.pop()
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, or null for all samples, got {batch_size}")
        if batch_size is not None and batch_size > self.num_samples:
            logging.getLogger(__name__).warning(
                f"batch_size={batch_size}, but there are {self.num_samples} samples: each batch is all of them"
            )
        self.batch_size = min(batch_size or self.num_samples, self.num_samples)
        self.seed = seed
        self.samples_seen = 0
        self.drawn_epoch = -1
        self.order = torch.empty(0, dtype=torch.int64)

    def __next__(self) -> tuple[Tensor, ...]:
        if self.batch_size == self.num_samples:
            self.samples_seen += self.num_samples
            return self.tensors
        left = self.num_samples - self.samples_seen % self.num_samples  # in this epoch
        return self.take(min(self.batch_size, left))

    def check_shards(self) -> None:
        """Raise ValueError if some batch has fewer samples than there are processes to share it."""
        smallest, count = self.num_samples % self.batch_size or self.batch_size, distributed.world_size()
        if smallest < count:
            raise ValueError(f"a batch of {smallest} samples, of {self.num_samples}, is too few for {count} processes")

    def next_shard(self, augment: Callable[..., tuple[Tensor, ...]]) -> tuple[list[Tensor], float]:
        """This process's part of the next batch, and the weight of its mean in the mean over processes.

        `augment` is called with the whole batch in every process, so that all draw the same random numbers.
        """
        with span("data"):
            batch = augment(*next(self))
        number = distributed.world_size()
        if number == 1:
            return list(batch), 1.0
        shard = distributed.shard(*batch)
        return shard, len(shard[0]) * number / len(batch[0])

    def take(self, count: int) -> tuple[Tensor, ...]:
        """The next `count` samples, across the end of an epoch: such batches are never short."""
        parts = []
        while count:
            epoch, position = divmod(self.samples_seen, self.num_samples)
            parts.append(self.permutation(epoch)[position : position + count])
            self.samples_seen += len(parts[-1])
            count -= len(parts[-1])
        chosen = torch.cat(parts)
        return tuple(tensor[chosen] for tensor in self.tensors)

    def permutation(self, epoch: int) -> Tensor:
        """The order of an epoch, int64 (N,), a function of (seed, epoch)."""
        if epoch != self.drawn_epoch:
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**32)
            self.order = torch.randperm(self.num_samples, generator=generator).to(self.tensors[0].device)
            self.drawn_epoch = epoch
        return self.order

    def epochs_seen(self) -> float:
        return self.samples_seen / self.num_samples

    def state_dict(self) -> dict[str, Any]:
        return {"samples_seen": self.samples_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.samples_seen = state_dict["samples_seen"]
