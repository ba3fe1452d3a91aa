"""Projection finds what a generator drew, and directions in W are what they are said to be."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import compose
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.sampling.editing import move, principal_components, read_attributes, slope
from dlcourse.stylegan.sampling.projection import NOT_FOUND, correlation, multiscale_distance, psnr, square
from dlcourse.stylegan.sampling.seeds import parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer
from generators import small_generator


@pytest.fixture(scope="module")
def generator():
    return small_generator(resolution=16)


@pytest.fixture(scope="module")
def own_image(tmp_path_factory, generator):
    path = tmp_path_factory.mktemp("own") / "own.png"
    to_pil_image(Synthesizer(None, 1.0, None, 1).images(generator, parse_seeds(5))[0]).save(path)
    return path


def project(target, *overrides):
    overrides = ["sampler=project", "checkpoint=none", f"target={target}", *overrides]
    return build(compose(*overrides, config_name="sample")["sampler"], "sampler")


@pytest.mark.long
def test_an_image_that_the_generator_drew_is_recovered(generator, own_image, tmp_path):
    result = project(own_image, "sampler.steps=400")(generator)
    with Image.open(own_image) as file:
        original = torch.tensor(np.asarray(file)) / 255
    assert psnr(torch.tensor(np.asarray(result.singles["projection"])) / 255, original) >= 30
    assert result.found["w"].shape == (6, 32)
    torch.save(result.found, tmp_path / "found.pt")
    synthesizer = Synthesizer(None, 1.0, None, 1)
    (image,) = synthesizer.images(generator, parse_seeds(str(tmp_path / "found.pt")))
    assert np.array_equal(np.asarray(to_pil_image(image)), np.asarray(result.singles["projection"]))


def test_a_projection_says_whether_the_image_was_found(generator, own_image, tmp_path, caplog, monkeypatch):
    headings = []
    said = lambda heading, image, *_: headings.append(heading) or image
    monkeypatch.setattr("dlcourse.images.tables.under", said)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / "noise.png")
    project(tmp_path / "noise.png", "sampler.steps=3", "seeds=2")(generator)
    assert "from seed 2, psi 0.7" in headings[-1] and NOT_FOUND in headings[-1] and NOT_FOUND in caplog.text
    caplog.clear()
    start = project(own_image, "sampler.steps=1", "seeds=5", "truncation_psi=1", "sampler.space=w+")(generator)
    assert start.found["losses"][0] < 1e-4 and NOT_FOUND not in headings[-1] + caplog.text


def test_a_loss_that_was_never_a_number_is_no_result(generator, own_image):
    broken = copy.deepcopy(generator)
    broken.w_avg.fill_(float("nan"))
    with pytest.raises(UserError, match="no loss of the projection was a finite number; what may help: smaller"):
        project(own_image, "sampler.steps=2")(broken)


def test_without_a_network_a_projection_is_told_how_to_do_without_features(generator, own_image, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr("dlcourse.files.download.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(UserError, match=r"weights=imagenet: .*no route.*; put that file at .*weights=PATH"):
        project(own_image, "sampler=project_features", "sampler.features.weights=imagenet")(generator)


@pytest.mark.long
def test_a_foreign_image_comes_closer_and_repeats(generator, tmp_path):
    Image.radial_gradient("L").convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    for noise in ("fixed", "free"):
        made = [project(tmp_path / "a.png", "sampler.steps=40", f"sampler.noise={noise}") for _ in range(2)]
        first, again = (one(generator) for one in made)
        assert first.found["losses"] == again.found["losses"] and torch.equal(first.found["w"], again.found["w"])
        assert min(first.found["losses"]) < 0.5 * first.found["losses"][0]
        kept = [one is not other for one, other in zip(first.found["noise"], stored_noise(generator), strict=True)]
        assert all(kept)
        same = [torch.equal(*pair) for pair in zip(first.found["noise"], stored_noise(generator), strict=True)]
        assert all(same) == (noise == "fixed")


def test_the_point_that_is_kept_has_the_least_loss(generator, own_image):
    made = project(own_image, "sampler.steps=30", "sampler.optimizer.lr=1.0")  # it jumps about
    result = made(generator)
    w, noise = result.found["w"], result.found["noise"]
    with torch.no_grad():
        loss = float(made.losses(generator, w, noise)["loss"])
    assert loss == pytest.approx(min(result.found["losses"]), rel=1e-5)


def test_w_is_one_for_all_layers_and_a_start_can_be_given(generator, own_image):
    result = project(own_image, "sampler.steps=2", "sampler.space=w", "seeds=5", "truncation_psi=1")(generator)
    assert torch.equal(result.found["w"], result.found["w"][:1].expand(6, -1))
    assert result.found["losses"][0] < 1e-4  # seed 5 drew it


def test_the_descent_leaves_the_generator_alone(generator, own_image):
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    project(own_image, "sampler.steps=3", "sampler.noise=free")(generator)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert all(parameter.grad is None for parameter in generator.parameters())


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sampler.space=z", r"space must be w or w\+, got 'z'"),
        ("sampler.noise=some", "noise must be fixed or free"),
        ("sampler.scales=0", "steps and scales must be at least 1"),
        ("sampler.feature_layers=[relu9_9]", "VGG has no relu9_9"),
        ("sampler.noise_weight=-1", "weights must not be negative"),
        ("seeds=0-3", "seeds must be one"),
        ("target=missing.png", r"missing\.png: no such file"),
    ],
)
def test_senseless_values_are_named(override, words, own_image):
    with pytest.raises(UserError, match=words):
        project(own_image, override)


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
