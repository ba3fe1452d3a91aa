"""predict.py as people type it: the training data gone, names in Chinese, damaged files, mistakes."""

import csv
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.engine import run_folder
from dlcourse.files import torch_file

CLASSES = {"三角形": (180, 90, 60), "圆形": (60, 90, 180)}


def noisy(color, random, size=(16, 12)):
    return Image.fromarray(np.clip(random.normal(color, 20, (*size[::-1], 3)), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run on a folder of images that is gone, one on points, and new images."""
    folder, random = tmp_path_factory.mktemp("predict"), np.random.default_rng(0)
    for name, color in CLASSES.items():
        (folder / "mine" / name).mkdir(parents=True)
        for index in range(20):
            noisy(color, random).save(folder / "mine" / name / f"{index}.png")
    words = ("experiment=cats", "dataset.root=mine", "dataset.resolution=8", "task.batch_size=8", "runner.max_steps=60")
    done = run_script("train.py", *words, "run_dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "mine")
    done = run_script("train.py", "runner.max_steps=200", "run_dir=points", "device=cpu", cwd=folder)
    assert done.returncode == 0, done.stderr
    new = folder / "new" / "里"
    new.mkdir(parents=True)
    for index, color in enumerate([*CLASSES.values()] * 35):
        noisy(color, random, (300, 200) if index < 2 else (20, 20)).save(new / f"照片{index:02}.png")
    (folder / "new" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return folder


def rows_of(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_new_images_are_classified_without_the_training_data(place):
    done = run_script("predict.py", "run", "new", cwd=place)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("run/checkpoints/best.pt: step ")
    assert first.endswith(", images of 8 x 8 pixels in 2 classes (三角形, 圆形)")
    rows = rows_of(place / "run" / "predictions" / "predictions.csv")
    assert [row["file"] for row in rows] == [f"new/里/照片{index:02}.png" for index in range(70)]
    assert [row["class"] for row in rows] == [*CLASSES] * 35
    for row in rows:
        assert row["probability"] == row[row["class"]]
        assert float(row["三角形"]) + float(row["圆形"]) == pytest.approx(1, abs=1e-5)
        line = rf"{row['file']}  +{row['class']} +{float(row['probability']):.3f}"
        assert re.search(f"^{line}", done.stdout, re.MULTILINE)
    assert re.search(r"^三角形 +35 +\d+\n圆形 +35 +\d+\nall +70", done.stdout, re.MULTILINE)
    assert done.stderr.startswith("skipped: 1 file\n  new/broken.jpg: ")
    with Image.open(place / "run" / "predictions" / "predictions.png") as image:
        assert image.width == 10 * 164 + 4


def test_uncertain_ones_name_the_next_class_and_nothing_is_overwritten(place):
    for number in ("", "_2"):
        done = run_script("predict.py", "run", "new/里/照片00.png", "--uncertain", "1", "--output", "out/x", cwd=place)
        assert done.returncode == 0, done.stderr
        assert re.search(r"png  三角形  0\.\d+  uncertain: 圆形 0\.\d+\n", done.stdout)
        assert done.stdout.endswith(f"out/x/predictions{number}.csv\nout/x/predictions{number}.png\n")
    names = {path.name for path in (place / "out" / "x").iterdir()}
    assert names == {f"predictions{number}.{kind}" for number in ("", "_2") for kind in ("csv", "png")}


def test_points_of_a_table_with_labels_and_from_the_command_line(place):
    x = np.random.default_rng(0).random((50, 2))
    labels = (x[:, 1] <= np.sqrt(x[:, 0])).astype(int) + (x[:, 1] < x[:, 0] ** 2)
    table = "".join(f"{a},{b},{label}\n" for (a, b), label in zip(x, labels, strict=True))
    (place / "mine.csv").write_text(f"x1,x2,label\n{table}0.1,0.1,what\n")
    done = run_script("predict.py", "points", "mine.csv", "-0.1,0.9", cwd=place)
    assert done.returncode == 0, done.stderr
    rows = rows_of(place / "points" / "predictions" / "predictions.csv")
    names = ["y > sqrt(x)", "between", "y < x^2"]
    right = np.mean([names.index(row["class"]) == label for row, label in zip(rows[:50], labels, strict=True)])
    assert len(rows) == 52 and rows[51]["file"] == "-0.1,0.9" and rows[51]["class"] == names[0]
    assert f"accuracy {right:.4f} on 50 labelled points\n" in done.stdout and right > 0.7
    assert "labels that are no class of this classifier: 1, such as what\n" in done.stdout
    with Image.open(place / "points" / "predictions" / "predictions.png") as image:
        assert image.width == 600


def test_the_file_of_a_checkpoint_alone_is_enough(place, tmp_path):
    shutil.copy(run_folder.newest(place / "run"), tmp_path / "taken.pt")
    shutil.copytree(place / "new", tmp_path / "new")
    done = run_script("predict.py", "taken.pt", "new", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"taken.pt", "new", "predictions"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.png"], "nowhere.png: no such image, folder or .zip"),
        (["run", "empty"], r"empty: no image that can be used \("),
        (["run", "new/broken.jpg"], r"new/broken.jpg: no image that can be used \(.*; new/broken.jpg: "),
        (["run", "a.csv"], "a.csv: a table of points, and this classifier is one of images; give images"),
        (["run", "0.3,1"], "0.3,1: a point, and this classifier is one of images; give images"),
        (["points", "new"], "new: a folder, and this classifier is one of points; give tables"),
        (["points", "new/broken.jpg"], "new/broken.jpg: an image, and this classifier is one of points; give tables"),
        (["points", "a.csv"], r"a.csv: has no x1, x2 \(it has a, b\)"),
        (["points", "nowhere.npz"], "nowhere.npz: no such file"),
        (["points", "1,inf"], "1,inf: neither a file nor a point of two finite numbers, such as 0.3,-1.2"),
        (["points", "0,0", "--device", "nope"], r"--device nope cannot be used here \("),
        (["points", "0,0", "--uncertain", "2"], r"argument --uncertain: must be in \[0, 1\], got 2"),
        (["points", "0,0", "--output", "a.csv"], "--output a.csv: cannot be written"),
        (["a.csv", "0,0"], "a.csv: not a run; the run comes first: dlcourse predict RUN a.csv"),
        (["nan.pt", "0,0"], r"nan.pt: its classifier has weights that are not finite \("),
    ],
)
def test_a_mistake_is_told_in_a_line_and_leaves_nothing(words, message, place):
    (place / "a.csv").write_text("a,b\n1,2\n")
    (place / "empty").mkdir(exist_ok=True)
    content = torch_file.load(run_folder.newest(place / "points"))
    content["state"]["model"]["normalize.offset"][0, 0] = torch.nan
    torch_file.save(content, place / "nan.pt")
    before = sorted(place.rglob("*"))
    done = run_script("predict.py", *words, cwd=place)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert re.match(f"error: {message}", done.stderr), done.stderr
    assert sorted(place.rglob("*")) == before


def test_a_failure_in_the_middle_leaves_no_part_of_a_table(place):
    content = torch_file.load(run_folder.newest(place / "points"))
    weights = [value for name, value in content["state"]["model"].items() if name.endswith("weight")]
    for value in weights:
        value.mul_(1e10)
    torch_file.save(content, place / "huge.pt")
    (place / "many.csv").write_text("x1,x2\n" + "0.5,0.5\n" * 5000 + "-1e18,1e18\n")
    done = run_script("predict.py", "huge.pt", "many.csv", "--output", "half", cwd=place)
    assert done.returncode == 1 and "many.csv:4000 " in done.stdout
    assert done.stderr.startswith("error: many.csv:5001: the classifier's outputs are no finite numbers")
    assert list((place / "half").iterdir()) == []
