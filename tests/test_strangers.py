"""Attacks by hand: what a stranger's file asks for, it does not get, and that is said in a line at once."""

import copyreg
import os
import pickle
import resource
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import run_folders
from conftest import run_script
from dlcourse import checkpoint, tensor_files
from dlcourse.build import build_fitting, build_of_file
from dlcourse.data import ImageFolder, PointsFile, picture_sources
from dlcourse.errors import UserError
from dlcourse.interop import load_pretrained
from dlcourse.metrics import FaceFeatures
from dlcourse.picture_files import open_picture
from dlcourse.reports.runs import read_run, refuse_links_out
from dlcourse.sampling.points import parse_seeds
from picture_bytes import png
from readers import CONFIG, NODE, generator

MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def quick_and_small():
    """No attack takes more than a second, nor a hundred megabytes."""
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert time.process_time() - start < 3  # of a busy processor, with the making of the file


def refused(path, message: str, read=tensor_files.load, error=ValueError) -> None:
    with pytest.raises(error, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


# --- programs ---------------------------------------------------------------------------------------------------


def packed(count: int, letter: bytes = b"\0") -> bytes:
    """So many equal bytes, compressed piece by piece."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(letter * MEGABYTE) for _ in range(count // MEGABYTE)) + deflate.flush()


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
        (tensor("7", 1, (1,), (1,)), "cut short or damaged .*data/7"),
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
        assert tensor_files.load(path) is None  # a frame that is too long is of no interest
    else:
        refused(path, message)


def test_tensors_that_share_their_bytes_do_not_add_up(tmp_path):
    size = 10_000
    many = b"(" + b"".join(tensor("0", size, (size,), (1,)) for _ in range(200)) + b"t"
    path = archive_of(tmp_path / "a.pt", b"\x80\x02" + many + b".", {"0": bytes(4 * size)})
    refused(path, "its arrays are together more than 16 times as large as the file")


def test_a_million_instructions_are_too_many(tmp_path):
    path = archive_of(tmp_path / "a.pt", b"\x80\x02" + b"N0" * 300_000 + b"N.", {})
    refused(path, "too many instructions")


def test_attributes_and_gradients_of_a_file_are_left_behind(tmp_path):
    value = torch.nn.Parameter(torch.ones(2))
    state = torch.nn.Linear(2, 2).state_dict()
    state._metadata = 7
    torch.save({"value": value, "state": state}, tmp_path / "a.pt")
    content = tensor_files.load(tmp_path / "a.pt")
    assert type(content["value"]) is torch.Tensor and not content["value"].requires_grad
    assert vars(content["state"]) == {}
    assert "__setstate__" not in vars(tensor_files.Kind) and not hasattr(copyreg, "evil")


# --- archives of torch.save -------------------------------------------------------------------------------------


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


def test_an_archive_of_a_million_files_is_refused_by_the_length_of_its_list(tmp_path):
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    listed = entry * 500_000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(listed), 0, 0)
    (tmp_path / "a.pt").write_bytes(b"PK\3\4" + listed + end)
    refused(tmp_path / "a.pt", "an archive of too many files")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path / "pipe.pt", "/dev/zero"):
        refused(path, "a pipe or a device", error=OSError)
    refused(tmp_path / "pipe.pt", "pipe.pt: a pipe or a device", load_pretrained, UserError)
    refused(tmp_path / "pipe.pt", "not a whole checkpoint of dlcourse .a pipe or a device", checkpoint.load, UserError)


# --- checkpoints of ours ----------------------------------------------------------------------------------------


def own(path, **changes):
    content = {
        "step": 1,
        "config": {"model": {"generator": NODE}},
        "state": {"generator_ema": generator().state_dict()},
    }
    torch.save(content | changes, path)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": float("nan")}, "its step must be a whole number"),
        ({"step": -1}, "its step must be a whole number"),
        ({"step": "7"}, "its step must be a whole number"),
        ({"step": True}, "its step must be a whole number"),
        ({"config": []}, "its config has no names"),
        ({"config": {1: 2}}, "its config has no names"),
        ({"state": None}, "its state has no names"),
    ],
)
def test_entries_of_another_kind(tmp_path, changes, message):
    refused(own(tmp_path / "a.pt", **changes), message, checkpoint.load, UserError)


@pytest.mark.parametrize("state", [None, 7, [1], {"generator_ema": 3}, {"generator_ema": {"w_avg": "x"}},
                                   {"generator_ema": {1: torch.zeros(1)}}])  # fmt: skip
def test_states_that_are_none(tmp_path, state):
    content = {"step": 1, "config": {}, "state": state if isinstance(state, dict) else {"generator_ema": state}}
    with pytest.raises(UserError, match="its generator_ema does not fit"):
        checkpoint.restore(content, {"generator_ema": generator()}, tmp_path)


HUGE = [{"channel_base": 10**9, "channel_max": 10**9}, {"z_dim": 10**9}, {"w_dim": 2**50}, {"label_size": 10**9}]
OTHERS = [
    ({"mapping_layers": 10**8}, "mapping_layers must be at most 64"),
    ({"resolution": 2**40}, "resolution must be one of"),
    ({"_target_": "os.system"}, "'os.system' is refused"),
    ({"_target_": "torch.nn.Linear"}, "is not a class or function of dlcourse.models"),
    ({"_target_": "dlcourse.models.VGG19"}, "is not a class or function of dlcourse.models"),
    ({"_target_": "dlcourse.metrics.reals.real_features"}, "is not a class or function of dlcourse.models"),
    ({"parts": {"_target_": "dlcourse.data.Torchvision", "name": "MNIST", "root": "/tmp/evil"}}, "is not a class"),
    ({"parts": 7}, "parts must be"),
    ({"channels": [[1]]}, "channels must be"),
]


@pytest.mark.parametrize(
    ("change", "message"),
    [*((change, "is of more numbers than the [0-9]+ of its weights") for change in HUGE), *OTHERS],
)
def test_networks_are_no_larger_than_their_weights(tmp_path, change, message):
    saved = checkpoint.load(own(tmp_path / "a.pt"))
    with pytest.raises(UserError, match=message):
        build_fitting(NODE | change, "model", "a.pt", saved["state"]["generator_ema"])


def test_a_config_too_deep_to_follow_is_refused(tmp_path):
    node: dict = {}
    for _ in range(150):
        node = {"a": node}
    refused(own(tmp_path / "a.pt", config=node), "more than 100 within each other", checkpoint.load, UserError)


def test_the_scripts_say_it_in_a_line_and_write_nothing(tmp_path):
    evil = NODE | {"_target_": "dlcourse.data.level_files.remove_stale", "folder": str(tmp_path)}
    own(tmp_path / "target.pt", config={"model": {"generator": evil}})
    own(tmp_path / "nothing.pt", config={})
    for name, message in (
        ("target", "is not a class or function of dlcourse.models"),
        ("nothing", "has no model.generator"),
    ):
        done = run_script("sample.py", f"checkpoint={name}.pt", "device=cpu", cwd=tmp_path)
        assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["nothing.pt", "target.pt"]


def test_a_data_set_that_a_file_names_neither_writes_nor_downloads(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    node = {"_target_": "dlcourse.data.ImageFolder", "root": str(tmp_path), "resolution": 8, "fit": "crop"}
    node |= {"min_size": 1, "background": [0, 0, 0], "label_size": 0, "cache": str(tmp_path / "evil")}
    imposed = {"cache": None, "download": False}
    dataset = build_of_file(node, "dataset", "a.pt", ("dlcourse.data",), imposed)
    assert len(dataset.images) == 1 and not (tmp_path / "evil").exists()
    mnist = {"_target_": "dlcourse.data.Torchvision", "name": "MNIST", "root": str(tmp_path / "evil"), "dev_share": 0.1}
    mnist |= {
        "seed": 0,
        "augment": {"_target_": "dlcourse.data.FlipRotateCrop", "flip": False, "degrees": 0.0, "crop": 0},
    }
    with pytest.raises(UserError):
        build_of_file(mnist, "dataset", "a.pt", ("dlcourse.data",), imposed)
    assert not (tmp_path / "evil").exists()


def test_an_attribute_network_of_a_stranger(tmp_path):
    node = {"_target_": "dlcourse.models.AttributeNetwork", "resolution": 10**6, "channels": [4]}
    node |= {"continuous": {"a": [0.0, 1.0]}, "categorical": {}}
    for change, message in (
        ({}, r"resolution must be in \[1, 1024\]"),
        ({"resolution": 8, "channels": [10**9]}, "is of more numbers than the 0 of its weights"),
        ({"_target_": "os.system"}, "'os.system' is refused"),
        (NODE, "not a checkpoint of experiment=face_attributes|does not take|unexpected"),
    ):
        torch.save({"step": 0, "config": {"model": node | change}, "state": {"model": {}}}, tmp_path / "a.pt")
        refused(str(tmp_path / "a.pt"), message, FaceFeatures, UserError)


def test_weights_to_begin_with(tmp_path):
    asks = own(tmp_path / "a.pt", config={"model": {"generator": NODE | {"parts": "${oc.env:HOME}"}}})
    other = own(tmp_path / "b.pt", config={"model": {"generator": NODE | {"w_dim": 10**9}}})
    for path, message in ((asks, "asks for values outside"), (other, "is of more numbers than")):
        saved = checkpoint.load(path)
        with pytest.raises(UserError, match=message):
            run_folders.refuse_other_networks(saved, saved["config"]["model"], path)


# --- pickles of networks ----------------------------------------------------------------------------------------


def test_components_that_contain_each_other(tmp_path):
    network = b"cdnnlib.tflib.network\nNetwork\n)\x81\x94"
    circle = network + b"}\x8c\x0acomponents}\x8c\x01ah\x00ssb"
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04" + circle + b".")
    refused(tmp_path / "a.pkl", "more than 100 within each other", load_pretrained, UserError)


def test_arrays_that_share_their_bytes_do_not_add_up(tmp_path):
    dtype = b"cnumpy\ndtype\n\x8c\x02f4\x85R\x94"
    data = b"B" + struct.pack("<I", MEGABYTE) + bytes(MEGABYTE) + b"\x94"
    made = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01\x8a\x04\x00\x00\x04\x00\x85h\x00\x89h\x01tb"
    program = dtype + data + b"](" + made * 300 + b"e\x94"
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04" + program[:-1] + b"\x870.")
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04(" + program + b"t.")
    refused(tmp_path / "a.pkl", "more than 16 times as large as the file", load_pretrained, UserError)


# --- pictures, tables, runs -------------------------------------------------------------------------------------


def test_pictures_of_absurd_sizes_and_kinds(tmp_path):
    text = packed(200 * MEGABYTE, b"a")
    cases = {
        "size.png": (png(60_000, 60_000, 8, 2, b""), "refused as too large .Image size .3600000000 pixels"),
        "text.png": (png(1, 1, 8, 2, b"\0abc", (b"zTXt", b"a\0\0" + text)), "a broken picture .*too large|MAX_TEXT"),
        "a.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(evil) run", "not a picture that can be read"),
        "b.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture that can be read"),
        "c.png": (b"\0\0\1\0\1\0\1\1\0\0\1\0 \0\x30\0\0\0\x16\0\0\0", "not a picture that can be read"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message, open_picture)


def test_a_profile_that_unpacks_to_gigabytes_is_left_aside(tmp_path):
    content = packed(300 * MEGABYTE)
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0abc", (b"iCCP", b"a\0\0" + content)))
    try:
        assert open_picture(tmp_path / "a.png").size == (1, 1)
    except ValueError as error:
        assert "broken picture" in str(error)


def test_a_film_is_read_to_its_first_frame(tmp_path):
    frames = [Image.new("P", (4, 4), index % 256) for index in range(400)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[:-1] + content[200:-1] * 200 + b";")
    assert open_picture(tmp_path / "a.gif").size == (4, 4)


def test_links_in_folders(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.png").symlink_to(tmp_path / "in" / "self.png")
    (tmp_path / "in" / "passwd.png").symlink_to("/etc/passwd")
    folder = ImageFolder(str(tmp_path / "in"), 8, "crop", 1, [0, 0, 0], 0, None)
    assert folder.decoded.names == ["a.png"] and folder.decoded.skipped["passwd.png"] == "a link that leaves the folder"
    assert set(folder.decoded.skipped) == {"loop", "self.png", "passwd.png"}


def test_a_name_of_nothing_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
    refused(str(tmp_path / "a.zip"), "no pictures in it", picture_sources.open_source)


def points(path):
    return PointsFile(str(path), 0.2, 0.2, 0.0, 0)


def test_tables(tmp_path):
    rows = "".join(f"{i},{i},{i % 2}\n" for i in range(20))
    cases = {
        "nul.csv": (b"x1,x2,label\n1,\0,a\n", "not a finite number|NUL"),
        "wide.csv": (b"," * 2_000_000 + b"\n" + b"1," * 10, "has no x1"),
        "cell.csv": (b"x1,x2,label\n1,2,a\n" + b"1" * 200_000 + b",2,b\n", "larger than field limit"),
        "long.csv": (b"x1,x2,label\n" + b"1" * (70 * MEGABYTE), "more than 67108864 bytes"),
        "large.csv": (("x1,x2,label\n" + rows + "1e39,0,0\n").encode(), "x1 of sample 21 is '1e39', not a finite"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message, points)
    long = "x1,x2,label\n" + rows + "1,2," + "a" * 100_000 + "\n" + rows * 200
    (tmp_path / "one.csv").write_text(long)  # an array of strings of one length would take 1.6 GB
    refused(tmp_path / "one.csv", "class|sample", points)


def npy(description: str, content: bytes) -> bytes:
    header = description.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def test_arrays(tmp_path):
    column = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}", bytes(32))
    cases = {
        "shape": (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b""), "cannot be read"),
        "object": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}", pickle.dumps([1])), "allow_pickle"),
        "deep": (npy("(" * 100, b""), "cannot be read"),
        "bomb": (bytes(100 * MEGABYTE), "x1 has more than 67108864 bytes"),
        "void": (npy("{'descr': '|V8', 'fortran_order': False, 'shape': (4,)}", bytes(32)),
                 "x1 is of .V8, not of numbers"),
    }  # fmt: skip
    for name, (content, message) in cases.items():
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for key, value in {"x1": content, "x2": column, "label": column}.items():
                archive.writestr(f"{key}.npy", value)
        refused(tmp_path / f"{name}.npz", message, points)
    np.savez_compressed(
        tmp_path / "more.npz", x1=np.arange(12), x2=np.arange(12), label=np.arange(12) % 2, a=np.zeros(10**7)
    )
    assert len(points(tmp_path / "more.npz").train[0]) == 8  # what is not asked for stays packed


@pytest.mark.parametrize("seeds", ["0-999999999999", "99999999999999999999", "1@99999999999999999999"])
def test_seeds_without_end(seeds):
    with pytest.raises(ValueError, match="seeds must be below 2\\^63"):
        parse_seeds(seeds)


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
)


@pytest.mark.parametrize(
    ("config", "metrics", "message"),
    [
        (LAUGHS, "", "config.yaml: refused: references"),
        ("[" * 100_000, "", "config.yaml: refused|config.yaml: no YAML"),
        ("a: " + "{b: " * 60 + "1" + "}" * 60, "", "more than 50 nodes within each other"),
        ("a: 1\n" * 100_000, "", "more than 131072 bytes"),
        ("!!python/object/apply:os.system [id]", "", "not the config of a run"),
        (CONFIG, "[" * 100_000 + "}", "not the metrics of a run"),
        (CONFIG, '{"step": "1"}', "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": "x"}', "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": ' + "9" * 5000 + "}", "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": 1' + "0" * 400 + "}", "a number that is too large"),
    ],
)
def test_runs_of_others(tmp_path, config, metrics, message):
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "metrics.jsonl").write_text(metrics)
    refused(tmp_path, message, read_run, UserError)
    if not metrics:
        (tmp_path / "composed.yaml").write_text(config)
        refused(tmp_path / "composed.yaml", "composed.yaml: ", run_folders.read_composed, UserError)


def test_a_run_whose_files_are_links_to_elsewhere_is_not_gone_on_with(tmp_path):
    run, mine = tmp_path / "run", tmp_path / "mine.txt"
    mine.write_text("mine")
    run.mkdir()
    (run / "composed.yaml").write_text(CONFIG)
    (run / "newest").symlink_to(run / "composed.yaml")
    refuse_links_out(run)
    (run / "metrics.jsonl").symlink_to(mine)
    refused(run, "metrics.jsonl: a link that leaves the run's folder; remove it", run_folders.resumed_config, UserError)
    assert mine.read_text() == "mine"
