"""The StyleGAN tab with a network from a file, which has classes."""

import io
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.cli import explore
from dlcourse.page.tabs import Tabs
from dlcourse.stylegan.interop.files import save_pretrained
from dlcourse.stylegan.interop.networks import Pretrained
from dlcourse.stylegan.networks.generator import Generator
from page_client import client_of

SIZES = {"resolution": 16, "z_dim": 16, "w_dim": 16, "channel_base": 256, "channel_max": 16, "num_classes": 3}
TARGET = "dlcourse.stylegan.networks.generator.Generator"
FILE = "three $HOME's classes; ${seed}.pt"  # in the command it is one word


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = Generator(**SIZES)
    torch.nn.init.normal_(network.w_avg, std=0.1)
    pretrained = Pretrained("test", {"generator": {"_target_": TARGET, **SIZES}}, generator=network)
    save_pretrained(pretrained, tmp_path / FILE, "none")
    with Tabs(tmp_path / FILE, "cpu", "fp32", explore.compose, explore.train_run) as tabs:
        yield client_of(tabs.routes(), tabs.uploads)


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_the_command_draws_the_same_image_of_every_class(ask, tmp_path):
    shown = []
    for number in range(3):
        state = {"seeds": [{"seed": 1}], "class": number, "edits": [[1, 2.5, 0, 6]]}
        response = ask("stylegan/image", {"state": state})
        assert response.status_code == 200, response.text
        words = shlex.split(ask("stylegan/command", {"state": state}).json["command"])
        done = run_script("sample.py", *words[2:-1], f"output=image{number}.png", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        shown.append(pixels(response.data))
        assert np.array_equal(shown[-1], pixels((tmp_path / f"image{number}.png").read_bytes()))
    assert not np.array_equal(shown[0], shown[1]) and not np.array_equal(shown[1], shown[2])


def test_a_class_must_be_given(ask):
    response = ask("stylegan/image", {"state": {"seeds": [{"seed": 1}]}})
    assert response.status_code == 400 and "this generator was trained on classes" in response.json["error"]
    assert ask("stylegan", {}).json["classes"] == 3
