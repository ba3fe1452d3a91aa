"""A trained classifier from its checkpoint alone, what it is given, and what it says."""

import time
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import SMALL_FACES, SMALL_FOLDER, compose
from dlcourse.classifier.data.unlabelled import ImageSamples, PointSamples, gray, samples_of
from dlcourse.classifier.decision_map import decision_map
from dlcourse.classifier.predict import MAX_SHOWN, classes_of, contact_sheet, predictions
from dlcourse.classifier.trained import TrainedClassifier
from dlcourse.engine import checkpoint
from dlcourse.engine.build import build
from dlcourse.engine.runner import state_dicts_of
from dlcourse.errors import UserError

CPU = torch.device("cpu")
DIGITS = ("experiment=digits", "device=cpu")
CNN = ("experiment=cats", *SMALL_FOLDER, "model=cnn", "model.channels=[4,4]", "device=cpu")
FACES = ("experiment=batch_size", *SMALL_FACES, "device=cpu")
POINTS = ("experiment=points", "dataset.num_train=30", "dataset.num_dev=5", "dataset.num_test=5", "device=cpu")


def saved(folder, *overrides, change=lambda config, state: None):
    """The task of a config, as drawn, and the path of its checkpoint."""
    config = compose(*overrides)
    task = build(config["task"], "task")
    task.setup(CPU)
    state = state_dicts_of(task) | task.metadata()
    change(config, state)
    path = folder / "a.pt"
    checkpoint.save_checkpoint(path, 7, config, state)
    return task, path


def digit_files(task, folder, count):
    folder.mkdir()
    for index, pixels in enumerate(task.dataset.train[0][:count]):
        Image.fromarray(pixels[0].numpy()).save(folder / f"{index:03}.png")
    return folder


def test_probabilities_are_those_of_the_equations(tmp_path):
    task, path = saved(tmp_path, *DIGITS, "model=mlp", "model.hidden=[]")
    inputs, _ = task.dataset.train
    images = inputs.double().numpy() / 255
    mean, std = images.mean((0, 2, 3), keepdims=True), images.std((0, 2, 3), keepdims=True)
    linear = task.model.network.layers[0]
    x = ((images[:9] - mean) / std).reshape(9, 64)
    z = x @ linear.weight.detach().double().numpy().T + linear.bias.detach().double().numpy()
    expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    files = digit_files(task, tmp_path / "digits", 9)
    classifier = TrainedClassifier.load(path, CPU)
    (found,) = predictions(classifier, samples_of([str(files)], classifier.shape), 64)
    assert [one.sample.name for one in found] == [f"{files}/{index:03}.png" for index in range(9)]
    assert np.abs(torch.stack([one.probabilities for one in found]).numpy() - expected).max() < 1e-6
    assert [one.label for one in found] == expected.argmax(1).tolist()
    assert [one.second for one in found] == expected.argsort(1)[:, -2].tolist()
    assert found[0].probability() == pytest.approx(expected[0].max(), abs=1e-6)
    assert found[0].is_uncertain(expected[0].max() + 1e-5) and not found[0].is_uncertain(expected[0].max() - 1e-5)


@pytest.mark.parametrize("overrides", [(*DIGITS, "model=mlp", "model.norm=batch"), CNN, FACES, POINTS])
def test_a_network_is_the_trained_one_and_batches_do_not_matter(overrides, tmp_path):
    task, path = saved(tmp_path, *overrides)
    inputs, _ = task.dataset.train
    classifier = TrainedClassifier.load(path, CPU)
    assert classifier.classes == list(task.dataset.classes) and classifier.step == 7
    assert classifier.shape == tuple(inputs.shape[1:])
    at_once = classifier.probabilities(inputs[:24])
    torch.testing.assert_close(at_once, task.probabilities(inputs[:24]), rtol=0, atol=1e-6)
    for size in (1, 5):
        parts = torch.cat([classifier.probabilities(part) for part in inputs[:24].split(size)])
        assert (parts - at_once).abs().max() < 1e-6


def test_nothing_but_the_network_is_built(tmp_path):
    def change(config, state):
        config["task"] |= {"dataset": {"_target_": "os.system", "command": "true"}, "optimizer": None}

    task, path = saved(tmp_path, *POINTS, change=change)
    assert TrainedClassifier.load(path, CPU).probabilities(torch.zeros(3, 2)).shape == (3, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, s: s.pop("samples"), "written before checkpoints held the names .* runner.max_steps=8$"),
        (lambda c, s: s.update(samples=3), "its samples.classes are not the names of 2 to 1000 classes"),
        (lambda c, s: s["samples"].update(classes=["a", 1]), "its samples.classes are not the names"),
        (lambda c, s: s["samples"].update(shape=[3, 10**9, 10**9]), "its samples.shape is .*, neither of points"),
        (lambda c, s: s["samples"].update(shape=[3, 8, 9]), r"its samples.shape is \[3, 8, 9\], neither of points"),
        (lambda c, s: s["samples"].update(shape=[True]), r"its samples.shape is \[True\], neither"),
        (lambda c, s: s["samples"].update(shape=[3, 8, 8]), "normalize.offset is"),
        (lambda c, s: s["samples"].update(classes=["a", "b"]), r"its classifier's network.\S+ is \(3, 10\), where"),
        (lambda c, s: s.pop("model"), "its task.model is much larger than|is damaged: it has no weights"),
        (lambda c, s: c["task"].update(model=3), "is damaged: it has no task.model"),
        (lambda c, s: c["task"]["model"].update(_target_="os.system"), "task.model._target_: 'os.system' is refused"),
        (
            lambda c, s: c["task"]["model"].update(hidden=[10**7, 10**7]),
            "its task.model is much larger than the .* weights in the file",
        ),
        (lambda c, s: s["model"]["normalize.factor"].fill_(torch.nan), "has weights that are not finite"),
        (lambda c, s: c.update(task={"_target_": "a.StyleGAN"}), "needs a checkpoint of a classifier; this one is"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_told(change, message, tmp_path):
    _, path = saved(tmp_path, *POINTS, change=change)
    with pytest.raises(UserError, match=rf"^{path}: .*{message}|^{path}: {message}"):
        TrainedClassifier.load(path, CPU)


def test_images_of_files_folders_and_archives_come_in_order_by_the_rules_of_the_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = Image.new("RGB", (6, 4), (10, 200, 30))
    for name in ("a/deep/1.png", "a/.hidden/2.png", "a/__MACOSX/3.png", "a/4.jpg", "b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(name)
    (tmp_path / "a/broken.png").write_bytes((tmp_path / "b.png").read_bytes()[:40])
    (tmp_path / "a/notes.txt").touch()
    (tmp_path / "a/out.png").symlink_to(tmp_path / "b.png")
    with zipfile.ZipFile("c.zip", "w") as archive:
        archive.write("b.png", "x/5.png")
        archive.write("b.png", "../6.png")
    samples = ImageSamples(["b.png", "a", "c.zip", "a/4.jpg", "a/notes.txt"], (3, 5, 5))
    found = {sample.name: sample.values for sample in samples}
    assert list(found) == ["b.png", "a/4.jpg", "a/deep/1.png", "c.zip/x/5.png"]
    assert samples.skipped.keys() == {"a/broken.png", "a/notes.txt", "a/out.png", "c.zip/../6.png"}
    assert all(values.shape == (3, 5, 5) and values.dtype == torch.uint8 for values in found.values())
    assert found["b.png"][:, 2, 2].tolist() == [10, 200, 30]


def test_grey_is_pillows_and_keeps_grey_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 40)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(pixels.transpose(1, 2, 0)).convert("L"))
    assert (gray(pixels)[0] == expected).all()
    same = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(3, 0)
    assert (gray(same) == same[:1]).all()


def test_points_of_tables_and_words(tmp_path):
    table, arrays = tmp_path / "a.csv", tmp_path / "b.npz"
    table.write_text("x1;x2;label\n0,5;1;a\n2;3;\n")
    np.savez(arrays, x1=np.array([4.0]), x2=np.array([5.0]))
    found = list(PointSamples([str(table), str(arrays), "-1e3,2"]))
    assert [one.name for one in found] == [f"{table}:1", f"{table}:2", f"{arrays}:1", "-1e3,2"]
    assert torch.stack([one.values for one in found]).tolist() == [[0.5, 1], [2, 3], [4, 5], [-1000, 2]]
    assert [one.truth for one in found] == ["a", "", "", ""]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["a", "b", "c"], ["a", "b"], {"a": 0, "b": 1}),
        (["0", "1.0", "2", "x"], ["inner", "outer"], {"0": 0, "1.0": 1}),
        (["0", "1.0", "7", "nan"], ["1", "7"], {"1.0": 0, "7": 1}),
        (["0", "b", "c"], ["0", "b"], {"0": 0, "b": 1}),
    ],
)
def test_labels_of_a_table_are_classes_by_name_or_number(labels, classes, expected):
    assert classes_of(labels, classes) == expected


def test_an_output_that_is_not_finite_names_the_input(tmp_path):
    _, path = saved(tmp_path, *POINTS, change=lambda c, s: [w.mul_(1e30) for w in s["model"].values()])
    classifier = TrainedClassifier.load(path, CPU)
    samples = PointSamples(["1e18,1e18"])
    with pytest.raises(UserError, match="^1e18,1e18: the classifier's outputs are no finite numbers"):
        list(predictions(classifier, samples, 4))


def test_uncertain_images_have_a_frame_and_the_sheet_has_a_limit(tmp_path):
    task, path = saved(tmp_path, *DIGITS, "model=mlp")
    files = digit_files(task, tmp_path / "digits", 70)
    classifier = TrainedClassifier.load(path, CPU)
    samples = ImageSamples([str(files)], classifier.shape)
    found = [one for batch in predictions(classifier, samples, 64) for one in batch][: MAX_SHOWN[3]]
    framed = {}
    for threshold in (0.0, 1.1):
        sheet = np.asarray(contact_sheet(found, samples, classifier.classes, threshold, 70))
        framed[threshold] = (sheet == (0xE6, 0x9F, 0)).all(2).sum()
    assert framed == {0.0: 0, 1.1: 60 * (160**2 - 148**2)}


@pytest.mark.parametrize("region", [torch.empty(0, 2), torch.tensor([[0.0, 0.0], [1.0, 1.0]])])
def test_a_map_of_a_single_point_far_away_can_be_drawn(region):
    even = lambda points: torch.full((len(points), 2), 0.5)
    for value in (0.0, 1e6, -1e18):
        drawn = decision_map(even, torch.full((1, 2), value), torch.tensor([0]), ["a", "b"], "points", region)
        assert drawn.size == (600, 500)


def many_layers(config, state):
    config["task"]["model"]["hidden"] = [1] * 400_000


def wide_layers(config, state):
    state["samples"]["shape"] = [3, 2048, 2048]
    config["task"]["model"]["channels"] = [256]
    network = build({**config["task"]["model"], "_partial_": False, "input_shape": (3, 8, 8), "num_classes": 2})
    state["model"] = {name: value for name, value in state["model"].items() if name.startswith("normalize.")}
    state["model"] |= {f"network.{name}": value for name, value in network.state_dict().items()}


@pytest.mark.parametrize(
    ("overrides", "change", "words"),
    [(POINTS, many_layers, "much larger than the"), (CNN, wide_layers, "256 channels at 2048 x 2048 pixels")],
    ids=["layers", "activations"],
)
def test_a_strangers_network_takes_no_time_or_memory(overrides, change, words, tmp_path):
    _, path = saved(tmp_path, *overrides, change=change)
    start = time.monotonic()
    with pytest.raises(UserError, match=words):
        TrainedClassifier.load(path, CPU)
    assert time.monotonic() - start < 20
