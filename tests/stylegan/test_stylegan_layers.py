"""The operations of StyleGAN v1: closed forms, and naive loops in float64."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.nn import adain_kernels
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.networks import kernels, layers, synthesis
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.synthesis import constant_weights
from dlcourse.stylegan.sampling.seeds import draw_z


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def test_pixel_norm_gives_unit_mean_square():
    x = torch.randn(5, 7) * 10
    assert torch.allclose(layers.pixel_norm(x).square().mean(1), torch.ones(5), atol=1e-5)
    assert not layers.pixel_norm(torch.zeros(2, 7)).any()


def test_blur_of_an_impulse():
    x = torch.zeros(1, 2, 5, 5)
    x[0, 1, 2, 2] = 16
    y = layers.Blur()(x)
    assert not y[0, 0].any()
    assert y[0, 1].int().tolist() == [[0] * 5, [0, 1, 2, 1, 0], [0, 2, 4, 2, 0], [0, 1, 2, 1, 0], [0] * 5]


def test_blur_takes_zeros_outside():
    y = layers.Blur()(torch.ones(1, 1, 4, 4))
    row = torch.tensor([0.75, 1, 1, 0.75])
    assert torch.equal(y[0, 0], row.outer(row))


def test_blur_has_right_derivatives():
    x = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    blur = layers.Blur().double()
    assert torch.autograd.gradcheck(blur, x)
    assert torch.autograd.gradgradcheck(lambda x: blur(x).square(), x)


@pytest.mark.parametrize("gain", [1.0, 2**0.5])
def test_equalized_layers_keep_the_variance(gain):
    linear, conv = layers.Linear(512, 512, gain), layers.Conv2d(64, 256, 3, gain)
    assert linear(torch.randn(256, 512)).var().item() == pytest.approx(gain**2, rel=0.05)
    assert conv(torch.randn(4, 64, 16, 16))[..., 1:-1, 1:-1].var().item() == pytest.approx(gain**2, rel=0.05)
    for layer in (linear, conv):
        assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
        assert not layer.bias.any()


def test_lr_multiplier_changes_the_storage_only():
    slow = layers.Linear(512, 512, lr_multiplier=0.01)
    assert slow.weight.std().item() == pytest.approx(100, rel=0.02)
    assert slow(torch.randn(64, 512)).var().item() == pytest.approx(2, rel=0.1)
    slow.bias.data.fill_(100)
    assert torch.allclose(slow(torch.zeros(1, 512)), torch.ones(1, 512))


@pytest.mark.parametrize(("batch", "group"), [(8, 4), (4, 4), (3, 3), (2, 2), (1, 1), (6, 3), (5, 1), (10, 2)])
def test_minibatch_stddev_equals_a_loop(batch, group):
    x = torch.randn(batch, 3, 4, 4)
    y = layers.minibatch_stddev(x, 4)
    assert torch.equal(y[:, :3], x)
    for i in range(batch):
        members = x[i % (batch // group) :: batch // group]  # i, i + M, i + 2M, ...
        assert len(members) == group
        expected = (members.var(0, correction=0) + 1e-8).sqrt().mean()
        assert torch.allclose(y[i, 3], expected, atol=1e-6)


# --- convolutions that change the resolution --------------------------------------------------------------------


def tf_transposed_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """conv2d_transpose(stride 2, SAME) of the official four-shift kernel, pixel by pixel; kernel (C', C, 3, 3)."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    kernel4 = sum(padded[:, :, a : a + 4, b : b + 4] for a in (0, 1) for b in (0, 1))
    n, _, h, w = x.shape
    y = x.new_zeros(n, len(kernel), 2 * h + 2, 2 * w + 2)
    for i in range(h):
        for j in range(w):
            y[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += torch.einsum("nc,dcab->ndab", x[:, :, i, j], kernel4)
    return y[:, :, 1:-1, 1:-1]


def conv_up(x: Tensor, kernel: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    return F.conv_transpose2d(x, kernels.up_kernel(kernel, memory_format), stride=2, padding=1)


def test_conv_up_is_nearest_and_flipped_convolution():
    x, kernel = torch.randn(2, 3, 4, 5).double(), torch.randn(4, 3, 3, 3).double()
    unfused = F.conv2d(F.interpolate(x, scale_factor=2), kernel.flip(2, 3), padding=1)
    assert_close(conv_up(x, kernel), unfused, 1e-12)
    assert_close(conv_up(x, kernel), tf_transposed_convolution(x, kernel), 1e-12)


@pytest.mark.parametrize("is_flipped", [True, False])
def test_up_layer_means_the_official_graph(is_flipped):
    layer = synthesis.UpConvLayer(3, 4, 6, is_flipped).double()
    for parameter in layer.parameters():
        parameter.data += torch.randn_like(parameter)  # biases and noise weights start at zero
    x, w, noise = torch.randn(2, 3, 4, 4).double(), torch.randn(2, 6).double(), torch.randn(2, 1, 8, 8).double()
    kernel = layer.weight * (2 / 27) ** 0.5
    if is_flipped:
        y = tf_transposed_convolution(x, kernel)
    else:
        y = F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), kernel, padding=1)
    expected = layer.finish(layer.blur(y) + layer.bias[:, None, None], w, noise)
    assert_close(layer(x, w, noise), expected, 1e-12)


def test_conv_down_is_convolution_and_mean():
    x, kernel, bias = torch.randn(2, 3, 8, 6).double(), torch.randn(4, 3, 3, 3).double(), torch.randn(4).double()
    expected = F.avg_pool2d(F.conv2d(x, kernel, bias, padding=1), 2)
    assert_close(kernels.conv_down(x, kernel, bias), expected, 1e-12)


def test_a_bias_behind_the_blur_has_its_gradients():
    blur = layers.Blur().double()
    x, bias = torch.randn(2, 3, 4, 5).double().requires_grad_(), torch.randn(3).double().requires_grad_()
    assert torch.allclose(blur(x, bias), blur(x) + bias[:, None, None])
    assert torch.autograd.gradcheck(blur, (x, bias)) and torch.autograd.gradgradcheck(blur, (x, bias))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_convolutions_that_change_the_resolution_have_right_derivatives(memory_format):
    x, kernel = (torch.randn(2, 3, *size).double().to(memory_format=memory_format) for size in ((4, 2), (3, 3)))
    x, kernel, bias = x.requires_grad_(), kernel.requires_grad_(), torch.randn(2).double().requires_grad_()
    for convolution, inputs in ((conv_up, (x, kernel)), (kernels.conv_down, (x, kernel, bias))):
        assert torch.autograd.gradcheck(convolution, inputs) and torch.autograd.gradgradcheck(convolution, inputs)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kernel_format", [torch.contiguous_format, torch.channels_last])
def test_conv_up_keeps_the_layout_of_its_input(memory_format, kernel_format):
    x = torch.randn(2, 3, 4, 5).double().to(memory_format=memory_format)
    kernel = torch.randn(4, 3, 3, 3).double().to(memory_format=kernel_format)
    y = conv_up(x, kernel, memory_format)
    assert y.is_contiguous(memory_format=memory_format)
    assert_close(y, conv_up(x.contiguous(), kernel.contiguous()), 1e-12)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("source", ["none", "shared", "own"])
def test_layers_finished_piece_by_piece_are_the_same(source, memory_format, monkeypatch):
    layer = synthesis.ConvLayer(3, 4, 6).double()
    layer.noise.weight.data.normal_()
    x, w = torch.randn(2, 4, 10, 6).double().to(memory_format=memory_format), torch.randn(2, 6).double()
    noise = {"none": None, "shared": torch.randn(1, 1, 10, 6).double(), "own": torch.randn(2, 1, 10, 6).double()}[
        source
    ]
    expected = layer.finish(x.clone(), w, noise)
    monkeypatch.setattr(adain_kernels, "SMALL_IMAGE", 0)
    monkeypatch.setattr(adain_kernels, "NUMBERS_IN_CACHE", 3 * 4 * 6)  # pieces of 3, 3, 3 and 1 rows of each image
    with torch.no_grad():
        found = layer.finish(x, w, noise)
    assert found.data_ptr() == x.data_ptr()
    assert_close(found, expected, 1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_weights_change_no_bit_and_are_forgotten(dtype):
    generator = Generator(16, 8, 8, 32, 8, 0).to(dtype).to(memory_format=torch.channels_last).eval()
    z = torch.randn(2, 8, dtype=dtype)
    expected = generator(z)
    with constant_weights(generator), torch.no_grad():
        generator(z)
        for parameter in generator.parameters():
            parameter *= 2
        changed = generator(z)
        twin = copy.deepcopy(generator).to(torch.promote_types(dtype, torch.float64))
        for parameter in generator.parameters():
            parameter /= 2
        assert torch.equal(generator(z), expected)
        assert not torch.equal(changed, expected)
    assert all(module.kept is None for module in generator.modules() if isinstance(module, synthesis.ConvLayer))
    assert torch.equal(generator(z), expected)
    assert twin(z.double()).dtype == torch.float64


def test_constant_weights_leave_gradients_of_styles():
    generator = Generator(16, 8, 8, 32, 8, 0).eval()
    styles = torch.randn(1, 6, 8, requires_grad=True)
    (expected,) = torch.autograd.grad(generator.synthesis(styles).square().sum(), styles)
    with constant_weights(generator):
        for _ in range(2):
            (found,) = torch.autograd.grad(generator.synthesis(styles).square().sum(), styles)
            assert torch.equal(found, expected)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_of_a_trained_network_agree_with_float64(memory_format):
    generator = load_pretrained(Path(__file__).parents[2] / "checkpoints/stylegan_faces.pt").generator_ema.eval()
    exact = copy.deepcopy(generator).double()
    z = draw_z(range(4), generator.z_dim)
    with torch.no_grad():
        found = generator.to(memory_format=memory_format)(z)
        assert_close(found.double(), exact(z.double()), 1e-4)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_of_a_fresh_network_agree_with_float64(memory_format):
    """Its learned constant has no variance, which AdaIN divides by."""
    generator = Generator(64, 128, 128, 512, 128, 0)
    exact = copy.deepcopy(generator).double()
    z = torch.randn(4, 128)
    with torch.no_grad():
        found = generator.to(memory_format=memory_format)(z)
        assert_close(found.double(), exact(z.double()), 1e-4)


@pytest.mark.parametrize("batch", [1, 3])
def test_noise_in_half_precision_is_the_same(batch):
    x, noise, strength = torch.randn(3, 4, 6, 8).bfloat16(), torch.randn(batch, 1, 6, 8).bfloat16(), torch.randn(4)
    expected = layers.add_noise(x.float(), noise.float(), strength.bfloat16().float())
    assert_close(kernels.add_noise_in_half_precision(x, noise, strength.bfloat16()).float(), expected, 0.01)
    assert_close(layers.add_noise(torch.zeros(3, 4, 6, 8), noise.float(), strength),
                 strength[:, None, None] * noise.float().expand(3, -1, -1, -1), 1e-7)  # fmt: skip
