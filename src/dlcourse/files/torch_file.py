"""Files of torch.save, read without executing code and without using more memory than the length of the file.

`torch.load(weights_only=True)` runs no code, but it allocates tensors of any size that a file names, unpacks archives
of any size, and trusts the lengths stated in the file; this reader checks each tensor against the bytes in the file.
"""

import math
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

import torch
from torch import Tensor

from dlcourse.errors import reason_of
from dlcourse.files.atomic import atomic_write
from dlcourse.files.bounded import RefusedError, length_of, open_archive
from dlcourse.files.pickle_reader import Function, Granted, Machine, Record, key, of_type, ordered

# how files of torch < 1.6 begin: a magic number and a version, each pickled
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
LEGACY_VERSION = b"\x80\x02M\xe9\x03."
END = 22  # bytes of the record at the end of an archive (PKWARE APPNOTE 4.3.16)
MAX_DIRECTORY = 2**22  # bytes of an archive's list of files; enough for about 50 000 tensors
MAX_DIMS = 16
PIECE = 2**22  # bytes read at a time
KINDS = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
}


@dataclass
class Storage(Record):
    """The memory of one or more tensors."""

    dtype: torch.dtype
    content: torch.UntypedStorage


@dataclass
class Kind(Record):
    """The class of a storage, such as torch.FloatStorage; only used as an argument."""

    dtype: torch.dtype


def load(path: str | Path) -> Any:
    """Read a file of torch.save: tensors on the CPU, without gradients, and plain data of at most 100 levels.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is refused; the message is one line without the path.
    """
    length = length_of(Path(path))
    with Path(path).open("rb") as file:
        start = file.read(len(LEGACY))
        file.seek(0)
        reader = load_legacy if start == LEGACY else load_archive if start.startswith(b"PK") else None
        if reader is None:
            raise ValueError("not a file of torch.save" if start else "an empty file")
        try:
            return reader(file, length)
        except ValueError:
            raise
        except Exception as error:  # damaged files can fail in any way
            raise ValueError(f"cut short or damaged ({reason_of(error)})") from error


def save(content: Any, path: Path) -> None:
    """Write a file of torch.save atomically, and wait until it is on the disk; OSError names path and reason."""
    try:
        with atomic_write(path, durable=True) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:  # torch's writer wraps an OSError
        cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__
        if not isinstance(cause, OSError):
            raise
        raise OSError(f"{path}: cannot be written ({cause.strerror})") from error


class TorchMachine(Machine):
    """Runs the pickles of a file of `length` bytes; `storages` are those that they ask for, to be filled afterwards."""

    def __init__(self, length: int):
        names = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
        super().__init__({**GRANTED, **{("torch._utils", name): Function(self.rebuild) for name in names}}, length)
        self.left = length  # bytes for further storages
        self.storages: dict[str, Storage] = {}

    def load(self, identity: Any) -> Storage:
        """The storage of a persistent id ("storage", kind, key, location, length), counted against the limit."""
        word, kind, name, _, length, *view = of_type(identity, tuple)
        dtype = of_type(kind, Kind).dtype
        size = dtype.itemsize * of_type(length, int)
        if word != "storage" or view not in ([], [None]) or not size >= 0:
            raise ValueError("a storage of another kind")
        if of_type(name, str) not in self.storages:
            self.left -= size
            if self.left < 0:
                raise RefusedError("refused: its tensors are said to be larger than the file")
            self.storages[name] = Storage(dtype, torch.UntypedStorage(size))
        if self.storages[name].content.nbytes() != size:
            raise ValueError(f"storage {name} has two sizes")
        return Storage(dtype, self.storages[name].content)

    def rebuild(self, storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> Tensor:
        """A tensor on a storage, which must hold all its elements; of the other arguments only a dtype matters."""
        of_type(storage, Storage)
        dtypes = [one for one in more if isinstance(one, torch.dtype)]
        dtype = dtypes[0] if dtypes else storage.dtype
        numbers = [offset, *of_type(size, tuple, torch.Size), *of_type(stride, tuple)]
        if any(type(number) is not int or not 0 <= number < 2**48 for number in numbers) or len(size) > MAX_DIMS:
            raise ValueError("a tensor without a shape")
        count, length = math.prod(size), storage.content.nbytes() // dtype.itemsize
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else offset - 1
        if count > length or last >= length:
            raise RefusedError(f"refused: a tensor of shape {tuple(size)} on {length} numbers")
        return torch.empty(0, dtype=dtype).set_(storage.content, offset, tuple(size), tuple(stride))


def load_archive(file: BinaryIO, length: int) -> Any:
    """Read a zip archive of data.pkl, a pickle, and its storages data/0, data/1, ..."""
    file.seek(max(0, length - END))
    if file.read(4) != b"PK\x05\x06":
        raise ValueError("cut short, or with something behind its end")
    with open_archive(file, MAX_DIRECTORY) as archive:
        names = archive.namelist()
        program = next((name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")), None)
        if program is None:
            kind = "NumPy arrays (.npz)" if any(name.endswith(".npy") for name in names) else "a zip archive"
            raise RefusedError(f"{kind}, not a checkpoint")
        prefix = program.removesuffix("data.pkl")
        if f"{prefix}byteorder" in names and stored(archive, f"{prefix}byteorder").read() != b"little":
            raise RefusedError("written on a computer of another byte order")
        machine = TorchMachine(length)
        content = machine.run(BytesIO(stored(archive, program).read()))
        for name, storage in machine.storages.items():
            entry = stored(archive, f"{prefix}data/{name}")
            length = archive.getinfo(f"{prefix}data/{name}").file_size
            if length != storage.content.nbytes():
                raise RefusedError(f"refused: {length} bytes for a storage of {storage.content.nbytes()}")
            read_storage(storage, entry)
    return content


def stored(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open an uncompressed file in an archive; reading it to its end checks the checksum."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise ValueError(f"cut short or damaged ({name} is missing)") from error
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise RefusedError(f"refused: {name} is packed, which torch.save never does")
    return archive.open(info)


def load_legacy(file: BinaryIO, length: int) -> Any:
    """Read pickles one after the other: magic number, version, machine, content, list of storages.

    After them come the storages, each preceded by its length.
    """
    file.seek(len(LEGACY))
    if file.read(len(LEGACY_VERSION)) != LEGACY_VERSION:
        raise ValueError("of an unknown version")
    machine = TorchMachine(length)
    machine.run(file)
    content = machine.run(file)
    names = machine.run(file)
    if not isinstance(names, list) or set(names) != machine.storages.keys():
        raise ValueError("cut short or damaged (its list of storages)")
    for name in names:
        storage = machine.storages[name]
        count = int.from_bytes(file.read(8), "little")
        if count * storage.dtype.itemsize != storage.content.nbytes():
            raise ValueError("cut short or damaged (the length of a storage)")
        read_storage(storage, file)
    return content


def read_storage(storage: Storage, file: IO[bytes]) -> None:
    """Read a storage from the next bytes of a file."""
    size = storage.content.nbytes()
    if size == 0:
        return
    own = torch.empty(0, dtype=torch.uint8).set_(storage.content).numpy()
    for start in range(0, size, PIECE):
        piece = file.read(min(PIECE, size - start))
        if len(piece) != min(PIECE, size - start):
            raise RefusedError(f"refused: {start + len(piece)} bytes for a storage of {size}")
        own[start : start + PIECE] = memoryview(piece)


def encoded(text: Any, encoding: Any) -> bytes:
    """_codecs.encode, with which old pickles store bytes."""
    if encoding != "latin1":
        raise RefusedError("refused: text in another encoding than latin1")
    return of_type(text, str).encode("latin1")


def as_torch_size(numbers: Any) -> torch.Size:
    return torch.Size(of_type(number, int) for number in of_type(numbers, tuple))


def set_of(items: Any) -> set[Any]:
    return set(map(key, of_type(items, list)))


GRANTED: Granted = {
    ("collections", "OrderedDict"): Function(ordered),
    ("_codecs", "encode"): Function(encoded),
    ("torch", "Size"): Function(as_torch_size),
    ("torch", "device"): Function(lambda kind, *_: torch.device(of_type(kind, str))),
    ("torch._utils", "_rebuild_parameter"): Function(lambda tensor, *_: of_type(tensor, Tensor)),
    ("builtins", "set"): Function(set_of),
    ("__builtin__", "set"): Function(set_of),
    **{("torch", f"{name}Storage"): Kind(dtype) for name, dtype in KINDS.items()},
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in KINDS.values()},
    ("torch.storage", "UntypedStorage"): Kind(torch.uint8),
}
