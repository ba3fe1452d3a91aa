"""A training to try things on, of which the real one does not know."""

import contextlib
import copy
from collections.abc import Iterator

import torch

from dlcourse.classifier.task import Classification


@contextlib.contextmanager
def rehearsal(task: Classification, seed: int) -> Iterator[Classification]:
    """Borrow a deep copy of a task that is set up: whatever becomes of it, the task trains on to the same bits.

    Weights, the optimizer's memory, the position in the data and torch's random state stay as they were, because
    it is others that change. The data are shared.

    Args:
        task: at any moment of its training.
        seed: of what the copy's steps draw.
    """
    arrays = (*task.train_set, *task.dev_set, *task.test_set)
    shared = {id(one): one for one in (task.dataset, *arrays)}
    with torch.random.fork_rng([task.device] if task.device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield copy.deepcopy(task, shared)
