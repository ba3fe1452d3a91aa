"""Official network pickles, read without TensorFlow, without `dnnlib` and without running anything from the file.

Of the names that such a pickle asks for, only those below are granted, and each stands here for a passive record of
ours: not even NumPy's own functions are called with the file's arguments.
"""

import math
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from dlcourse.errors import UserError
from dlcourse.files.pickle_reader import Function, Granted, Machine, Name, Record, RefusedError, of_type, ordered

DTYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")


class Network(Record):
    """What the file says of a network: name -> value, under `state`."""

    is_content = True

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        """Keep the description, provided that it is one.

        Raises:
            ValueError: anything else, or a network that is not StyleGAN v1's.
        """
        if not isinstance(state, dict):
            raise ValueError("a network pickle whose network has no description")
        version = state.get("version")
        if isinstance(version, int) and version >= 4:
            raise ValueError(f"a StyleGAN2 network pickle (version {version}); only StyleGAN v1 (2 and 3) is read")
        self.state = state


class Dtype(Record):
    """numpy.dtype(name, align, copy), then its state (version, byte order, ...)."""

    def __init__(self, name: Any, *flags: Any):
        if not isinstance(name, str) or name not in DTYPES:
            raise RefusedError(f"refused: an array of type {str(name)[:40]!r}, where only numbers are taken")
        self.name, self.order = name, "<"

    def set_state(self, state: Any) -> None:
        """Only the byte order matters for numbers."""
        self.order = ">" if isinstance(state, tuple) and state[1:2] == (">",) else "<"

    def values(self, raw: bytes) -> np.ndarray:
        """The numbers of `raw`, in the machine's own order."""
        dtype = np.dtype(self.order + self.name)
        return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


class Array(Record):
    """numpy's _reconstruct(ndarray, (0,), b"b"), then the state (version, shape, dtype, is_fortran, bytes).

    The numbers are taken out of the bytes when they are asked for: many arrays may share them.

    Attributes:
        nbytes: of the numbers.
    """

    is_content = True

    def __init__(self, *arguments: Any):
        self.nbytes = 0
        self.numbers: Callable[[], np.ndarray] = partial(np.empty, 0)

    def set_state(self, state: Any) -> None:
        """The array. It is as large as the bytes in the file, never larger."""
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], Dtype):
            raise ValueError("an array without its description")
        _, shape, dtype, is_fortran, data = state
        raw = data.encode("latin1") if isinstance(data, str) else of_type(data, bytes)
        size, rest = divmod(len(raw), np.dtype(dtype.name).itemsize)
        if rest:
            raise ValueError("an array without its numbers")
        if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("an array without a shape")
        if math.prod(shape) != size or len(shape) > 8:
            raise ValueError(f"{size} numbers for an array of shape {shape}")
        self.nbytes = len(raw)
        self.numbers = lambda: dtype.values(raw).reshape(shape, order="F" if is_fortran else "C")

    @property
    def array(self) -> np.ndarray:
        return self.numbers()


class Scalar(Array):
    """numpy's scalar(dtype, bytes): an array of shape ()."""

    def __init__(self, dtype: Any, data: Any):
        super().__init__()
        super().set_state((1, (), dtype, False, data))

    def set_state(self, state: Any) -> None:
        raise ValueError("a number with a state")


class ArrayKind(Record):
    """The name numpy.ndarray: only ever an argument."""


GRANTED: Granted = {
    ("dnnlib.tflib.network", "Network"): Function(Network),
    ("dnnlib.util", "EasyDict"): Function(dict),
    ("collections", "OrderedDict"): Function(ordered),
    ("numpy", "dtype"): Function(Dtype),
    ("numpy", "ndarray"): ArrayKind(),
    **{(module, "_reconstruct"): Function(Array) for module in NUMPY},
    **{(module, "scalar"): Function(Scalar) for module in NUMPY},
}
OTHERS = {
    "torch_utils": "a PyTorch pickle of StyleGAN2-ADA or StyleGAN3; only StyleGAN v1 is read",
    "network": "a ProGAN network pickle; only StyleGAN v1 is read",
    "tfutil": "a ProGAN network pickle; only StyleGAN v1 is read",
}


def other(name: Name) -> str | None:
    """What a pickle is that asks for a name which is not granted, if that is known."""
    return OTHERS.get(name[0].partition(".")[0])


def loads(data: bytes) -> Any:
    """The content of an official network pickle, with `Network`s and arrays in it; see `pickle_machine`.

    Raises:
        UserError: a name that is not granted, a truncated file, or no pickle at all.
    """
    try:
        return Machine(GRANTED, len(data), other).run(BytesIO(data))
    except RefusedError as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        raise UserError(f"a damaged network pickle: {error}") from error
