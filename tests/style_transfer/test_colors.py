"""Colours given from one image to another: closed forms and invariants."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.images.tensors import to_pil_image, to_tensor
from dlcourse.style_transfer.colors import blend, keep_chroma, luminance, match_luminance, match_statistics

WEIGHTS = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
SEEDS = st.integers(0, 10_000)
CONSTANT = torch.full((1, 3, 4, 5), 0.3)
BLACK = torch.zeros(1, 3, 4, 5)
GREY = torch.rand(1, 1, 9, 8, generator=torch.Generator().manual_seed(1)).expand(1, 3, 9, 8)
ODD = {
    "constant": CONSTANT,
    "black": BLACK,
    "grey": GREY,
    "one pixel": torch.tensor([0.2, 0.9, 0.4]).reshape(1, 3, 1, 1),
}


def random_image(seed: int, height: int = 12, width: int = 10, dtype=torch.float64) -> torch.Tensor:
    """(2, 3, H, W) with correlated channels."""
    generator = torch.Generator().manual_seed(seed)
    factor = torch.rand(3, 3, generator=generator, dtype=dtype)
    mixture = factor @ factor.mT + 0.1 * torch.eye(3, dtype=dtype)  # no direction without variance
    mixture = mixture / mixture.sum(1, keepdim=True)  # stays in [0, 1]
    noise = torch.rand(2, 3, height * width, generator=generator, dtype=dtype)
    return (mixture @ noise).unflatten(-1, (height, width))


def mean_and_covariance(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    values = images.double().flatten(-2)
    return values.mean(-1), torch.stack([torch.cov(value, correction=0) for value in values])


def test_luminance_of_the_primaries_and_of_grey():
    primaries = torch.eye(3, dtype=torch.float64).reshape(3, 3, 1, 1)
    assert torch.equal(luminance(primaries).flatten(), WEIGHTS)
    assert luminance(primaries).shape == (3, 1, 1, 1)
    torch.testing.assert_close(luminance(GREY), GREY[:, :1])
    assert luminance(torch.rand(2, 5, 3, 4, 6)).shape == (2, 5, 1, 4, 6)


@given(SEEDS)
def test_matched_statistics_are_the_targets(seed):
    source, target = random_image(seed), random_image(seed + 1, 7, 15)
    matched = match_statistics(source, target)
    assert matched.shape == source.shape and matched.dtype == source.dtype
    for found, expected in zip(mean_and_covariance(matched), mean_and_covariance(target), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_float32_and_one_target_for_many_sources():
    source, target = random_image(0, dtype=torch.float32), random_image(1, 6, 6, dtype=torch.float32)[:1]
    matched = match_statistics(source, target)
    assert matched.dtype == torch.float32 and matched.shape == source.shape
    for found, expected in zip(mean_and_covariance(matched), mean_and_covariance(target), strict=True):
        torch.testing.assert_close(found, expected.expand_as(found), atol=1e-5, rtol=0)
    torch.testing.assert_close(match_statistics(source[1], target[0]), matched[1])


@given(SEEDS)
def test_matching_with_itself_is_the_identity(seed):
    image = random_image(seed)
    torch.testing.assert_close(match_statistics(image, image), image, atol=1e-6, rtol=0)
    torch.testing.assert_close(match_luminance(image, image), image, atol=1e-12, rtol=0)


@given(SEEDS)
def test_a_symmetric_map_is_found_again(seed):
    """Monge-Kantorovich maps are the symmetric positive definite ones: every such map is its own answer."""
    source = random_image(seed)
    factor = random_image(seed + 2)[0, :, 0, :3]
    matrix = factor @ factor.mT + 0.3 * torch.eye(3, dtype=torch.float64)
    moved = torch.einsum("ij,njhw->nihw", matrix, source) + 0.1
    torch.testing.assert_close(match_statistics(source, moved), moved, atol=1e-4, rtol=0)


def test_uncorrelated_channels_are_scaled_one_by_one():
    signs = torch.tensor([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64)
    scales = torch.tensor([[0.3], [0.1], [0.05]], dtype=torch.float64)
    source, target = (0.1 * signs)[:, None], (0.5 + scales * signs)[:, None]
    torch.testing.assert_close(match_statistics(source, target), target, atol=1e-7, rtol=0)


@pytest.mark.parametrize("source", ODD)
@pytest.mark.parametrize("target", ODD)
def test_grey_and_constant_images_stay_finite(source, target):
    for match in (match_statistics, match_luminance):
        matched = match(ODD[source], ODD[target])
        assert matched.isfinite().all() and matched.shape == ODD[source].shape
    matched, expected = match_statistics(ODD[source], ODD[target]), ODD[target].mean((2, 3))
    torch.testing.assert_close(matched.mean((2, 3)), expected, atol=1e-5, rtol=0)
    assert matched.abs().max() < 3


def test_a_grey_target_makes_grey():
    matched = match_statistics(random_image(0), GREY.double())
    assert (matched - matched.mean(1, keepdim=True)).abs().max() < 1e-5


def test_a_grey_source_stays_grey_and_takes_the_targets_brightness():
    matched, target = match_statistics(GREY.double(), random_image(3)[:1]), random_image(3)[:1]
    torch.testing.assert_close(matched.mean((2, 3)), target.mean((2, 3)))
    found, expected = matched.mean(1).var(correction=0), target.mean(1).var(correction=0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    tint = matched - matched.mean(1, keepdim=True)
    torch.testing.assert_close(tint, tint.mean((2, 3), keepdim=True).expand_as(tint), atol=1e-6, rtol=0)


@given(SEEDS)
def test_matched_luminance_has_the_targets_mean_and_deviation_and_the_chroma_stays(seed):
    source, target = random_image(seed), random_image(seed + 1, 5, 8)
    matched = match_luminance(source, target)
    found, expected = luminance(matched).flatten(1), luminance(target).flatten(1)
    torch.testing.assert_close(found.mean(1), expected.mean(1), atol=1e-9, rtol=0)
    torch.testing.assert_close(found.std(1, correction=0), expected.std(1, correction=0), atol=1e-6, rtol=0)
    torch.testing.assert_close(matched - luminance(matched), source - luminance(source), atol=1e-9, rtol=0)


@given(SEEDS, st.floats(-1, 1), st.floats(0.2, 3))
def test_kept_chroma_is_exact_after_rounding_and_luminance_wherever_there_is_room(seed, shift, spread):
    content = random_image(seed)
    image = shift + spread * random_image(seed + 1)
    kept = keep_chroma(image, content)
    assert kept.min() >= -1e-12 and kept.max() <= 1 + 1e-12
    for each, of in zip(kept, content, strict=True):
        rounded = to_tensor(to_pil_image(each)).double()
        chroma = (rounded - luminance(rounded), of - luminance(of))
        torch.testing.assert_close(*chroma, atol=1 / 255 + 1e-6, rtol=0)
    free = luminance(image) + content - luminance(content)  # what it would be without bounds
    is_inside = ((free >= 0) & (free <= 1)).all(1, keepdim=True)
    difference = (luminance(kept) - luminance(image)).abs()
    assert not (is_inside & (difference > 1e-9)).any()
    torch.testing.assert_close(kept.where(is_inside, free * 0), free.where(is_inside, free * 0))


def test_kept_chroma_in_closed_form():
    red = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    for level in (0.0, 0.5, 1.0):  # pure red leaves luminance no room
        torch.testing.assert_close(keep_chroma(torch.full_like(red, level), red), red)
    grey = torch.full_like(red, 0.5)
    torch.testing.assert_close(keep_chroma(red, grey), torch.full_like(red, 0.2126))
    torch.testing.assert_close(keep_chroma(torch.full_like(red, 1.7), grey), torch.ones_like(red))
    torch.testing.assert_close(keep_chroma(red, red), red)


@given(SEEDS, st.floats(0, 1), st.floats(0, 1))
def test_a_blend_is_exact_at_its_ends_and_a_colour_between(seed, of_luminance, of_chroma):
    content, result = random_image(seed), random_image(seed + 1)
    torch.testing.assert_close(blend(content, result, 1, 1), result)
    torch.testing.assert_close(blend(content, result, 0, 0), content)
    assert torch.equal(blend(content, result, 1, 0), keep_chroma(result, content))
    torch.testing.assert_close(blend(content, content, of_luminance, of_chroma), content)
    blended = blend(content, result, of_luminance, of_chroma)
    assert blended.min() >= -1e-12 and blended.max() <= 1 + 1e-12
    chroma = torch.lerp(content - luminance(content), result - luminance(result), of_chroma)
    torch.testing.assert_close(blended - luminance(blended), chroma)


@given(SEEDS, st.floats(0, 1))
def test_a_blend_of_both_alike_is_the_mean_of_pixels(seed, share):
    content, result = random_image(seed), random_image(seed + 1)
    torch.testing.assert_close(blend(content, result, share, share), torch.lerp(content, result, share))


def test_a_blend_of_bytes_is_exact_at_its_ends():
    content, result = (to_tensor(to_pil_image(random_image(seed)[0])) for seed in (0, 1))
    for share, image in ((0, content), (1, result)):
        assert to_pil_image(blend(content, result, share, share)).tobytes() == to_pil_image(image).tobytes()
