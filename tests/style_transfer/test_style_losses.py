"""Statistics and distances of style transfer against closed forms and loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcourse.style_transfer.losses import (
    gram,
    mean_squared_error,
    moments,
    range_penalty,
    relative_squared_error,
    total_variation,
    wasserstein2,
)


def test_gram_is_the_sum_over_positions_per_image():
    features = torch.randn(2, 3, 4, 5)
    expected = torch.stack(
        [torch.stack([torch.stack([(f[i] * f[j]).sum() for j in range(3)]) for i in range(3)]) for f in features]
    )
    assert torch.allclose(gram(features, None, "none"), expected, atol=1e-5)
    assert torch.allclose(gram(features, None, "hw"), expected / 20, atol=1e-6)
    assert torch.allclose(gram(features, None, "chw"), expected / 60, atol=1e-6)


def test_normalizations_convert_into_each_other_and_into_the_papers_loss():
    first, second = torch.rand(1, 6, 4, 5, dtype=torch.float64), torch.rand(1, 6, 4, 5, dtype=torch.float64)
    distance = {
        kind: float(mean_squared_error(gram(first, None, kind), gram(second, None, kind)))
        for kind in ("chw", "hw", "none")
    }
    c, m = 6, 20
    difference = gram(first, None, "none") - gram(second, None, "none")
    paper = float(difference.square().sum()) / (4 * c**2 * m**2)  # Gatys et al. 2016, eq. 4
    assert distance["hw"] == pytest.approx(c**2 * distance["chw"], rel=1e-12)
    assert distance["none"] == pytest.approx(m**2 * distance["hw"], rel=1e-12)
    assert paper == pytest.approx(distance["hw"] / 4, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_gram_ignores_where_things_are_and_never_mixes_the_batch(c, h, w, seed):
    features = torch.randn(2, c, h, w, generator=torch.Generator().manual_seed(seed))
    shuffled = features.flatten(2)[:, :, torch.randperm(h * w)].reshape(2, c, w, h)
    assert torch.allclose(gram(features, None, "hw"), gram(shuffled, None, "hw"), atol=1e-5)
    assert torch.allclose(gram(features, None, "hw")[1:], gram(features[1:], None, "hw"), atol=1e-6)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_one_product_is_autograds_of_two(memory_format):
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: gram(f, None, "chw"), features)
    weights = torch.randn(2, 3, 3, dtype=torch.float64)  # not symmetric
    (ours,) = torch.autograd.grad((weights * gram(features, None, "hw")).sum(), features)
    flat = features.flatten(2)
    (autograds,) = torch.autograd.grad((weights * (flat @ flat.mT) / 20).sum(), features)
    assert torch.allclose(ours, autograds, atol=1e-12)
    assert ours.is_contiguous(memory_format=memory_format)


def test_gram_of_bf16_features_is_summed_in_float32():
    features = torch.rand(1, 4, 64, 64).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = gram(features, None, "hw")
    assert found.dtype == torch.float32
    assert torch.allclose(found, gram(features.double(), None, "hw").float(), rtol=1e-5)
    assert torch.autograd.grad(found.sum(), features)[0].dtype == torch.bfloat16


def test_a_mask_takes_the_mean_over_its_area_alone():
    features = torch.randn(1, 3, 4, 6)
    mask = torch.zeros(1, 1, 4, 6)
    mask[..., :2] = 1
    assert torch.allclose(gram(features, mask, "hw"), gram(features[..., :2], None, "hw"), atol=1e-6)
    assert torch.allclose(moments(features, mask), moments(features[..., :2], None), atol=1e-6)
    assert torch.allclose(gram(features, 0.25 * mask, "chw"), gram(features, mask, "chw"), atol=1e-6)
    assert torch.allclose(gram(features, torch.ones(1, 1, 4, 6), "chw"), gram(features, None, "chw"), atol=1e-7)


def test_moments_hold_mean_and_second_moments():
    features = torch.randn(2, 3, 4, 5)
    found, flat = moments(features, None), features.flatten(2)
    assert torch.allclose(found[:, :3, 3], flat.mean(2), atol=1e-6)
    assert torch.allclose(found[:, :3, :3], flat @ flat.mT / 20, atol=1e-6)
    assert torch.allclose(found[:, 3, 3], torch.ones(2))


def test_averages_of_moments_are_the_moments_of_both():
    first, second = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    both = moments(torch.cat([first, second], -1), None)
    assert torch.allclose((moments(first, None) + moments(second, None)) / 2, both, atol=1e-6)


def matrix_root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.mT


def test_wasserstein_distance_is_the_formula_with_matrix_roots():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    first = torch.randn(1, 5, 10, 10, generator=generator, dtype=torch.float64)
    second = torch.einsum("ij,njhw->nihw", mixing, first.flip(2)) + 0.5
    eps = 1e-4
    gaussians = []
    for features in (first, second):
        flat = features.flatten(2)[0]
        gaussians.append((flat.mean(1), torch.cov(flat, correction=0) + eps * torch.eye(5, dtype=torch.float64)))
    (mean1, cov1), (mean2, cov2) = gaussians
    root = matrix_root(cov2)
    expected = (mean1 - mean2).square().sum() + torch.trace(cov1 + cov2 - 2 * matrix_root(root @ cov1 @ root))
    found = wasserstein2(moments(first, None), moments(second, None), eps)
    assert float(found) == pytest.approx(float(expected) / 5, rel=1e-9)


def test_wasserstein_distance_has_the_right_gradient_and_is_zero_for_equals():
    first = torch.randn(1, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    target = moments(torch.randn(1, 4, 6, 6, dtype=torch.float64) * 2 + 1, None)
    assert torch.autograd.gradcheck(lambda f: wasserstein2(moments(f, None), target, 1e-4), first)
    assert abs(float(wasserstein2(target, target, 1e-4))) < 1e-9


def test_wasserstein_distance_of_shifted_and_stretched_gaussians():
    base = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    base = (base - base.mean((2, 3), keepdim=True)) / base.std((2, 3), keepdim=True, correction=0)
    shifted = wasserstein2(moments(base, None), moments(base + 2, None), 1e-9)
    assert float(shifted) == pytest.approx(4, rel=1e-6)  # |m1 - m2|^2 / C
    stretched = wasserstein2(moments(base, None), moments(3 * base, None), 1e-9)
    assert float(stretched) == pytest.approx(4, rel=1e-4)  # (3 - 1)^2


def test_wasserstein_distance_stands_covariances_without_full_rank():
    few = torch.rand(1, 16, 2, 2) * 1000
    few.requires_grad_()
    distance = wasserstein2(moments(few, None), moments(torch.rand(1, 16, 3, 2) * 1000, None), 1e-4)
    (gradient,) = torch.autograd.grad(distance, few)
    assert torch.isfinite(distance) and gradient.isfinite().all()


def test_distances():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])
    assert mean_squared_error(a, b) == 2.0
    assert relative_squared_error(a, b) == pytest.approx(4 / 13)
    assert relative_squared_error(a * 1e4, b * 1e4) == pytest.approx(4 / 13)
    assert range_penalty(torch.tensor([-0.5, 0.2, 1.0, 2.0])) == pytest.approx((0.25 + 1) / 4)


def test_total_variation_of_a_ramp_and_of_a_checkerboard():
    ramp = torch.arange(8.0).expand(1, 3, 8, 8)
    assert total_variation(ramp) == 1
    board = ((torch.arange(8)[:, None] + torch.arange(8)) % 2).float().expand(1, 3, 8, 8)
    assert total_variation(board) == 2
    assert total_variation(torch.full((1, 3, 4, 4), math.pi)) == 0


def test_an_unknown_normalization_is_named():
    with pytest.raises(ValueError, match="normalization must be one of chw, hw, none, got 'nchw'"):
        gram(torch.zeros(1, 2, 2, 2), None, "nchw")
