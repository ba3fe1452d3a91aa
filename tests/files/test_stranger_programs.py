"""Attacks by the programs in files of torch.save, and by their archives."""

import copyreg
import os
import struct
import zipfile

import pytest
import torch

from attacks import MEGABYTE, refused
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.errors import UserError
from dlcourse.files import torch_file
from dlcourse.stylegan.interop.files import load_pretrained

pytestmark = pytest.mark.usefixtures("quick_and_small")


def archive_of(path, program: bytes, storages: dict[str, bytes], packing=zipfile.ZIP_STORED):
    """A file as torch.save writes it, of this program."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/byteorder", b"little")
        for name, content in storages.items():
            archive.writestr(f"a/data/{name}", content)
    return path


def storage(name: str, count: int, kind: str = "FloatStorage") -> bytes:
    """The instructions that ask for a storage."""
    return (
        b"(\x8c\x07storagectorch\n"
        + f"{kind}\n".encode()
        + b"\x8c"
        + bytes([len(name)])
        + name.encode()
        + (b"\x8c\x03cpu\x8a\x08" + struct.pack("<q", count) + b"tQ")
    )


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", value) for value in values) + b"t"


def tensor(name: str, count: int, size: tuple, stride: tuple, offset: int = 0) -> bytes:
    """The instructions that make a tensor."""
    start = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(name, count)
    place = b"\x8a\x08" + struct.pack("<q", offset)
    return start + place + numbers(*size) + numbers(*stride) + b"\x89ccollections\nOrderedDict\n)RtR"


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (tensor("0", 1, (10**6, 10**6), (0, 0)), r"a tensor of shape \(1000000, 1000000\) on 1 numbers"),
        (tensor("0", 1, (2, 2), (1, 1)), r"a tensor of shape \(2, 2\) on 1 numbers"),
        (tensor("0", 1, (1,), (1,), 7), r"a tensor of shape \(1,\) on 1 numbers"),
        (tensor("0", 1, (2**40, 2**40), (1, 1)), "a tensor of shape"),
        (tensor("0", 1, (-1,), (1,)), "a tensor without a shape"),
        (tensor("0", 1, (1,), (-1,)), "a tensor without a shape"),
        (tensor("0", 1, (1,) * 20, (1,) * 20), "a tensor without a shape"),
        (tensor("0", 1, (1, 1), (1,)), "damaged after"),
        (storage("0", 2**40), "larger than the file"),
        (storage("0", -1), "a storage of another kind"),
        (tensor("0", 2, (1,), (1,)), "4 bytes for a storage of 8"),
        (tensor("7", 1, (1,), (1,)), r"cut short or damaged \(a/data/7 is missing\)"),
        (storage("0", 1), "a storage in the place of data"),
        (b"cbuiltins\nbytearray\n(\x8a\x05\0\0\0\0\4tR", "asks to call builtins.bytearray"),
        (b"ctorch\nTensor\n(\x8a\x05\0\0\0\0\4tR", "asks to call torch.Tensor"),
        (b"ctorch._utils\n_rebuild_sparse_tensor\n)R", "asks to call torch._utils._rebuild_sparse_tensor"),
        (b"ctorch._utils\n_rebuild_qtensor\n)R", "asks to call torch._utils._rebuild_qtensor"),
        (b"cos\nsystem\n\x8c\x02id\x85R", "asks to call os.system"),
        (b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R", "asks to call os.system"),
        (b"ccopyreg\n_reconstructor\n)R", "asks to call copyreg._reconstructor"),
        (b"\x82\x01", "asks for EXT1"),
        (b"N\x8b\x00\x00\x00\x20" + b"\0" * 100, "cut short or damaged"),
        (b"\x8a\xff" + b"\xff" * 254 + b"\x7f", "a whole number of 2039 bits"),
        (b"N\x8e" + struct.pack("<Q", 2**60), "cut short or damaged"),
        (b"\x95" + struct.pack("<Q", 2**62) + b"N", "^$"),
        (b"]" * 5000 + b"a" * 4999, "more than 100 within each other"),
        (b"]\x94" + b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"e\x94" for i in range(60)),
         "cut short|more than"),
        (b"}" + b")\x94" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(80)) + b"Ns",
         "tuple in the place of dict"),
        (b"Nr\xff\xff\xff\x7f", "too much memory"),
        (b"ccollections\nOrderedDict\n}\x8c\x01aNsb", "damaged"),
        (b"ctorch._utils\n_rebuild_tensor_v2\nN}\x8c\x0c__defaults__Ns\x86b", "with a state"),
        (b"ctorch\nFloatStorage\n}\x8c\x05dtypeNsb", "with a state"),
    ],
)  # fmt: skip
def test_programs_in_files_of_torch_save(tmp_path, program, message):
    path = archive_of(tmp_path / "a.pt", b"\x80\x02" + program + b".", {"0": b"abcd"})
    if message == "^$":
        assert torch_file.load(path) is None  # a frame that is too long is of no interest
    else:
        refused(path, message)


def test_tensors_that_share_their_bytes_do_not_add_up(tmp_path):
    size = 10_000
    many = b"(" + b"".join(tensor("0", size, (size,), (1,)) for _ in range(200)) + b"t"
    path = archive_of(tmp_path / "a.pt", b"\x80\x02" + many + b".", {"0": bytes(4 * size)})
    refused(path, "its arrays are together more than 4 times as large as the file")


def test_a_million_instructions_are_too_many(tmp_path):
    path = archive_of(tmp_path / "a.pt", b"\x80\x02" + b"N0" * 300_000 + b"N.", {})
    refused(path, "too many instructions")


def test_attributes_and_gradients_of_a_file_are_left_behind(tmp_path):
    value = torch.nn.Parameter(torch.ones(2))
    state = torch.nn.Linear(2, 2).state_dict()
    state._metadata = 7
    torch.save({"value": value, "state": state}, tmp_path / "a.pt")
    content = torch_file.load(tmp_path / "a.pt")
    assert type(content["value"]) is torch.Tensor and not content["value"].requires_grad
    assert vars(content["state"]) == {}
    assert "__setstate__" not in vars(torch_file.Kind) and not hasattr(copyreg, "evil")


def test_a_packed_archive_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a/data.pkl", "w") as file:
        for _ in range(200):
            file.write(bytes(MEGABYTE))
    assert path.stat().st_size < MEGABYTE
    refused(path, "refused: a/data.pkl is packed, which torch.save never does")


def test_a_wrong_checksum_is_found(tmp_path):
    torch.save({"a": torch.arange(1000)}, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    content[content.index(struct.pack("<q", 500))] ^= 1
    (tmp_path / "a.pt").write_bytes(content)
    refused(tmp_path / "a.pt", "cut short or damaged .*Bad CRC-32")


def many_files(count: int) -> bytes:
    """The list of an archive of so many files."""
    return (struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a") * count


def end_of_archive(size: int) -> bytes:
    """The record at its end, of a list of so many bytes."""
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, size, 0, 0)


def end_of_large_archive(size: int) -> bytes:
    """The record with a size of 64 bits."""
    return struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, 0)


LOCATOR = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)
LISTED = 400_000 * len(many_files(1))


@pytest.mark.parametrize(
    "end",
    [
        end_of_archive(LISTED),
        end_of_large_archive(LISTED) + LOCATOR + end_of_archive(0xFFFFFFFF),
        end_of_large_archive(LISTED) + LOCATOR + end_of_archive(47),  # Python believes the former
        end_of_large_archive(47) + bytes(len(LOCATOR)) + end_of_archive(LISTED),  # without a locator, the latter
    ],
    ids=["32 bits", "64 bits", "both", "64 bits without locator"],
)
def test_an_archive_of_many_files_is_refused_whatever_it_says_of_them(tmp_path, end):
    (tmp_path / "a.pt").write_bytes(b"PK\3\4" + many_files(400_000) + end)
    refused(tmp_path / "a.pt", "an archive of too many files")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    refused("/dev/zero", "a device, not a file", error=OSError)
    refused(tmp_path / "pipe.pt", "a pipe, not a file", error=OSError)
    refused(tmp_path / "pipe.pt", "pipe.pt: a pipe, not a file", load_pretrained, UserError)
    refused(
        tmp_path / "pipe.pt",
        "not a whole checkpoint of dlcourse .a pipe, not a file",
        Checkpoint.load,
        UserError,
    )
