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
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"J" + struct.pack("<i", value)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            data = value.encode()
            return b"X" + struct.pack("<I", len(data)) + data
        case bytes():
            return b"\x8e" + struct.pack("<Q", len(value)) + value
        case tuple():
            return MARK + b"".join(map(instructions, value)) + TUPLE
        case list():
            return EMPTY_LIST + MARK + b"".join(map(instructions, value)) + APPENDS
        case dict():
            pairs = (instructions(name) + instructions(item) for name, item in value.items())
            return EMPTY_DICT + MARK + b"".join(pairs) + SET_ITEMS
        case np.ndarray():
            return array(value)
        case Network():
            made = named("dnnlib.tflib.network", "Network") + EMPTY_TUPLE + NEW_OBJECT
            return made + instructions(value.state) + BUILD
    raise TypeError(f"{type(value).__name__} does not belong into a network pickle")


def named(module: str, name: str) -> bytes:
    """The instructions for a class or function, which pickles hold by name."""
    return instructions(module) + instructions(name) + STACK_GLOBAL


def array(value: np.ndarray) -> bytes:
    """A float32 array, or a NumPy scalar if its shape is ()."""
    order = instructions((3, "<", None, None, None, -1, -1, 0))
    dtype = named("numpy", "dtype") + instructions(("f4", False, True)) + REDUCE + order + BUILD
    data = instructions(np.ascontiguousarray(value, "<f4").tobytes())
    if not value.shape:
        return named("numpy.core.multiarray", "scalar") + MARK + dtype + data + TUPLE + REDUCE
    empty = MARK + named("numpy", "ndarray") + instructions((0,)) + instructions(b"b") + TUPLE
    state = MARK + instructions(1) + instructions(value.shape) + dtype + instructions(False) + data + TUPLE
    return named("numpy.core.multiarray", "_reconstruct") + empty + REDUCE + state + BUILD
