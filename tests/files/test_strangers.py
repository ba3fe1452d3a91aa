"""Attacks by checkpoints: what a stranger's file asks for, it does not get, and that is said in a line at once."""

import os
import struct

import pytest
import torch
from PIL import Image

from attacks import MEGABYTE, refused
from conftest import run_script
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.rebuild import build_fitting, build_of_file
from dlcourse.engine.targets import DATASETS
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.metrics.extractors import FaceFeatures
from readers import NODE, generator

pytestmark = pytest.mark.usefixtures("quick_and_small")


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
    refused(own(tmp_path / "a.pt", **changes), message, Checkpoint.load, UserError)


@pytest.mark.parametrize("state", [None, 7, [1], {"generator_ema": 3}, {"generator_ema": {"w_avg": "x"}},
                                   {"generator_ema": {1: torch.zeros(1)}}])  # fmt: skip
def test_states_that_are_none(tmp_path, state):
    saved = Checkpoint(tmp_path, 1, {}, state if isinstance(state, dict) else {"generator_ema": state})
    with pytest.raises(UserError, match="its generator_ema does not fit"):
        saved.restore({"generator_ema": generator()})


REFUSED = "is refused; here it may be AttributeNetwork, CNN"
HUGE = [{"channel_base": 10**9, "channel_max": 10**9}, {"z_dim": 10**9}, {"w_dim": 2**50}, {"num_classes": 10**9}]
OTHERS = [
    ({"mapping_layers": 10**8}, "mapping_layers must be at most 64"),
    ({"resolution": 2**40}, "resolution must be one of"),
    ({"_target_": "os.system"}, "'os.system' is refused"),
    ({"_target_": "torch.nn.Linear"}, REFUSED),
    ({"_target_": "dlcourse.nn.vgg.VGG"}, REFUSED),
    ({"_target_": "dlcourse.stylegan.metrics.samples.real_features"}, REFUSED),
    (
        {"parts": {"_target_": "dlcourse.classifier.data.builtin.Torchvision", "name": "MNIST", "root": "/tmp/evil"}},
        REFUSED,
    ),
    ({"parts": 7}, "parts must be"),
    ({"channels": [[1]]}, "channels must be"),
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "message"),
    [*((change, "is much larger than the [0-9]+ weights in the file") for change in HUGE), *OTHERS],
)
def test_networks_are_no_larger_than_their_weights(tmp_path, change, message):
    saved = Checkpoint.load(own(tmp_path / "a.pt"))
    with pytest.raises(UserError, match=message):
        build_fitting(NODE | change, "model", "a.pt", saved.state["generator_ema"])


def test_a_config_too_deep_to_follow_is_refused(tmp_path):
    node: dict = {}
    for _ in range(150):
        node = {"a": node}
    refused(own(tmp_path / "a.pt", config=node), "more than 100 within each other", Checkpoint.load, UserError)


def test_the_scripts_say_it_in_a_line_and_write_nothing(tmp_path):
    evil = NODE | {"_target_": "dlcourse.datasets.cache.remove_stale", "folder": str(tmp_path)}
    own(tmp_path / "target.pt", config={"model": {"generator": evil}})
    own(tmp_path / "nothing.pt", config={})
    for name, message in (
        ("target", REFUSED),
        ("nothing", "a checkpoint of dlcourse, but not of a StyleGAN"),
    ):
        done = run_script("sample.py", f"checkpoint={name}.pt", "device=cpu", cwd=tmp_path)
        assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["nothing.pt", "target.pt"]


def test_a_data_set_that_a_file_names_neither_writes_nor_downloads(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    node = {
        "_target_": "dlcourse.datasets.image_folder.ImageFolder",
        "root": str(tmp_path),
        "resolution": 8,
        "fit": "crop",
    }
    node |= {"min_size": 1, "background": [0, 0, 0], "num_classes": 0, "cache": str(tmp_path / "evil")}
    imposed = {"cache": None, "download": False}
    dataset = build_of_file(node, "dataset", "a.pt", DATASETS, imposed)
    assert len(dataset.images) == 1 and not (tmp_path / "evil").exists()
    mnist = {
        "_target_": "dlcourse.classifier.data.builtin.Torchvision",
        "name": "MNIST",
        "root": str(tmp_path / "evil"),
        "dev_fraction": 0.1,
    }
    mnist |= {
        "seed": 0,
        "augment": {
            "_target_": "dlcourse.classifier.data.augmentation.FlipRotateCrop",
            "flip": False,
            "degrees": 0.0,
            "crop": 0,
        },
    }
    with pytest.raises(UserError):
        build_of_file(mnist, "dataset", "a.pt", DATASETS, imposed)
    assert not (tmp_path / "evil").exists()


def test_an_attribute_network_of_a_stranger(tmp_path):
    node = {"_target_": "dlcourse.nn.attribute_network.AttributeNetwork", "resolution": 10**6, "channels": [4]}
    node |= {"continuous": {"a": [0.0, 1.0]}, "categorical": {}}
    for change, message in (
        ({}, r"resolution must be in \[1, 1024\]"),
        ({"resolution": 8, "channels": [10**9]}, "is much larger than the 0 weights in the file"),
        ({"_target_": "os.system"}, "'os.system' is refused"),
        (NODE, "not a checkpoint of experiment=face_attributes|does not take|unexpected"),
    ):
        torch.save({"step": 0, "config": {"model": node | change}, "state": {"model": {}}}, tmp_path / "a.pt")
        refused(str(tmp_path / "a.pt"), message, FaceFeatures, UserError)


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
    refused(tmp_path / "a.pkl", "more than 4 times as large as the file", load_pretrained, UserError)
