"""Writes official network pickles, instruction by instruction.

Python's pickler would have to import the classes that the file names, which need TensorFlow, and would use today's
names of NumPy's functions, which the official code does not know.
"""

import struct
from typing import Any

import numpy as np

from dlcourse.stylegan.interop.unpickle import Network

PROTOCOL_4, EMPTY_TUPLE, NEW_OBJECT, REDUCE, BUILD, STOP = b"\x80\x04", b")", b"\x81", b"R", b"b", b"."
STACK_GLOBAL, MARK, TUPLE, EMPTY_LIST, APPENDS, EMPTY_DICT, SET_ITEMS = b"\x93", b"(", b"t", b"]", b"e", b"}", b"u"


def dumps(value: Any) -> bytes:
    """The pickle of networks, float32 arrays and plain data; TypeError for anything else."""
    return PROTOCOL_4 + instructions(value) + STOP


def instructions(value: Any) -> bytes:
    """The instructions that put `value` on the unpickler's stack."""
    if type(value) not in WRITERS:
        raise TypeError(f"{type(value).__name__} does not belong into a network pickle")
    return WRITERS[type(value)](value)


def named(module: str, name: str) -> bytes:
    """The instructions for a class or function, which pickles hold by name."""
    return text(module) + text(name) + STACK_GLOBAL


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def raw(value: bytes) -> bytes:
    return b"\x8e" + struct.pack("<Q", len(value)) + value


def sequence(value: tuple) -> bytes:
    return MARK + b"".join(map(instructions, value)) + TUPLE


def items(value: list) -> bytes:
    return EMPTY_LIST + MARK + b"".join(map(instructions, value)) + APPENDS


def mapping(value: dict) -> bytes:
    pairs = (instructions(name) + instructions(item) for name, item in value.items())
    return EMPTY_DICT + MARK + b"".join(pairs) + SET_ITEMS


def pickled_network(value: Network) -> bytes:
    return named("dnnlib.tflib.network", "Network") + EMPTY_TUPLE + NEW_OBJECT + mapping(value.state) + BUILD


def float32() -> bytes:
    """NumPy's dtype of little-endian float32."""
    state = (3, "<", None, None, None, -1, -1, 0)
    return named("numpy", "dtype") + sequence(("f4", False, True)) + REDUCE + sequence(state) + BUILD


def array(value: np.ndarray) -> bytes:
    """A float32 array, or a NumPy scalar if its shape is ()."""
    data = raw(np.ascontiguousarray(value, "<f4").tobytes())
    if not value.shape:
        return named("numpy.core.multiarray", "scalar") + MARK + float32() + data + TUPLE + REDUCE
    empty = MARK + named("numpy", "ndarray") + sequence((0,)) + raw(b"b") + TUPLE
    state = MARK + instructions(1) + sequence(value.shape) + float32() + instructions(False) + data + TUPLE
    return named("numpy.core.multiarray", "_reconstruct") + empty + REDUCE + state + BUILD


WRITERS: dict[type, Any] = {
    type(None): lambda value: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: lambda value: b"J" + struct.pack("<i", value),
    float: lambda value: b"G" + struct.pack(">d", value),
    str: text,
    bytes: raw,
    tuple: sequence,
    list: items,
    dict: mapping,
    np.ndarray: array,
    Network: pickled_network,
}
