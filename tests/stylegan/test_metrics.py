"""Metrics of features in closed form, and what must not change them."""

import math

import pytest
import torch

from dlcourse.nn.attribute_network import AttributeNetwork, AttributePrediction
from dlcourse.stylegan.metrics.disentanglement import (
    Look,
    color_histograms,
    conditional_entropy,
    path_lengths,
    separability,
    style_effects,
    trimmed_mean,
)
from dlcourse.stylegan.metrics.distances import Moments, feature_moments, frechet_distance, kid, precision_recall
from dlcourse.stylegan.sampling.interpolation import slerp


def test_frechet_distance_of_gaussians_of_known_moments():
    mean, variances = torch.tensor([[0.0, 1.0], [3.0, 5.0]]).double(), torch.tensor([[1.0, 4.0], [9.0, 0.0]]).double()
    first, second = (Moments(m, v.diag()) for m, v in zip(mean, variances, strict=True))
    expected = (mean[0] - mean[1]).square().sum() + (variances[0].sqrt() - variances[1].sqrt()).square().sum()
    assert frechet_distance(first, second) == pytest.approx(float(expected), rel=1e-12)
    assert frechet_distance(second, first) == pytest.approx(float(expected), rel=1e-12)


def test_frechet_distance_does_not_depend_on_the_axes_and_agrees_with_the_matrix_root():
    linalg = pytest.importorskip("scipy.linalg")
    x, y = torch.randn(60, 8), torch.randn(50, 8) @ torch.randn(8, 8) + 1
    a, b = feature_moments(x), feature_moments(y)
    root = torch.from_numpy(linalg.sqrtm((a.covariance @ b.covariance).numpy()).real)
    expected = (a.mean - b.mean).square().sum() + (a.covariance + b.covariance - 2 * root).trace()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-9)
    turn = torch.linalg.qr(torch.randn(8, 8))[0]
    assert frechet_distance(feature_moments(x @ turn), feature_moments(y @ turn)) == pytest.approx(
        float(expected), rel=1e-4
    )


def test_frechet_distance_agrees_with_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Identity(torch.nn.Module):
        num_features = 6

        def forward(self, images):
            return images.flatten(1)

    x, y = torch.randn(40, 1, 1, 6), torch.randn(40, 1, 1, 6) * 2 + 1
    metric = fid.FrechetInceptionDistance(feature=Identity(), normalize=True)
    metric.update(x, real=True)
    metric.update(y, real=False)
    ours = frechet_distance(feature_moments(x.flatten(1)), feature_moments(y.flatten(1)))
    assert ours == pytest.approx(float(metric.compute()), rel=1e-4)


def test_equal_sets_are_at_distance_zero_even_with_fewer_images_than_features():
    x = torch.randn(10, 40)
    assert frechet_distance(feature_moments(x), feature_moments(x)) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_unbiased_about_zero_and_grows_with_the_shift():
    values = torch.tensor([kid(*torch.randn(2, 30, 5)) for _ in range(300)])
    assert values.min() < 0 < values.max()
    assert values.mean().abs() < 3 * values.std() / 300**0.5
    x = torch.randn(300, 5)
    assert kid(x, x + 2) > kid(x, x + 1) > 10 * values.mean().abs()


def test_the_kernel_distance_by_hand():
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [3.0]])
    k = lambda a, b: (a * b + 1) ** 3
    expected = k(1, 2) + k(0, 3) - 2 * (k(1, 0) + k(1, 3) + k(2, 0) + k(2, 3)) / 4
    assert kid(x, y) == pytest.approx(expected)


def test_precision_and_recall_are_one_for_equal_and_zero_for_disjoint_sets():
    x = torch.randn(40, 3)
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 100) == (0, 0)


def test_fakes_of_one_mode_are_precise_and_recall_that_mode():
    reals = torch.cat([torch.randn(100, 2), torch.randn(100, 2) + 50])
    precision, recall = precision_recall(reals, torch.randn(200, 2))
    assert precision > 0.8 and recall == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("measure", [kid, precision_recall])
def test_too_few_images_are_refused(measure):
    with pytest.raises(ValueError, match="images"):
        measure(torch.zeros(1, 2), torch.zeros(9, 2))
    with pytest.raises(ValueError, match="at least 2 images"):
        feature_moments(torch.zeros(1, 2))


def test_the_path_length_of_a_linear_generator_is_the_squared_length_of_its_steps():
    matrix, a, b, t = (
        torch.randn(6, 3).double(),
        torch.randn(5, 3).double(),
        torch.randn(5, 3).double(),
        torch.rand(5, 1),
    )
    lengths = path_lengths(a, b, t.double(), torch.lerp, lambda w: w @ matrix.mT, lambda images: images)
    torch.testing.assert_close(lengths, ((b - a) @ matrix.mT).square().sum(1), rtol=1e-6, atol=0)


def test_slerp_turns_at_constant_speed_between_the_directions():
    a, b = torch.nn.functional.normalize(torch.randn(2, 4, 3).double(), dim=2)
    zero, one = torch.zeros(4, 1).double(), torch.ones(4, 1).double()
    torch.testing.assert_close(slerp(a, b, zero), a)
    torch.testing.assert_close(slerp(a, b, one), b)
    angles = torch.linspace(0, 1, 5).double()
    points = torch.stack([slerp(a, b, t.expand(4, 1)) for t in angles])  # (5, 4, 3)
    steps = (points[1:] * points[:-1]).sum(2).acos()
    torch.testing.assert_close(steps, steps[:1].expand(4, 4))
    same = lambda points: points
    arc = (slerp(a, b, zero) * slerp(a, b, one)).sum(1).acos()
    torch.testing.assert_close(path_lengths(a, b, zero, slerp, same, same), arc**2, rtol=1e-5, atol=0)


def test_outliers_are_trimmed():
    lengths = torch.ones(200)
    lengths[0], lengths[1] = 1e9, -1e9
    assert trimmed_mean(lengths) == 1


def test_separable_labels_cost_nothing_and_independent_ones_their_whole_entropy():
    latents = torch.randn(4000, 6)
    sure = torch.ones(4000)
    separable = {"sign": ((latents[:, 0] > 0).long(), latents[:, 0].abs())}
    assert separability(latents, separable)[0] == pytest.approx(1, abs=0.02)
    coin = {"coin": (torch.randint(2, (4000,)), sure)}
    assert separability(latents, coin) == pytest.approx((2, 1), abs=0.05)
    assert separability(latents, separable | coin) == pytest.approx((2, 0.5), abs=0.05)
    argmax = {"three": (latents[:, :3].argmax(1), sure)}
    assert 1 < separability(latents, argmax)[0] < 1.2


def test_an_attribute_that_never_changes_costs_nothing():
    assert separability(torch.randn(40, 2), {"all": (torch.ones(40).long(), torch.ones(40))}) == (1, 0)
    with pytest.raises(ValueError, match="at least 8"):
        separability(torch.randn(4, 2), {})


def test_conditional_entropy_by_hand():
    x, y = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1])
    assert conditional_entropy(x, y) == pytest.approx(math.log(2) / 2)


def test_effects_say_how_often_and_by_how_much_attributes_move():
    network = AttributeNetwork(8, [4], {"yaw": [-1.0, 1.0]}, {"glasses": 2})
    logits = torch.eye(2)[torch.tensor([0, 0, 1, 1])]
    black, green = torch.eye(64)[[0]].double(), torch.eye(64)[[12]].double()
    half = (black + green) / 2
    before = Look(
        AttributePrediction({"yaw": torch.tensor([0.0, 0.0, 0.0, -5.0])}, {"glasses": logits}),
        torch.cat([black, black, black, half]),
    )
    swapped = Look(
        AttributePrediction({"yaw": torch.tensor([0.5, 0.1, 9.0, -1.0])}, {"glasses": logits.flip(0)}),
        torch.cat([black, green, half, half]),
    )
    names = ["glasses", "yaw", "color_scheme"]
    effects = style_effects(network, before, {"none": before, "all": swapped}, names)
    moved = {"glasses": 1, "yaw": 0.5, "color_scheme": 0.5}  # the scheme by 0, 1, 0.5, 0: two more than 0.375 / 2
    assert effects.moved == {name: {"none": 0, "all": rate} for name, rate in moved.items()}
    amounts = {"glasses": 1, "yaw": (0.25 + 0.05 + 0.5 + 0) / 4, "color_scheme": 0.375}
    for name, amount in amounts.items():
        assert effects.amount[name] == pytest.approx({"none": 0, "all": amount})
    assert list(effects.moved) == names and effects.relative() == dict.fromkeys(names, {"none": 0, "all": 1})


def test_color_histograms_count_pixels_wherever_they_lie():
    images = torch.zeros(2, 3, 4, 4)
    images[0, 1, 0] = 1.0  # a green row
    images[1, 1, :, 2] = 0.75  # a green column, of the same level
    found = color_histograms(images)
    assert torch.equal(found[0], found[1])
    assert found[0, 0] == 0.75 and found[0, 3 * 4] == 0.25 and found.shape == (2, 64)
    assert color_histograms(torch.ones(1, 3, 2, 2))[0, 63] == 1
