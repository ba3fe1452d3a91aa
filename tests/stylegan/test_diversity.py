"""What the metrics of diversity are for sets whose diversity is known."""

import pytest
import torch

from conftest import compose, small_overrides
from dlcourse.datasets.faces.dataset import Faces
from dlcourse.engine.build import build
from dlcourse.stylegan.metrics.distances import coverage
from dlcourse.stylegan.metrics.diversity import (
    COMBINED,
    attribute_classes,
    attribute_diversity,
    cramers_v,
    effective_dimensions,
)
from dlcourse.stylegan.metrics.extractors import FaceFeatures
from dlcourse.stylegan.metrics.samples import Fakes
from generators import small_generator


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_coverage_of_one_distribution_is_that_of_lemma_2():
    n, m, k = 2000, 1000, 3
    share, ratio = coverage(torch.randn(n, 6), torch.randn(m, 6), k)
    missed = [(n - i) / (n + m - i) for i in range(1, k + 1)]
    assert share == pytest.approx(1 - missed[0] * missed[1] * missed[2], abs=0.02)
    assert ratio == pytest.approx(2 ** (1 / 6), rel=0.1)  # half as dense


def test_coverage_of_extremes():
    reals = torch.randn(100, 4)
    assert coverage(reals, reals) == (1, 1)
    assert coverage(reals, reals + 100) == (0, pytest.approx(1, rel=1e-4))
    some = reals[:25].repeat(4, 1)  # a generator that knows only a quarter
    share, ratio = coverage(reals, some)
    assert 0.25 <= share < 0.8 and ratio == 0
    assert coverage(reals, 0.5 * reals)[1] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="of these, most are alike"):
        coverage(some[:1].repeat(100, 1), reals)
    with pytest.raises(ValueError, match="more than k=3 images, got 3 and 100"):
        coverage(reals[:3], reals)


@pytest.mark.parametrize(("variances", "dimensions"), [([1, 1, 1, 1], 4), ([1, 0, 0, 0], 1), ([4, 2, 1, 1], 64 / 22)])
def test_effective_dimensions_are_the_participation_ratio(variances, dimensions):
    axes = torch.linalg.qr(torch.randn(4, 4)).Q
    w = torch.randn(50000, 4) * torch.tensor(variances).sqrt() @ axes + 7
    assert effective_dimensions(w) == pytest.approx(dimensions, rel=0.02)
    assert effective_dimensions(1000 * w) == pytest.approx(effective_dimensions(w), rel=1e-4)
    assert effective_dimensions(torch.ones(9, 4)) == 0


def test_cramers_v_tells_dependence():
    x, y = torch.randint(7, (1000,)), torch.randint(8, (1000,))
    assert cramers_v(x, y) < 0.06 and cramers_v(x, x) == pytest.approx(1)
    assert cramers_v(x, (x + 3) % 7) == pytest.approx(1) and cramers_v(x, torch.zeros_like(x)) == 0
    assert cramers_v(x * 10**9, y * 10**9) < 0.06  # takes no memory for classes that do not occur
    a, b = torch.randint(2, (100000,)), torch.randint(2, (100000,))
    mixed = torch.where(torch.rand(100000) < 0.4, a, b)  # of two equal halves V is the correlation
    assert cramers_v(a, mixed) == pytest.approx(0.4, abs=0.01)
    assert cramers_v(a, mixed) == pytest.approx(cramers_v(mixed, a))


def test_attributes_of_drawn_faces_are_free_and_counted():
    faces = Faces(resolution=64, num_images=400, seed=7, label="glasses", num_classes=0, texture=1)
    network = FaceFeatures(None).attribute_network()
    features = network.features(faces.images.float() / 255)
    found = attribute_diversity(network, features)
    truth = torch.stack([faces.attributes[name] for name in COMBINED], 1)
    assert found.combinations == pytest.approx(len(truth.unique(dim=0)), rel=0.02)
    assert len(found.associations) == 16 * 15 / 2 and found.largest < 0.25
    assert list(found.associations.values()) == sorted(found.associations.values(), reverse=True)
    yaw = attribute_classes(network, features)["yaw"]
    assert ((faces.attributes["yaw"] + 1) * 2).long().sub(yaw).abs().max() <= 1
    one_kind = attribute_diversity(network, features[:10].repeat(40, 1))
    assert one_kind.combinations <= 10 and one_kind.largest > 0.9


def test_finer_layers_take_the_style_of_another_seed():
    generator = small_generator(16)
    fakes = Fakes(generator, FaceFeatures(None), 1.0, 4, 0.0)
    seeds = range(100, 200)
    w = fakes.w(seeds)
    own, other, mixed = fakes.styles(w), fakes.styles(fakes.w(range(200, 300))), fakes.mixed_styles(w, seeds)
    is_own, is_other = (mixed == own).all(2), (mixed == other).all(2)
    assert (is_own ^ is_other).all() and is_own[:, 0].all() and is_other[:, -1].all()
    assert (is_own.int().diff(dim=1) <= 0).all()  # there is one crossover
    assert set(is_own.sum(1).tolist()) == set(range(1, generator.num_layers))


@pytest.mark.parametrize("classes", [0, 2])
def test_every_training_tells_the_dimensions_of_w(classes):
    words = [*small_overrides("stylegan_faces_tiny", 2), "dataset.label=glasses", f"dataset.num_classes={classes}"]
    task = build(compose(*words)["task"], "task")
    task.setup(torch.device("cpu"))
    (value,) = task.evaluate().values()
    assert 1 < value < task.generator.w_avg.numel() and task.evaluate() == {"metrics/w_dimensions": value}
    for parameter in task.generator_ema.mapping.parameters():
        parameter.zero_()
    assert task.evaluate()["metrics/w_dimensions"] == 0  # all w are equal
