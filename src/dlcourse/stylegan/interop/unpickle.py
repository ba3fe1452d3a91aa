"""Reads official network pickles without TensorFlow, without `dnnlib` and without running anything from the file.

Of the names that a pickle may ask for, only those in GRANTED are allowed. Each gives a plain record defined here; not
even NumPy's functions are called with the file's arguments.
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
    """The description of a network, name -> value, in `state`."""

    is_content = True

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        """Keep the description; ValueError if it is none, or of another network than StyleGAN v1."""
        if not isinstance(state, dict):
            raise ValueError("a network pickle whose network has no description")
        version = state.get("version")
        if isinstance(version, int) and version >= 4:
            raise ValueError(f"a StyleGAN2 network pickle (version {version}); only StyleGAN v1 (2 and 3) is read")
        self.state = state


class Dtype(Record):
    """Stands for numpy.dtype(name, align, copy); its state is (version, byte order, ...)."""

    def __init__(self, name: Any, *flags: Any):
        if not isinstance(name, str) or name not in DTYPES:
            raise RefusedError(f"refused: an array of type {str(name)[:40]!r}, where only numbers are taken")
        self.name, self.order = name, "<"

    def set_state(self, state: Any) -> None:
        """Take the byte order, all that matters for numbers."""
        self.order = ">" if isinstance(state, tuple) and state[1:2] == (">",) else "<"

    def values(self, raw: bytes) -> np.ndarray:
        """The numbers of `raw`, in the machine's own order."""
        dtype = np.dtype(self.order + self.name)
        return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


class Array(Record):
    """Stands for numpy's _reconstruct(ndarray, (0,), b"b"); its state is (version, shape, dtype, is_fortran, bytes).

    The numbers are read from the bytes only on demand, since many arrays may share the same bytes.
    """

    is_content = True

    def __init__(self, *arguments: Any):
        self.nbytes = 0  # `Machine` limits the sum of these
        self.numbers: Callable[[], np.ndarray] = partial(np.empty, 0)

    def set_state(self, state: Any) -> None:
        """Take shape and bytes; ValueError unless they fit each other, so that no array is larger than its bytes."""
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
    """Stands for numpy's scalar(dtype, bytes): an array of shape ()."""

    def __init__(self, dtype: Any, data: Any):
        super().__init__()
        super().set_state((1, (), dtype, False, data))

    def set_state(self, state: Any) -> None:
        raise ValueError("a number with a state")


class ArrayKind(Record):
    """Stands for numpy.ndarray, which is only used as an argument."""


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
    """What kind of pickle asks for this name, if known; for the message that refuses it."""
    return OTHERS.get(name[0].partition(".")[0])


def loads(data: bytes) -> Any:
    """The content of an official network pickle, with `Network`s and `Array`s in it; UserError for any other."""
    try:
        return Machine(GRANTED, len(data), other).run(BytesIO(data))
    except RefusedError as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        raise UserError(f"a damaged network pickle: {error}") from error
