"""Projection finds what a generator drew, and directions in W are what they are said to be."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import compose, run_script
from dlcourse.engine.build import build
from dlcourse.engine.checkpoint import Checkpoint, save_checkpoint
from dlcourse.engine.run_folder import newest
from dlcourse.errors import UserError
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.projection import NOT_FOUND, Projection, correlation, multiscale_distance, square
from dlcourse.stylegan.sampling.editing import move, principal_components, read_attributes, slope
from dlcourse.stylegan.sampling.seeds import parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer
from generators import SMALL, small_generator

STEPS = "runner.max_steps"


@pytest.fixture(scope="module")
def generator():
    return small_generator(resolution=16)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, generator):
    path = tmp_path_factory.mktemp("network") / "network.pt"
    node = {"_target_": "dlcourse.stylegan.networks.generator.Generator", "resolution": 16, "num_classes": 0, **SMALL}
    save_checkpoint(path, 0, {"model": {"generator": node}}, {"generator_ema": generator.state_dict()})
    return path


@pytest.fixture(scope="module")
def own_image(tmp_path_factory, generator):
    path = tmp_path_factory.mktemp("own") / "own.png"
    to_pil_image(Synthesizer(None, 1.0, None, 1).images(generator, parse_seeds(5))[0]).save(path)
    return path


@pytest.fixture
def project(checkpoint):
    def project(target, steps, *overrides) -> Projection:
        """A projection after so many steps."""
        words = ["experiment=projection", f"checkpoint={checkpoint}", f"target={target}", f"{STEPS}={max(steps, 1)}"]
        torch.manual_seed(0)  # for features with random weights
        task: Projection = build(compose(*words, *overrides)["task"], "task")
        task.setup(torch.device("cpu"))
        task.rows = [task.step() for _ in range(steps)]
        return task

    return project


def losses_of(task):
    return [float(row["train/loss"]) for row in task.rows]


@pytest.mark.long
def test_an_image_that_the_generator_drew_is_recovered_and_stands_for_a_seed(checkpoint, own_image, tmp_path):
    words = [f"checkpoint={checkpoint}", f"target={own_image}", f"{STEPS}=400", "run_dir=me", "output=found.png"]
    done = run_script("train.py", "experiment=projection", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"next: dlcourse sample checkpoint={checkpoint} sampler=edit seeds=me" in done.stderr
    original, found = (np.asarray(Image.open(path)) / 255 for path in (own_image, tmp_path / "found.png"))
    last = json.loads((tmp_path / "me/metrics.jsonl").read_text().splitlines()[-1])
    assert last["result/psnr"] >= 30
    assert -10 * np.log10(np.square(found - original).mean()) == pytest.approx(last["result/psnr"], abs=0.2)
    assert sorted(path.name for path in (tmp_path / "me/images").glob("target*")) == ["target_0000400.png"]
    for seed in ("me", "[me]", newest(tmp_path / "me")):
        words = [f"checkpoint={checkpoint}", f"seeds={seed}", "singles=true", f"output={tmp_path}/grid.png"]
        assert run_script("sample.py", *words, cwd=tmp_path).returncode == 0
        name = "me" if "me" in str(seed).rpartition("/")[2] else "step_0000400"
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"grid/{name}.png")), np.asarray(found * 255, np.uint8))


def test_a_projection_says_whether_the_image_was_found(project, own_image, tmp_path, caplog):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / "noise.png")
    project(tmp_path / "noise.png", 3).finalize()
    assert NOT_FOUND in caplog.text and "noise.png: " in caplog.text
    caplog.clear()
    start = project(own_image, 1, "task.init=5", "task.synthesizer.truncation_psi=1")
    assert losses_of(start)[0] < 1e-4
    assert start.finalize()["result/psnr"] > 40 and not caplog.text


def test_a_loss_that_is_never_a_number_ends_the_run(checkpoint, own_image, tmp_path):
    saved = Checkpoint.load(checkpoint)
    saved.state["generator_ema"]["w_avg"].fill_(3e38)
    save_checkpoint(tmp_path / "broken.pt", 0, saved.config, saved.state)
    words = ["experiment=projection", "checkpoint=broken.pt", f"target={own_image}", f"{STEPS}=20", "run_dir=run"]
    done = run_script("train.py", *words, cwd=tmp_path)
    assert done.returncode == 1 and "10 times in a row; try a smaller optimizer.lr" in done.stderr
    assert not list((tmp_path / "run").glob("*/step_*"))


def test_without_a_network_a_projection_is_told_how_to_do_without_features(project, own_image, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr("dlcourse.files.download.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(UserError, match=r"weights=imagenet: .*no route.*; put that file at .*weights=PATH"):
        project(own_image, 1, "task.feature_weight=0.01", "model.weights=imagenet")


def test_features_count_when_they_have_a_weight(project, own_image):
    plain, both = project(own_image, 2), project(own_image, 2, "task.feature_weight=0.5", "model.weights=orthogonal")
    assert "train/features" not in plain.rows[0]
    row = {name: float(value) for name, value in both.rows[0].items()}
    assert row["train/pixels"] == losses_of(plain)[0]
    assert row["train/loss"] == pytest.approx(row["train/pixels"] + 0.5 * row["train/features"], rel=1e-5)


@pytest.mark.long
def test_a_foreign_image_comes_closer(project, generator, tmp_path):
    Image.radial_gradient("L").convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    for noise in ("fixed", "free"):
        task = project(tmp_path / "a.png", 40, f"task.noise={noise}")
        assert min(losses_of(task)) < 0.5 * losses_of(task)[0]
        found = task.latent()[1]
        same = [torch.equal(*pair) for pair in zip(found, stored_noise(generator), strict=True)]
        assert all(same) == (noise == "fixed")


def test_the_point_that_is_kept_has_the_least_loss(project, own_image):
    task = project(own_image, 30, "optimizer.lr=1.0")  # it jumps about
    with torch.no_grad():
        loss = float(task.losses(*task.latent())["loss"])
    assert loss == pytest.approx(min(losses_of(task)), rel=1e-5)
    assert float(task.finalize()["result/loss"]) == loss


def test_it_starts_at_the_nearest_of_some_candidates(project, generator, tmp_path):
    seeds, drawn = parse_seeds("1000000-1000003"), Synthesizer(None, 0.7, None, 1)
    images = drawn.images(generator, seeds)
    for seed, image in zip(seeds, images, strict=True):
        to_pil_image(image).save(tmp_path / "target.png")
        task = project(tmp_path / "target.png", 1, "task.candidates=4")
        assert torch.equal(task.latent()[0], drawn.styles(generator, [seed])[0])  # before the first update
        assert losses_of(task)[0] < 1e-4
    at_mean = project(tmp_path / "target.png", 1, "task.candidates=0")
    assert torch.equal(at_mean.latent()[0], generator.w_avg.expand(6, -1)) and losses_of(at_mean)[0] > 1e-3
    (w, _), wanted = project(tmp_path / "target.png", 1, "task.candidates=4", "task.space=w").latent(), seeds[-1]
    assert torch.allclose(w, drawn.styles(generator, [wanted])[0].mean(0).expand(6, -1))


def test_w_is_one_for_all_layers(project, own_image):
    w, _ = project(own_image, 2, "task.space=w", "task.init=5").latent()
    assert w.shape == (6, 32) and torch.equal(w, w[:1].expand(6, -1))
    assert not torch.equal(*project(own_image, 4).latent()[0][:2])


def test_the_descent_leaves_the_generator_alone(project, generator, own_image):
    task = project(own_image, 3, "task.noise=free")
    assert all(torch.equal(value, generator.state_dict()[name]) for name, value in task.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in task.generator.parameters())


def restored(project, saved, target, *overrides):
    """A projection with the state of another, and the error if it does not fit."""
    task = project(target, 0, *overrides)
    try:
        task.load_state_dict(saved)
    except ValueError as error:
        return str(error)
    return task


def test_what_goes_on_keeps_its_best_point_only_for_the_same_loss(project, own_image, tmp_path):
    task = project(own_image, 20)
    same = restored(project, task.state_dict(), own_image)
    assert same.least == task.least and torch.equal(same.best[0], task.best[0])
    Image.new("RGB", (16, 16), "white").save(tmp_path / "white.png")
    for target, *changes in (
        (tmp_path / "white.png",),
        (own_image, "task.feature_weight=0.5", "model.weights=orthogonal"),
    ):
        other = restored(project, task.state_dict(), target, *changes)
        assert other.least == pytest.approx(float(other.losses(*other.latent())["loss"]))
        assert other.least > 2 * task.least


@pytest.mark.parametrize("change", ["task.space=w", "task.noise=free"])
def test_what_goes_on_keeps_its_space(change, project, own_image):
    words = "task.space and task.noise must stay as they were"
    assert restored(project, project(own_image, 1).state_dict(), own_image, change) == words
    assert restored(project, project(own_image, 1, change).state_dict(), own_image) == words


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("task.space=z", r"task.space must be w or w\+, got 'z'"),
        ("task.noise=some", "noise must be fixed or free"),
        ("task.scales=0", "scales must be at least 1"),
        ("task.feature_layers=[relu9_9]", "VGG has no relu9_9"),
        ("task.init=seven", "task.init: seeds must look like"),
        ("task.feature_weight=1 task.feature_layers=[]", "feature_layers must name a layer of VGG"),
        ("task.noise_weight=-1", "noise_weight must not be negative"),
        ("task.init=0-3", "init must be one seed"),
        ("task.candidates=-1", r"candidates must be in \[0, 10000\], got -1"),
        ("task.candidates=2000000", r"candidates must be in \[0, 10000\], got 2000000"),
        ("task.synthesizer.classes=3", "^task.synthesizer: class=3: this generator knows no classes"),
        ("task.synthesizer.classes=[0,1]", "^task.synthesizer: classes=.*: 2 classes for 1 images"),
        ("task.synthesizer.truncation_cutoff=99", "^task.synthesizer: truncation_cutoff=99: this generator has 6"),
        ("target=missing.png", r"missing\.png: no such file"),
        ("target=null", r"target must be an image: give target=PHOTO\.jpg"),
        ("checkpoint=nothing.pt", r"nothing\.pt: no such run folder or checkpoint file"),
    ],
)
def test_senseless_values_are_named(override, words, own_image, project):
    with pytest.raises(UserError, match=words):
        project(own_image, 0, *override.split())  # before its first step


def test_the_distance_sums_over_scales_and_the_square_is_the_middle():
    image = torch.ones(1, 3, 16, 16)
    assert float(multiscale_distance(image, torch.zeros_like(image), 2)) == 2
    assert float(multiscale_distance(image, torch.zeros_like(image), 9)) == 3  # 16, 8, 4
    checked = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 3, 16, 16)
    assert float(multiscale_distance(checked, torch.zeros_like(image), 9)) == 1  # its copies are grey
    wide = Image.new("RGB", (30, 10), "white")
    wide.paste((255, 0, 0), (10, 0, 20, 10))
    assert square(wide).getcolors() == [(100, (255, 0, 0))]


def test_noise_is_told_from_a_image():
    white = torch.randn(1, 1, 64, 64)
    assert float(correlation(white)) < 0.1
    assert float(correlation(white.cumsum(3) / 5)) > 1
    assert float(correlation(torch.zeros(1, 1, 4, 4))) == 1


def test_components_are_the_axes_of_an_ellipsoid():
    torch.manual_seed(0)
    axes = torch.linalg.qr(torch.randn(6, 6)).Q
    w = torch.randn(20000, 6) * torch.tensor([5.0, 3, 1, 0.5, 0.2, 0.1]) @ axes.T + 7
    found, shares = principal_components(w, 2)
    assert found.shape == (2, 6) and torch.allclose(found.norm(dim=1), torch.tensor([5.0, 3]), rtol=0.03)
    assert abs(float(found[0] @ axes[:, 0])) > 0.99 * 5
    assert shares[0] == pytest.approx(25 / 35.3, rel=0.03)
    assert all(float(row[row.abs().argmax()]) > 0 for row in found)


def test_a_slope_is_the_difference_of_means_and_strength_0_changes_nothing():
    w = torch.randn(6, 4)
    values = torch.tensor([1.0, 0, 0, 1, 0, 1])
    assert torch.allclose(slope(w, values), w[values == 1].mean(0) - w[values == 0].mean(0), atol=1e-6)
    styles, direction = torch.randn(5, 4), torch.randn(4)
    moved = move(styles, direction, [0.0, 2.0], 1, 3)
    assert torch.equal(moved[0], styles) and torch.equal(moved[1, [0, 3, 4]], styles[[0, 3, 4]])
    assert torch.allclose(moved[1, 1:3], styles[1:3] + 2 * direction)


def test_attributes_come_from_a_table_with_gaps(generator, tmp_path):
    (tmp_path / "a.csv").write_text("seed,glasses,age\n1,1,\n2,0,30\n5,,40.5\n")
    assert read_attributes(str(tmp_path / "a.csv")) == {"glasses": {1: 1, 2: 0}, "age": {2: 30, 5: 40.5}}
    overrides = ["checkpoint=none", "sampler=edit", "sampler.components=0", f"sampler.attributes={tmp_path / 'a.csv'}"]
    result = build(compose(*overrides, config_name="sample")["sampler"])(generator)
    assert list(result.found["directions"]) == ["glasses", "age"]
    (one, two) = Synthesizer(None, 1.0, None, 1).w(generator, [1, 2])
    assert torch.allclose(result.found["directions"]["glasses"], one - two, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("", "needs a column called seed"),
        ("seed\n1\n", "needs a column called seed, and one for each attribute"),
        ("seed,a\n1,x\n", "line 2: seed '1' and a 'x' must be numbers"),
        ("seed,a\n1-2,1\n", "line 2: seed '1-2'"),
        ("seed,a\n1,nan\n", "must be numbers"),
        ("seed,a\n1,1\n2,1\n", "a is the same for all seeds"),
    ],
)
def test_attributes_that_make_no_sense_are_named(text, words, tmp_path):
    if text is not None:
        (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"a\.csv.*{words}"):
        read_attributes(str(tmp_path / "a.csv"))
