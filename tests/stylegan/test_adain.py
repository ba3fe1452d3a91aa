"""AdaIN: the equation, and the fast form, which equals it."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.nn import adain_kernels
from dlcourse.nn.adain import adain
from dlcourse.nn.adain_kernels import fast_adain
from dlcourse.stylegan.networks import layers


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def random_style(batch: int, channels: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Scale and bias."""
    scale, bias = torch.randn(2, batch, channels, 1, 1, dtype=dtype)
    return scale, bias


@pytest.mark.parametrize("function", [adain, fast_adain])
def test_adain_sets_mean_and_standard_deviation(function):
    x, (scale, bias) = 3 + 5 * torch.randn(4, 3, 8, 8), random_style(4, 3)
    y = function(x, scale, bias)
    assert torch.allclose(y.mean((2, 3), keepdim=True), bias, atol=1e-5)
    assert torch.allclose(y.std((2, 3), correction=0, keepdim=True), scale.abs(), atol=1e-5)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(4, 4), (256, 256)])  # a small image, and one that batch norm's kernel sums up
@pytest.mark.parametrize("with_gradients", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fast_adain_equals_the_equation_also_where_a_channel_is_constant(dtype, with_gradients, size, memory_format):
    x, style = torch.randn(2, 3, *size, dtype=torch.float64), random_style(2, 3, torch.float64)
    is_constant = torch.tensor([[False, True, True], [False, True, False]])[:, :, None, None]
    x = torch.where(is_constant, 1.37, x)
    x, style = x.to(dtype).to(memory_format=memory_format), [part.to(dtype) for part in style]
    exact = torch.where(is_constant, style[1].double(), adain(x.double(), *(part.double() for part in style)))
    tolerance = 2e-6 if dtype == torch.float32 else 1e-12 if size == (4, 4) else 1e-9  # of a mean in float64, times 1e4
    if size == (4, 4):
        assert_close(adain(x, *style).double(), exact, tolerance)
    with torch.set_grad_enabled(with_gradients):
        assert_close(fast_adain(x, *style).double(), exact, tolerance)


def test_adain_equals_its_equation_in_float64():
    x, (scale, bias) = torch.randn(2, 3, 4, 4).double() * 1e-4, random_style(2, 3, torch.float64)
    centred = x - x.mean((2, 3), keepdim=True)
    expected = centred * (centred.square().mean((2, 3), keepdim=True) + 1e-8).rsqrt() * scale + bias
    assert_close(adain(x, scale, bias), expected, 1e-12)
    assert_close(fast_adain(x, scale, bias), expected, 1e-12)


def test_statistics_of_half_precision_are_taken_in_float32():
    x, style = torch.randn(4, 3, 8, 8) + 30, random_style(4, 3)
    for function in (adain, fast_adain):
        half = function(x.bfloat16(), *style)
        assert half.dtype == torch.bfloat16
        assert_close(half.float(), adain(x.bfloat16().float(), *style), 0.01)
    x = torch.full((4, 1, 4, 4), 1000.0).half() + torch.tensor([0, 1, 2, 3]).view(4, 1, 1, 1).half() * 100
    assert layers.minibatch_stddev(x, 4)[0, 1, 0, 0] == pytest.approx(12500**0.5, rel=1e-3)  # overflows in half


@pytest.mark.parametrize("batch", [1, 3])
def test_adain_is_the_same_with_channels_last(batch):
    x, style = torch.randn(batch, 4, 6, 8, dtype=torch.float64), random_style(batch, 4, torch.float64)
    found = fast_adain(x.to(memory_format=torch.channels_last), *style)
    assert_close(found, fast_adain(x, *style), 1e-12)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 3])
def test_adain_without_gradients_is_the_same_and_overwrites_its_input(batch, memory_format):
    x, style = torch.randn(batch, 4, 6, 8).to(memory_format=memory_format), random_style(batch, 4)
    expected = fast_adain(x, *style)
    with torch.no_grad():
        found = fast_adain(x, *style)
    assert torch.equal(found, expected)
    assert found.data_ptr() == x.data_ptr()


def test_adain_has_right_first_and_second_derivatives():
    inputs = [part.requires_grad_() for part in (torch.randn(2, 3, 4, 3).double(), *random_style(2, 3, torch.float64))]
    assert torch.autograd.gradcheck(fast_adain, inputs) and torch.autograd.gradgradcheck(fast_adain, inputs)


@pytest.mark.long
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("channels", [2, 3, 12])
def test_adain_of_a_large_image_is_exact(channels, batch):
    """A million pixels with a mean of many standard deviations; torch's kernels are off by 1e-4."""
    x = (5 + F.leaky_relu(torch.randn(batch, channels, 1024, 1024), 0.2)).to(memory_format=torch.channels_last)
    assert (x[0].numel() > adain_kernels.NUMBERS_IN_CACHE) == (channels > 2)  # in several pieces, and in one
    scale, bias = random_style(batch, channels)
    assert_close(fast_adain(x, scale, bias).double(), adain(x.double(), scale.double(), bias.double()), 5e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(16, 16), (64, 64), (600, 256)])  # a formula; a piece; two unequal ones
def test_statistics_are_those_of_each_image_alone(size, dtype):
    x = (torch.randn(3, 16, *size) + torch.arange(3).view(3, 1, 1, 1)).to(memory_format=torch.channels_last)
    with torch.no_grad():
        together = adain_kernels.mean_and_variance(x.to(dtype))
        alone = [adain_kernels.mean_and_variance(image) for image in x.to(dtype).split(1)]
    exact = x.to(dtype).double()
    for found, each, right in zip(
        together, zip(*alone, strict=True), (exact.mean((2, 3)), exact.var((2, 3), correction=0)), strict=True
    ):
        assert found.dtype == torch.float32 and torch.equal(found, torch.cat(each))
        assert_close(found.double(), right[:, :, None, None], 2e-6)
