"""Files that nobody wrote: whatever is in them, a reader reads them or says in a line why not."""

import contextlib
import json
import math
import tempfile
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcourse.engine.rebuild import build_of_file
from dlcourse.engine.targets import NETWORKS, TARGETS
from dlcourse.errors import UserError
from dlcourse.files.pickle_reader import INSTRUCTIONS, Machine
from dlcourse.files.torch_file import GRANTED
from dlcourse.stylegan.sampling.seeds import parse_seeds
from fuzzing import EvaluationResult, fuzz
from readers import READERS

QUICK, THOROUGH = 120, 1000  # files for each reader


def check(findings: EvaluationResult, count: int) -> None:
    assert not findings.failures, "\n\n".join(findings.failures[:5])
    assert sum(findings.outcomes.values()) == count and len(findings.outcomes) <= 5


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused_in_a_line(tmp_path, name):
    torch.set_num_threads(1)
    check(fuzz(name, range(QUICK), tmp_path), QUICK)


@pytest.mark.slow
def test_thousands_of_damaged_files(tmp_path, capsys):
    torch.set_num_threads(1)
    assert THOROUGH * len(READERS) >= 10_000
    failures = []
    for name in READERS:
        start = time.monotonic()
        findings = fuzz(name, range(10_000, 10_000 + THOROUGH), tmp_path)
        with capsys.disabled():
            print(f"\n{name}: {dict(findings.outcomes)}, {time.monotonic() - start:.1f} s", end="")
        failures += findings.failures
    assert not failures, "\n\n".join(failures[:20])


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(tmp_path, name):
    for index, content in enumerate(READERS[name].samples()):
        (tmp_path / str(index)).mkdir()
        path = tmp_path / str(index) / f"file{READERS[name].suffix}"
        path.write_bytes(content)
        if name in ("dataset.json", "cached levels", "points.csv", "points.npz", "composed.yaml") or index < 6:
            READERS[name].read(path)


# --- files of a grammar -----------------------------------------------------------------------------------------

FAST = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))
CELLS = st.one_of(st.text(max_size=8), st.integers().map(str), st.floats().map(str), st.just(""))
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def read(name: str, content: bytes) -> str:
    """What a reader says of a file; "" if it takes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{READERS[name].suffix}")
        path.write_bytes(content)
        try:
            READERS[name].read(path)
        except READERS[name].errors as error:
            assert "\n" not in str(error)
            return str(error)
    return ""


@FAST
@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=30))
def test_any_table_of_points(rows):
    lines = [["x1", "x2", "label"], *rows]
    text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in lines)
    read("points.csv", text.encode("utf-8", "surrogatepass"))
    read("attributes.csv", text.replace("x1", "seed").encode("utf-8", "surrogatepass"))


@pytest.mark.long
@FAST
@given(ANY)
def test_any_json(content):
    read("dataset.json", json.dumps({"labels": content}).encode())
    read("cached levels", json.dumps(content).encode())
    read("metrics.jsonl", (json.dumps(content) + '\n{"step": 1, "loss": 2}\n').encode())


@pytest.mark.long
@FAST
@given(st.lists(st.tuples(st.sampled_from(["0.png", "1.png", "2.png", "3.png", "../x"]), ANY), max_size=6))
def test_any_labels(pairs):
    read("dataset.json", json.dumps({"labels": pairs}).encode())


OPERANDS = {
    "GLOBAL": st.sampled_from([f"{module}\n{name}\n".encode() for module, name in GRANTED] + [b"os\nsystem\n"]),
    "BINPUT": st.binary(min_size=1, max_size=1),
    "BINGET": st.binary(min_size=1, max_size=1),
    "BININT1": st.binary(min_size=1, max_size=1),
    "BININT": st.binary(min_size=4, max_size=4),
    "BINFLOAT": st.binary(min_size=8, max_size=8),
    "SHORT_BINUNICODE": st.sampled_from([b"\x01a", b"\x02cd", b"\x07storage", b"\x000"]),
    "SHORT_BINBYTES": st.sampled_from([b"\0", b"\x01a", b"\x04abcd"]),
}
CODES = {
    "GLOBAL": b"c", "BINPUT": b"q", "BINGET": b"h", "BININT1": b"K", "BININT": b"J", "BINFLOAT": b"G",
    "SHORT_BINUNICODE": b"\x8c", "SHORT_BINBYTES": b"C", "NONE": b"N", "NEWTRUE": b"\x88", "EMPTY_LIST": b"]",
    "EMPTY_TUPLE": b")", "EMPTY_DICT": b"}", "EMPTY_SET": b"\x8f", "LIST": b"l", "TUPLE": b"t", "TUPLE1": b"\x85",
    "TUPLE2": b"\x86", "TUPLE3": b"\x87", "DICT": b"d", "APPEND": b"a", "APPENDS": b"e", "ADDITEMS": b"\x90",
    "SETITEM": b"s", "SETITEMS": b"u", "MEMOIZE": b"\x94", "MARK": b"(", "POP": b"0", "STACK_GLOBAL": b"\x93",
    "REDUCE": b"R", "NEWOBJ": b"\x81", "BUILD": b"b", "BINPERSID": b"Q", "DUP": b"2", "OBJ": b"o", "EXT1": b"\x82\1",
}  # fmt: skip
STEPS = st.one_of(
    [st.just(code) if name not in OPERANDS else OPERANDS[name].map(code.__add__) for name, code in CODES.items()]
)


@settings(FAST, max_examples=600)
@given(st.lists(STEPS, max_size=40))
def test_any_program(steps):
    program = b"\x80\x02" + b"".join(steps) + b"."
    for name in ("foreign checkpoint",):
        read(name, program)


def test_no_instruction_is_unknown_to_this_test():
    assert set(CODES) - {"DUP", "OBJ", "EXT1"} <= INSTRUCTIONS.keys()
    assert not hasattr(Machine, "__setstate__")


NAMES = st.sampled_from(
    [
        "dlcourse.stylegan.networks.generator.Generator",
        "dlcourse.classifier.networks.MLP",
        "dlcourse.nn.cnn.CNN",
        "dlcourse.nn.attribute_network.AttributeNetwork",
        "dlcourse.stylegan.networks.discriminator.Discriminator",
        "dlcourse.nn.vgg.VGG",
        "dlcourse.stylegan.networks.variants.huangzh13_generator",
        "dlcourse.classifier.task.Classification",
        "dlcourse.engine.schedules.Cosine",
        "torch.optim.Adam",
        "os.system",
        "torch.nn.Linear",
        "dlcourse.stylegan.networks.layers.channels_by_stage",
        "builtins.open",
        "dlcourse.stylegan.metrics.samples.real_features",
    ]
)
ARGUMENTS = st.sampled_from(
    [
        "resolution",
        "z_dim",
        "w_dim",
        "channel_base",
        "channel_max",
        "num_classes",
        "mapping_layers",
        "mapping_width",
        "parts",
        "channels",
        "hidden",
        "activation",
        "init",
        "init_std",
        "dropout",
        "norm",
        "input_shape",
        "num_classes",
        "continuous",
        "categorical",
        "lr",
        "weights",
        "cache",
        "path",
    ]
)
VALUES = st.one_of(
    ANY,
    st.sampled_from(
        [0, 1, 3, 8, 10**9, 2**63, -1, math.nan, math.inf, [4, 4], [10**9] * 3, [], {}, "relu", "he", "none"]
    ),
)
NODES = st.recursive(
    VALUES,
    lambda inner: st.builds(
        lambda target, arguments, partial: {"_target_": target, **arguments} | ({"_partial_": True} if partial else {}),
        NAMES,
        st.dictionaries(ARGUMENTS, inner, max_size=10),
        st.booleans(),
    ),
    max_leaves=12,
)


@pytest.mark.long
@settings(FAST, max_examples=400)
@given(NODES)
def test_any_config_of_a_network_is_built_or_refused_and_takes_no_memory(node):
    try:
        with torch.device("meta"):
            build_of_file(node, "model", "a.pt", NETWORKS, {})
    except UserError as error:
        assert str(error).startswith("a.pt: ")


@FAST
@given(ANY)
def test_any_target_is_refused_or_built(target):
    try:
        build_of_file({"_target_": target}, "x", "a.pt", TARGETS, {})
    except UserError as error:
        assert "a.pt: " in str(error)


@FAST
@given(
    st.one_of(st.text("0123456789-@, pt.", max_size=30), st.integers(), st.lists(st.integers() | st.text(max_size=5)))
)
def test_any_seeds(seeds):
    with contextlib.suppress(ValueError):
        assert 0 < len(parse_seeds(seeds)) <= 10**7
