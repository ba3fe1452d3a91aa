"""scripts/prepare_dataset.py, and training on what it prepared."""

import os
import re

import pytest
import torch
from PIL import Image
from test_image_folder import image_folder

from conftest import ROOT, compose, run_script, small_overrides
from dlcourse.datasets import decoding
from dlcourse.datasets.contact_sheet import ContactSheet
from dlcourse.engine.build import build
from mixed_images import drawing, mixed_folder, nvidia_zip


def test_a_contact_sheet_and_the_counts(tmp_path):
    mixed_folder(tmp_path / "mine", 20, least=16, most=60)
    keys = ["dataset.root=mine", "dataset.resolution=16", "dataset.num_classes=2", "dataset.cache=cache"]
    done = run_script("prepare_dataset.py", *keys, "output=sheets/a.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["20 images, 3 files skipped", "  even: 10", "  odd: 10"] and lines[4:] == ["sheets/a.png"]
    checksums = 20 * 3 * 4  # of every image at every level
    assert (tmp_path / lines[3]).stat().st_size == 20 * 3 * (16**2 + 8**2 + 4**2) + checksums
    assert Image.open(tmp_path / "sheets" / "a.png").width > 8 * 96
    assert "mine: skipped 3 files" in done.stderr and "odd/notes.txt" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"dataset.root: no value given; set dataset.root=..."),
        (["dataset.root=nope"], r"error: dataset.root=nope: no such folder or zip file"),
        (
            ["dataset.root=a.zip", "dataset.num_classes=3"],
            r"num_classes=3, but .* 2 classes; set dataset.num_classes=2",
        ),
        (["dataset.root=a.zip", "output=a.txt"], r"output=a.txt: must end in one of .*.png"),
        (["dataset.root=a.zip", "num_shown=0"], r"num_shown must be at least 1, got 0"),
        (["dataset.root=a.zip", "dataset.resolution=32"], r"none of its 4 images can be used.*too small \(16 x 16"),
        (["dataset.root=a.zip", "dataset.resolution=8", "dataset.cache=a.zip"], r"cache=a.zip: cannot be written"),
        (["dataset=faces"], r"there are no files to be prepared; give dataset=image_folder"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, arguments, message):
    nvidia_zip(tmp_path / "a.zip", [0, 1, 0, 1])
    done = run_script("prepare_dataset.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert re.search(message, done.stderr) and len(done.stderr.splitlines()) == 1, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_the_sheet_shows_images_from_all_of_the_set(tmp_path):
    for index in range(30):
        drawing(index, 256, 256).save(tmp_path / f"{index:02}_{'x' * 30}.png")
    data = image_folder(tmp_path, resolution=256)
    sheet = ContactSheet(data, 4)
    chosen = torch.tensor([0, 10, 19, 29])
    assert sheet.captions(chosen) == [f"{number:02}_xxx...xxxxxx" for number in chosen.tolist()]
    assert sheet.draw().size[0] == 4 * (128 + 4) + 4  # from a coarser level
    assert ContactSheet(data, 100).summary() == ["30 images, 0 files skipped"]


def test_training_begins_with_what_is_prepared(tmp_path, monkeypatch):
    mixed_folder(tmp_path / "mine", 12, least=16, most=60)
    size = [word for word in small_overrides("stylegan_faces", 1) if "num_images" not in word]
    keys = [*size, "dataset=image_folder", f"dataset.root={tmp_path / 'mine'}", "dataset.resolution=16"]
    assert compose(*keys)["dataset"]["cache"] == os.environ["DLCOURSE_CACHE"]

    def one_step():
        torch.manual_seed(0)
        task = build(compose(*keys)["task"], "task")
        task.setup(torch.device("cpu"))
        return task.step()["gan/d_loss"]

    first = one_step()
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("an image was decoded"))
    assert torch.equal(one_step(), first)


def test_the_default_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("DLCOURSE_CACHE")
    assert compose("dataset=image_folder", "dataset.root=x")["dataset"]["cache"] == "~/.cache/dlcourse"
    assert "~/.cache/dlcourse" in (ROOT / "docs" / "your_data.md").read_text()
