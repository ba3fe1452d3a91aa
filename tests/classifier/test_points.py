import math

import numpy as np
import pytest
import torch

from dlcourse.classifier.data.labelled import stratified_split
from dlcourse.classifier.data.points import Flower, NoisyLine, Points, Rings, ThreeColors
from dlcourse.classifier.data.points_file import PointsFile
from dlcourse.classifier.decision_map import ticks
from dlcourse.images.tensors import table_of_counts, to_tensor


def draw(pattern, count, seed=0):
    return pattern(count, torch.Generator().manual_seed(seed))


def test_three_colors_share_the_square_equally():
    points, labels, clean = draw(ThreeColors(), 30_000)
    assert points.min() >= 0 and points.max() <= 1 and torch.equal(labels, clean)
    assert torch.allclose(labels.bincount() / len(labels), torch.full((3,), 1 / 3), atol=0.01)
    x, y = points.T
    assert torch.equal(labels == 0, y > x.sqrt()) and torch.equal(labels == 2, y < x.square())


def test_rings_touch_at_radius_six():
    points, labels, _ = draw(Rings(), 5000)
    radius = points.norm(dim=1)
    assert radius[labels == 0].min() >= 5 and radius[labels == 0].max() <= 6.00001
    assert radius[labels == 1].min() >= 5.99999 and radius[labels == 1].max() <= 7.00001
    assert labels.bincount().tolist() == [2500, 2500]


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_the_noisy_line_stays_the_best_rule_below_a_fifth(noise):
    points, labels, clean = draw(NoisyLine(noise), 40_000)
    x, y = points.T
    inside = (x <= 0.5) & (y - x >= 0) & (y - x <= 0.5)
    assert torch.equal(clean == 1, x > y)
    wrong = labels != clean
    assert not wrong[~inside].any() and (labels[wrong] == 1).all()
    expected = noise / (noise + (1 - noise) / 4)
    assert labels[inside].float().mean().item() == pytest.approx(expected, abs=0.02)


def test_flower_petals_and_flips():
    points, labels, clean = draw(Flower(0.05), 6000)
    for petal, label in enumerate([1, 1, 0, 1, 0, 0]):
        x, y = points[petal::6].T
        cos, sin = math.cos(petal * math.pi / 3), math.sin(petal * math.pi / 3)
        along, across = x * cos + y * sin, y * cos - x * sin
        assert torch.allclose(((along - 25) / 20).square() + (across / 10).square(), torch.ones(1000), atol=1e-4)
        assert (clean[petal::6] == label).all()
    assert (labels != clean).sum() == 300
    radius = points.norm(dim=1)
    assert 4.9 < radius.min() < 5.2 and 44.8 < radius.max() <= 45.001


def test_sets_are_seeded_and_disjoint_and_the_test_labels_are_clean():
    make = lambda seed: Points(NoisyLine(0.1), 40, 30, 20, input_noise_std=0.0, seed=seed)
    first, again, other = make(3), make(3), make(4)
    assert torch.equal(first.train[0], again.train[0])
    assert not torch.equal(first.train[0], other.train[0])
    rows = torch.cat([first.train[0], first.dev[0], first.test[0]])
    assert len(rows) == 90 == len(rows.unique(dim=0))
    assert torch.equal(first.test[1], (first.test[0][:, 0] > first.test[0][:, 1]).long())


def test_jitter_is_fresh_noise_in_units_of_the_spread():
    points = Points(Rings(), 4000, 5, 5, input_noise_std=0.1, seed=0)
    inputs = points.train[0]
    first, second = points.augment(inputs), points.augment(inputs)
    assert not torch.equal(first, second)
    assert ((first - inputs).std(0) / inputs.std(0)).tolist() == pytest.approx([0.1, 0.1], rel=0.05)
    assert Points(Rings(), 40, 5, 5, input_noise_std=0.0, seed=0).augment(inputs) is inputs


def test_the_decision_map_shows_how_probable_each_class_is():
    points = Points(ThreeColors(), 200, 5, 5, input_noise_std=0.0, seed=0)
    sure = lambda label: lambda x: torch.nn.functional.one_hot(torch.full((len(x),), label), 3).float()
    first, second = (points.visualize(sure(label))["decision_map"] for label in (0, 2))
    unsure = points.visualize(lambda x: torch.full((len(x), 3), 1 / 3))["decision_map"]
    assert first.size == second.size == (600, 500)
    first, second, unsure = map(to_tensor, (first, second, unsure))
    corner = (slice(None), 440, 560)  # inside the axes, without a point
    assert not torch.allclose(first[corner], second[corner], atol=0.1)
    assert unsure[corner].std() < first[corner].std()  # greyer


def test_a_stratified_split_divides_each_class_alike():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 2)[torch.randperm(82)]
    rest, chosen = stratified_split(labels, 0.2, seed=1)
    assert labels[chosen].bincount().tolist() == [10, 6, 1]
    assert torch.equal(torch.cat([rest, chosen]).sort().values, torch.arange(82))
    assert torch.equal(stratified_split(labels, 0.2, seed=1)[1], chosen)
    assert not torch.equal(stratified_split(labels, 0.2, seed=2)[1], chosen)


ROWS = [(0.1 * i, 1 - 0.05 * i, "red" if i % 2 else "blue") for i in range(20)]


def points_file(path):
    return PointsFile(str(path), dev_fraction=0.2, test_fraction=0.2, input_noise_std=0.0, seed=0)


def test_points_from_csv_and_npz(tmp_path):
    table = "label, x2 , x1\n" + "".join(f"{label},{y},{x}\n" for x, y, label in ROWS)
    (tmp_path / "points.csv").write_text("\ufeff" + table, encoding="utf-8")
    x1, x2, label = (np.array(column) for column in zip(*ROWS, strict=True))
    np.savez(tmp_path / "points.npz", x1=x1, x2=x2, label=label)
    for name in ("points.csv", "points.npz"):
        found = points_file(tmp_path / name)
        assert found.classes == ["blue", "red"]
        assert [len(labels) for _, labels in (found.train, found.dev, found.test)] == [12, 4, 4]
        inputs, labels = found.train
        for (x, y), label in zip(inputs.tolist(), labels.tolist(), strict=True):
            assert any(abs(x - a) + abs(y - b) < 1e-5 and found.classes[label] == c for a, b, c in ROWS)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "x1,x2\n1,2\n", "has no label .it has x1, x2"),
        ("p.csv", "", "has no x1, x2, label .it has no columns"),
        ("p.csv", "x1,x2,label\n1,2,a\n3,,b\n", "x2 of sample 2 is '', not a finite number"),
        ("p.csv", "x1,x2,label\n1,nan,a\n", "x2 of sample 1 is 'nan', not a finite number"),
        ("p.csv", "x1,x2,label\n1,two,a\n", "x2 of sample 1 is 'two', not a finite number"),
        ("p.csv", "x1,x2,label\n1,2,a\n1,2\n", "sample 2 has no label"),
        ("p.csv", "x1,x2,label\n1,2,a\n3,4,a\n", "only one class, 'a'"),
        ("p.csv", "x1,x2,label\n", r"one shape \(N,\)"),
        ("p.npz", "no zip", "cannot be read"),
        ("p.txt", "x1,x2,label", "must end in .csv, .tsv or .npz"),
    ],
)
def test_mistakes_in_a_points_file_are_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        points_file(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_arrays_of_unequal_length_and_pickles_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        points_file(tmp_path / "nope.csv")
    np.savez(tmp_path / "a.npz", x1=np.zeros(3), x2=np.zeros(4), label=np.zeros(3))
    with pytest.raises(ValueError, match="one shape"):
        points_file(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x1=np.array([{}, 1], dtype=object), x2=np.zeros(2), label=np.zeros(2))
    with pytest.raises(ValueError, match="cannot be read .*allow_pickle"):
        points_file(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Points(Rings(), 4, 0, 4, input_noise_std=0.0, seed=0), "num_dev must be at least 1, got 0"),
        (lambda: Points(Rings(), 4, 4, 4, input_noise_std=-1.0, seed=0), "input_noise_std must be at least 0, got -1"),
        (lambda: NoisyLine(1.5), r"noise must be in \[0, 1\), got 1.5"),
        (lambda: Flower(-0.1), r"noise must be in \[0, 1\), got -0.1"),
        (lambda: stratified_split(torch.zeros(4).long(), 1.0, 0), r"must be in \(0, 1\), got 1.0"),
        (lambda: stratified_split(torch.tensor([0, 0, 1]), 0.5, 0), "class 1 has 1 sample"),
    ],
)
def test_senseless_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-7.3, 7.2), (1e-4, 3e-4), (-1000.0, 12345.0), (4.99, 5.01)])
def test_ticks_are_round_and_inside(low, high):
    values = ticks(low, high)
    assert 4 <= len(values) <= 9 and all(low <= value <= high for value in values)
    assert all(len(f"{value:g}".lstrip("-").replace(".", "").strip("0")) <= 4 for value in values)


def test_names_of_classes_are_one_short_line_whatever_the_file_says(tmp_path):
    names = ("$\\frac$", "a\nb\x1b[2J", "c" * 100_000)
    rows = [f'{index},{index},"{name}"' for name in names for index in range(10)]
    (tmp_path / "points.csv").write_text("\n".join(["x1,x2,label", *rows]))
    points = PointsFile(str(tmp_path / "points.csv"), 0.2, 0.2, 0.0, 0)
    assert list(points.classes) == ["$\\frac$", r"a\nb\x1b[2J", "c" * 37 + "..."]
    images = points.visualize(lambda inputs: torch.full((len(inputs), 3), 1 / 3))
    table = table_of_counts(torch.ones(3, 3, dtype=torch.int64), points.classes, "true", "predicted")
    assert images and max(table.size) < 2000
