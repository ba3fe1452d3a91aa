"""The device that computes, and in which precision."""

import contextlib
import functools
import logging
import time

import torch

from dlcourse.errors import reason_of

PRECISIONS = ("fp32", "tf32", "bf16")
PRODUCT = 256  # rows and columns of the matrices that are multiplied to see how fast bfloat16 is


def find_device(name: str) -> torch.device:
    """The device called `name`, or ValueError; "auto" is CUDA if there is a GPU, else MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.zeros(1, device=name)
        found.item()  # fails on a device that cannot compute, such as "meta"
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={name} cannot be used here ({reason_of(error)}); try device=auto or device=cpu"
        ) from error
    return found.device  # with its index


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """A context in which networks compute in `precision`; ValueError for an unknown one.

    Casts of the weights are not cached, because a step may update networks between two forward passes.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "bf16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def set_precision(device: torch.device, precision: str) -> None:
    """Set up torch for a `precision` that `autocast` accepts; a warning if bf16 is slow on this CPU.

    NVIDIA GPUs may round the inputs of float32 products to TF32 (10 bits), unless it is fp32. CPUs without instructions
    for bfloat16 multiply it up to a hundred times slower than float32.
    """
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "fp32"
    if precision == "bf16" and device.type == "cpu":
        warn_if_bf16_is_slow()


@functools.cache  # once per process
def warn_if_bf16_is_slow() -> None:
    if seconds_of_product(torch.bfloat16) > 2 * seconds_of_product(torch.float32):
        words = "precision=bf16: this CPU multiplies bfloat16 slower than float32; precision=fp32 is faster here"
        logging.getLogger(__name__).warning(words)


def seconds_of_product(dtype: torch.dtype) -> float:
    """Of a matrix product on the CPU, the best of three."""
    matrix, seconds = torch.ones(PRODUCT, PRODUCT, dtype=dtype), []
    for _ in range(3):
        start = time.perf_counter()
        torch.mm(matrix, matrix)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def default_generators(device: torch.device) -> list[torch.Generator]:
    """torch's default generators of `device` and of the CPU.

    Seeding them directly takes a microsecond; `torch.manual_seed` seeds those of every backend and takes a hundred.
    """
    if device.type == "cuda":
        return [torch.default_generator, torch.cuda.default_generators[device.index or 0]]
    if device.type == "mps":
        return [torch.default_generator, torch.mps._get_default_mps_generator()]
    return [torch.default_generator]
