import numpy as np
import pytest
import torch
from PIL import Image

from conftest import compose, kaggle_folder
from dlcourse.classifier.data import labelled
from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.builtin import Digits, FaceAttributes, Torchvision
from dlcourse.datasets.decoding import check_memory
from dlcourse.datasets.faces.dataset import Faces
from dlcourse.engine.build import build
from dlcourse.images.files import decode
from dlcourse.images.tables import labelled_grid
from mixed_images import image_classes

STILL = FlipRotateCrop(flip=False, rotate=0.0, crop=1.0)


def test_kaggle_layout_keeps_its_test_set_and_counts_what_it_skips(tmp_path, capsys):
    kaggle_folder(tmp_path, num_train=12, num_test=5)
    (tmp_path / "training_set" / "cats" / "_DS_Store").write_text("x")
    (tmp_path / "training_set" / "cats" / "notes.txt").write_text("x")
    (tmp_path / "training_set" / "cats" / "broken.jpg").write_bytes(b"\xff\xd8\xff no jpeg")
    data = image_classes(tmp_path)
    assert data.classes == ["cats", "dogs"]
    assert [labels.bincount().tolist() for _, labels in (data.train, data.dev, data.test)] == [[9, 9], [3, 3], [5, 5]]
    inputs, labels = data.train
    assert inputs.dtype == torch.uint8 and inputs.shape[1:] == (3, 8, 8)
    assert torch.equal(
        labels == 1, inputs[:, 2].float().mean((1, 2)) > inputs[:, 0].float().mean((1, 2))
    )  # dogs are blue
    said = capsys.readouterr().err
    assert said.splitlines()[0] == f"{tmp_path}: skipped 2 files"
    assert "  training_set/cats/broken.jpg: not an image that can be read" in said
    assert "  training_set/cats/notes.txt: not the name of an image (.txt)" in said and "_DS_Store" not in said


def test_dev_and_test_are_disjoint_and_seeded(tmp_path):
    kaggle_folder(tmp_path, num_train=12, num_test=5)
    pixels = lambda arrays: {image.numpy().tobytes() for image in arrays[0]}
    data, again, other = (image_classes(tmp_path / "training_set", seed=seed) for seed in (0, 0, 1))
    sets = [pixels(arrays) for arrays in (data.train, data.dev, data.test)]
    assert sum(map(len, sets)) == 24 == len(set.union(*sets))
    assert pixels(again.dev) == sets[1] != pixels(other.dev)


def test_images_are_decoded_once_however_many_epochs(tmp_path, monkeypatch):
    kaggle_folder(tmp_path, num_train=12, num_test=5)
    opened = []
    monkeypatch.setattr(
        "dlcourse.datasets.decoding.decode", lambda file, examine: opened.append(file.name) or decode(file, examine)
    )
    small = ["dataset.resolution=8", "task.batch_size=8", f"dataset.root={tmp_path}"]
    task = build(compose("experiment=cats", *small)["task"], "task")
    task.setup(torch.device("cpu"))
    while task.batches.epochs_seen() < 3:
        task.step()
        task.evaluate()
    assert len(opened) == 34 == len(set(opened))


def test_at_most_so_many_per_class(tmp_path):
    kaggle_folder(tmp_path, num_train=12, num_test=5)
    data = image_classes(tmp_path, max_per_class=4)
    assert len(data.train[0]) + len(data.dev[0]) == 8 and len(data.test[0]) == 8


def test_mistakes_in_a_folder_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        image_classes(tmp_path / "nope")
    with pytest.raises(ValueError, match="a folder for each class, at least 2; it has 0"):
        image_classes(tmp_path)
    kaggle_folder(tmp_path, num_train=3, num_test=2)
    (tmp_path / "test_set" / "birds").mkdir()
    with pytest.raises(ValueError, match="training_set has the classes cats, dogs, but test_set has birds, cats, dogs"):
        image_classes(tmp_path)
    (tmp_path / "training_set" / "birds").mkdir()
    with pytest.raises(ValueError, match="no images of class birds"):
        image_classes(tmp_path)
    with pytest.raises(ValueError, match="max_per_class must be at least 2, or null, got 1"):
        image_classes(tmp_path, max_per_class=1)
    with pytest.raises(ValueError, match="resolution must be at least 2, got 0"):
        image_classes(tmp_path, resolution=0)
    with pytest.raises(ValueError, match=r"take 1048576.0 GiB and .* are free; lower dataset.resolution"):
        check_memory(2**50, tmp_path)


def test_digits_are_the_real_ones():
    data = Digits(0.25, 0.2, STILL, 0)
    assert [len(labels) for _, labels in (data.train, data.dev, data.test)] == [1079, 359, 359]
    assert data.train[0].shape[1:] == (1, 8, 8) and data.train[0].max() == 255
    assert data.train[1].bincount().min() > 100


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, float("nan")])  # 0 and 1: a user's are ints
def test_fractions_that_leave_a_set_empty_are_named(fraction):
    with pytest.raises(ValueError, match=r"^test_fraction must be in \(0, 1\), got"):
        Digits(dev_fraction=0.2, test_fraction=fraction, augment=STILL, seed=0)
    with pytest.raises(ValueError, match=r"^dev_fraction must be in \(0, 1\), got"):
        Digits(dev_fraction=fraction, test_fraction=0.2, augment=STILL, seed=0)


def test_face_attributes_are_labels():
    faces = Faces(resolution=8, num_images=120, seed=0, label="glasses", num_classes=0, texture=0)
    data = FaceAttributes(faces, "glasses", 0.2, 0.25, STILL, 0)
    assert data.classes == ("no glasses", "glasses")
    total = sum(labels.bincount(minlength=2) for _, labels in (data.train, data.dev, data.test))
    assert torch.equal(total, faces.attributes["glasses"].bincount(minlength=2))
    with pytest.raises(ValueError, match="attribute must be one of hair_style, glasses, .*got 'smile'"):
        FaceAttributes(faces, "smile", 0.2, 0.25, STILL, 0)


def test_a_download_that_fails_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="name must be one of MNIST, FashionMNIST, CIFAR10, got 'SVHN'"):
        Torchvision("SVHN", str(tmp_path), 0.1, STILL, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="MNIST is not in root=.* and cannot be downloaded"):
        Torchvision("MNIST", str(tmp_path / "file"), 0.1, STILL, 0)


def test_mnist_files_that_are_there_are_read(tmp_path):
    def write(name, magic, array):
        header = np.array([magic, *array.shape], dtype=">i4").tobytes()
        (tmp_path / "MNIST" / "raw" / name).write_bytes(header + array.tobytes())

    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for split, count in (("train", 40), ("t10k", 20)):
        write(f"{split}-images-idx3-ubyte", 0x803, np.full((count, 28, 28), 7, dtype=np.uint8))
        write(f"{split}-labels-idx1-ubyte", 0x801, np.arange(count, dtype=np.uint8) % 10)
    data = Torchvision("MNIST", str(tmp_path), 0.25, STILL, 0)
    assert data.train[0].shape == (30, 1, 28, 28) and len(data.dev[0]) == 10 and len(data.test[0]) == 20
    assert (data.train[0] == 7).all() and len(data.classes) == 10


def test_hardest_images_show_truth_and_guess(monkeypatch):
    drawn, draw = [], labelled_grid
    monkeypatch.setattr(labelled, "labelled_grid", lambda *about, **more: drawn.append(about) or draw(*about, **more))
    faces = Faces(resolution=8, num_images=40, seed=0, label="glasses", num_classes=0, texture=0)
    data = FaceAttributes(faces, "glasses", 0.2, 0.25, STILL, 0)
    image = data.visualize(lambda inputs: torch.tensor([[0.9, 0.1]]).expand(len(inputs), -1))["hardest"]
    assert image.mode == "RGB" and image.width > 4 * 128
    ((_, captions, _),) = drawn
    assert captions[0] == f"true: {data.classes[1]}\npredicted: {data.classes[0]}, 0.90"


def test_flip_mirrors_half_of_the_images_exactly():
    images = torch.rand(400, 3, 8, 8)
    varied = FlipRotateCrop(flip=True, rotate=0.0, crop=1.0)(images)
    same = (varied - images).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (varied - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    assert (same | mirrored).all() and 150 < mirrored.sum() < 250


def test_rotation_and_crop_stay_within_their_bounds():
    ramp = torch.linspace(0, 1, 65).expand(1, 1, 65, 65).repeat(200, 1, 1, 1)
    turned = FlipRotateCrop(flip=False, rotate=90.0, crop=1.0)(ramp)
    assert torch.allclose(turned[:, 0, 32, 32], torch.full((200,), 0.5), atol=1e-4)  # about the centre
    slope = turned[:, 0, 32, 40] - turned[:, 0, 32, 24]  # cos(angle) / 4
    assert slope.min() > -0.01 and slope.max() <= 0.2501 and slope.std() > 0.02
    cropped = FlipRotateCrop(flip=False, rotate=0.0, crop=0.5)(ramp)
    width = cropped[:, 0, 0, -1] - cropped[:, 0, 0, 0]
    assert width.min() >= 0.49 and width.max() <= 1.0 and width.std() > 0.05
    assert STILL(ramp) is ramp


def test_bytes_become_floats_and_each_image_has_its_own_variation():
    images = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8).repeat(6, 1, 1, 1)
    varied = FlipRotateCrop(flip=False, rotate=20.0, crop=0.8)(images)
    assert varied.dtype == torch.float32 and 0 <= varied.min() and varied.max() <= 1
    assert len({image.numpy().tobytes() for image in varied}) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotate": 200.0}, r"rotate must be in \[0, 180\] degrees"),
        ({"crop": 0.0}, r"crop must be in \(0, 1\], got 0.0"),
    ],
)
def test_senseless_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        FlipRotateCrop(**({"flip": False, "rotate": 0.0, "crop": 1.0} | changes))


def test_grey_images_are_read_as_rgb(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(4):
            Image.new("L", (9, 12), 40 * index).save(tmp_path / name / f"{index}.png")
    assert image_classes(tmp_path).train[0].shape[1:] == (3, 8, 8)
