"""A reader of untrusted pickles: it makes plain data, imports nothing, and calls only the functions it was given.

A pickle is a program. Python's own reader calls any function that the program names, hashes keys whose hash takes for
ever, and allocates as much memory as the program asks for. This reader accepts only the instructions that checkpoints
consist of, each with bounded time and memory, so that the total is bounded by the length of the file.
"""

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from dlcourse.errors import reason_of
from dlcourse.files.bounded import RefusedError

MAX_INSTRUCTIONS = 500_000  # the official networks of 1024x1024 have fewer than 20 000
MAX_VALUES = 500_000  # in the content; a value that is referenced twice counts twice
MAX_DEPTH = 100
MAX_SHARING = 4  # times the length of the file: bytes of all arrays together, which may share memory
MAX_BITS = 64  # of integers: longer ones can be chosen so that their hashes collide
KEYS = (str, int, float, bool, bytes, type(None))  # exact types; hashing a tuple can take for ever

Name = tuple[str, str]  # (module, name)
Granted = Mapping[Name, Any]


class Record:
    """Base of the objects that programs make, other than plain data; `state` is set by the program."""

    state: Any = None
    is_content = False  # whether it may be part of the result; otherwise it is only an argument

    def set_state(self, state: Any) -> None:
        raise ValueError(f"a {type(self).__name__.lower()} with a state")


@dataclass
class Function(Record):
    """A function that programs may call."""

    call: Callable[..., Any]


@dataclass
class Machine:
    """Runs one program after another from a file.

    Args:
        granted: (module, name) -> the object of this name; only a `Function` can be called.
        length: bytes of the file.
        refuse: returns the message for any other name, or None for the usual one.
    """

    granted: Granted
    length: int
    refuse: Callable[[Name], str | None] = lambda name: None

    def run(self, file: BinaryIO) -> Any:
        """Run the program at the file's position, and move the position behind it; return its result.

        Raises:
            ValueError: a name that is not granted, or a program that is truncated or damaged.
        """
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        count = 0
        try:
            for count, (instruction, argument, _) in enumerate(pickletools.genops(file), 1):
                if count > MAX_INSTRUCTIONS:
                    raise RefusedError("refused: too much memory, too many instructions")
                if instruction.name not in INSTRUCTIONS:
                    raise RefusedError(f"refused: the file asks for {instruction.name}")
                INSTRUCTIONS[instruction.name](self, argument)
            (content,) = self.stack
        except RefusedError:
            raise
        except Exception as error:  # a damaged or hostile program can fail in any way
            after = f"after {count} instructions" if count else "from its first byte on"
            raise ValueError(f"cut short or damaged {after} ({reason_of(error)})") from error
        check_grown(content, MAX_SHARING * self.length)
        return content

    # --- instructions; each takes its argument from the program ---

    def push(self, argument: Any) -> None:
        if type(argument) is int and argument.bit_length() > MAX_BITS:
            raise RefusedError(f"refused: a whole number of {argument.bit_length()} bits")
        self.stack.append(argument)

    def mark(self, argument: Any) -> None:
        """Start a new list of values, for `collected`."""
        self.marked.append(self.stack)
        self.stack = []

    def collected(self) -> list[Any]:
        """Pop all values since the last mark."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    def append(self, items: list[Any]) -> None:
        of_type(self.stack[-1], list).extend(items)

    def add(self, items: list[Any]) -> None:
        of_type(self.stack[-1], set).update(map(key, items))

    def assign(self, items: list[Any]) -> None:
        of_type(self.stack[-1], dict, OrderedDict).update(key_value_pairs(items))

    def keep(self, place: int | None) -> None:
        """Store the value on top in the memo, which in other readers is an array as long as the largest place."""
        if place is not None and place > MAX_INSTRUCTIONS:
            raise RefusedError("refused: not the pickle of a network, it asks for too much memory")
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    def find(self, module: str, name: str) -> None:
        """Push the object of a name."""
        if (module, name) not in self.granted:
            usual = f"refused: the file asks to call {module[:60]}.{name[:60]}"
            raise RefusedError(self.refuse((module, name)) or usual)
        self.stack.append(self.granted[module, name])

    def find_from_stack(self, argument: Any) -> None:
        """`find` for the name on top of its module."""
        name, module = of_type(self.stack.pop(), str), of_type(self.stack.pop(), str)
        self.find(module, name)

    def call(self, argument: Any) -> None:
        """Call the function below its tuple of arguments; push the result."""
        arguments, function = of_type(self.stack.pop(), tuple), of_type(self.stack.pop(), Function)
        self.stack.append(function.call(*arguments))

    def build(self, argument: Any) -> None:
        """Set the state of the object below; the attributes of a dict are ignored."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) not in (dict, OrderedDict):
            target.set_state(state)  # only a Record has this method

    def load(self, identity: Any) -> Any:
        """The object of a persistent id; see pickle's persistent_load."""
        raise RefusedError("refused: the file asks for something outside of it")


def of_type(value: Any, *types: type) -> Any:
    """The value; ValueError unless its type is exactly one of these."""
    if type(value) not in types:
        raise ValueError(f"{type(value).__name__} in the place of {types[0].__name__}")
    return value


def key(value: Any) -> Any:
    """The value; ValueError if it may not be a key."""
    return of_type(value, *KEYS)


def key_value_pairs(items: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(map(key, items[::2]), items[1::2], strict=True)


def ordered(*arguments: Any) -> OrderedDict[Any, Any]:
    """An OrderedDict, empty or of a list of pairs."""
    return OrderedDict((key(name), value) for name, value in (of_type(arguments[0], list) if arguments else ()))


def check_grown(content: Any, max_bytes: int) -> None:
    """Raise RefusedError for content that is nested too deeply, or has too many values or too large arrays."""
    waiting, count, size = [(content, 0)], 0, 0
    while waiting:
        node, depth = waiting.pop()
        count, size = count + 1, size + getattr(node, "nbytes", 0)
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise RefusedError(f"refused: more than {MAX_VALUES} values, or more than {MAX_DEPTH} within each other")
        if size > max_bytes:
            raise RefusedError(f"refused: its arrays are together more than {MAX_SHARING} times as large as the file")
        if isinstance(node, dict):
            waiting += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list | tuple):
            waiting += [(value, depth + 1) for value in node]
        elif isinstance(node, Record) and not node.is_content:
            raise RefusedError(f"a {type(node).__name__.lower()} in the place of data")
        elif isinstance(node, Record):
            waiting.append((node.state, depth + 1))


CONSTANTS = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES BINBYTES8 "
    "SHORT_BINBYTES UNICODE BINUNICODE BINUNICODE8 SHORT_BINUNICODE"
)
INSTRUCTIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda *_: None),
    **dict.fromkeys(CONSTANTS.split(), Machine.push),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push(set()),
    "LIST": lambda machine, _: machine.push(machine.collected()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.collected())),
    "TUPLE1": lambda machine, _: machine.push((machine.stack.pop(),)),
    "TUPLE2": lambda machine, _: machine.push((machine.stack.pop(), machine.stack.pop())[::-1]),
    "TUPLE3": lambda machine, _: machine.push((machine.stack.pop(), machine.stack.pop(), machine.stack.pop())[::-1]),
    "DICT": lambda machine, _: machine.push(dict(key_value_pairs(machine.collected()))),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.collected()),
    "ADDITEMS": lambda machine, _: machine.add(machine.collected()),
    "SETITEM": lambda machine, _: machine.assign([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.assign(machine.collected()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine.keep),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place])),
    "MARK": Machine.mark,
    "POP": lambda machine, _: machine.stack.pop(),
    "GLOBAL": lambda machine, argument: machine.find(*argument.split(" ")),
    "STACK_GLOBAL": Machine.find_from_stack,
    "REDUCE": Machine.call,
    "NEWOBJ": Machine.call,
    "BUILD": Machine.build,
    "BINPERSID": lambda machine, _: machine.push(machine.load(machine.stack.pop())),
}
