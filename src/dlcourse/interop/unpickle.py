"""Official network pickles, read without TensorFlow, without `dnnlib` and without running anything from the file.

A pickle is a program. Of what it can ask for, only the names below are granted, and each stands here for a passive
record of ours: not even NumPy's own functions are called with the file's arguments.
"""

import math
import pickle
import pickletools
from io import BytesIO
from typing import Any

import numpy as np

from dlcourse.errors import UserError

MAX_INSTRUCTIONS = 1_000_000  # the official networks of 1024x1024 have under 20 000
DTYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
MEMO_WRITES = {"PUT", "BINPUT", "LONG_BINPUT"}


class RefusedError(UserError):
    """The file asks for something that it does not get."""


class Network:
    """What the file says of a network: name -> value, under `state`."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        """Keep the description, provided that it is one.

        Raises:
            UserError: anything else, or a network that is not StyleGAN v1's.
        """
        if not isinstance(state, dict):
            raise UserError("a network pickle whose network has no description")
        version = state.get("version")
        if isinstance(version, int) and version >= 4:
            raise UserError(f"a StyleGAN2 network pickle (version {version}); only StyleGAN v1 (2 and 3) is read")
        self.state = state


class Dtype:
    """numpy.dtype(name, align, copy), then its state (version, byte order, ...)."""

    def __init__(self, name: Any, *flags: Any):
        if not isinstance(name, str) or name not in DTYPES:
            raise RefusedError(f"refused: an array of type {str(name)[:40]!r}, where only numbers are taken")
        self.name, self.order = name, "<"

    def __setstate__(self, state: Any) -> None:
        """Only the byte order matters for numbers."""
        self.order = ">" if isinstance(state, tuple) and state[1:2] == (">",) else "<"

    def values(self, data: Any) -> np.ndarray:
        """The numbers of `data`, in the machine's own order."""
        raw = data.encode("latin1") if isinstance(data, str) else data
        dtype = np.dtype(self.order + self.name)
        if not isinstance(raw, bytes) or len(raw) % dtype.itemsize:
            raise UserError("a damaged network pickle: an array without its numbers")
        return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


class Array:
    """numpy's _reconstruct(ndarray, (0,), b"b"), then the state (version, shape, dtype, is_fortran, bytes)."""

    def __init__(self, *arguments: Any):
        self.array = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        """The array. It is as large as the bytes in the file, never larger.

        Raises:
            UserError: a shape that does not fit the bytes.
        """
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], Dtype):
            raise UserError("a damaged network pickle: an array without its description")
        _, shape, dtype, is_fortran, data = state
        values = dtype.values(data)
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise UserError("a damaged network pickle: an array without a shape")
        if math.prod(shape) != values.size or len(shape) > 8:
            raise UserError(f"a damaged network pickle: {values.size} numbers for an array of shape {shape}")
        self.array = values.reshape(shape, order="F" if is_fortran else "C")


class Scalar(Array):
    """numpy's scalar(dtype, bytes): an array of shape ()."""

    def __init__(self, dtype: Any, data: Any):
        Array.__setstate__(self, (1, (), dtype, False, data))

    def __setstate__(self, state: Any) -> None:
        """Scalars have no state."""
        raise UserError("a damaged network pickle: a number with a state")


class Mapping(dict):
    """A dict of the file's."""

    def __setstate__(self, state: Any) -> None:
        """Attributes of a dict are of no interest."""


class ArrayKind:
    """The name numpy.ndarray: only ever an argument."""

    def __setstate__(self, state: Any) -> None:
        """It has no state."""


GRANTED: dict[tuple[str, str], type] = {
    ("dnnlib.tflib.network", "Network"): Network,
    ("dnnlib.util", "EasyDict"): Mapping,
    ("collections", "OrderedDict"): Mapping,
    ("numpy", "dtype"): Dtype,
    ("numpy", "ndarray"): ArrayKind,
    **{(module, "_reconstruct"): Array for module in NUMPY},
    **{(module, "scalar"): Scalar for module in NUMPY},
}
OTHERS = {
    "torch_utils": "a PyTorch pickle of StyleGAN2-ADA or StyleGAN3; only StyleGAN v1 is read",
    "network": "a ProGAN network pickle; only StyleGAN v1 is read",
    "tfutil": "a ProGAN network pickle; only StyleGAN v1 is read",
}


class Unpickler(pickle.Unpickler):
    """pickle's machine with GRANTED for its whole world."""

    def find_class(self, module: str, name: str) -> Any:
        """The record that stands for a name.

        Raises:
            UserError: a name that is not granted.
        """
        if (module, name) in GRANTED:
            return GRANTED[module, name]
        if module.partition(".")[0] in OTHERS:
            raise UserError(OTHERS[module.partition(".")[0]])
        raise RefusedError(f"refused: the file asks to call {module}.{name}")


def loads(data: bytes) -> Any:
    """The content of an official network pickle, with `Network`s and arrays in it.

    Memory is bounded by the size of the file: the instructions are looked through before the first is followed.

    Raises:
        UserError: a name that is not granted, a truncated file, or no pickle at all.
    """
    look_through(data)
    try:
        return Unpickler(BytesIO(data), encoding="latin1").load()
    except UserError:
        raise
    except Exception as error:  # a broken or hostile program fails in any way
        raise UserError(f"a damaged network pickle ({' '.join(str(error).split())[:100]})") from error


def look_through(data: bytes) -> None:
    """Raise UserError for a pickle that is cut short, endless, or makes the machine's memory table huge."""
    count = 0
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data), 1):
            if count > MAX_INSTRUCTIONS or (instruction.name in MEMO_WRITES and int(argument or 0) > count):
                raise RefusedError("refused: not the pickle of a network, it asks for too much memory")
    except ValueError as error:
        after = f"after {count} instructions" if count else "from its first byte on"
        raise UserError(f"a pickle that is cut short or damaged {after} ({error})") from error
