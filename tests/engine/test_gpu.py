"""What a GPU computes is what the CPU computes. Where there is one, the rest of the suite runs there, too."""

import copy

import pytest
import torch
from torch import Tensor

from conftest import ROOT
from dlcourse.nn.vgg import PaddedConv2d
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.synthesis import constant_weights
from generators import small_generator

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.fixture(autouse=True)
def as_sampled(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def trained() -> Generator:
    generator = load_pretrained(ROOT / "checkpoints/stylegan_faces.pt").generator_ema
    return generator.eval().requires_grad_(False)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found.cpu().double() - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("memory_format", FORMATS)
def test_images_are_those_of_the_cpu_in_float64(memory_format):
    generator = trained()
    z = torch.randn(3, generator.z_dim)
    expected = copy.deepcopy(generator).double()(z.double())
    generator = generator.cuda().to(memory_format=memory_format)
    with torch.no_grad(), constant_weights(generator):
        assert relative_error(generator(z.cuda()), expected) <= 1e-4
        with torch.autocast("cuda", torch.bfloat16):
            assert relative_error(generator(z.cuda()), expected) <= 0.1


def test_compiled_images_are_the_others():
    generator = trained().cuda()
    z = torch.randn(2, generator.z_dim, device="cuda")
    expected = generator(z).double().cpu()
    generator.synthesis.compile(mode="reduce-overhead", fullgraph=True)
    for _ in range(3):
        assert relative_error(generator(z), expected) <= 1e-4


@pytest.mark.parametrize("memory_format", FORMATS)
def test_images_repeat_psi_1_leaves_them_alone_and_psi_0_is_one_for_all(memory_format):
    generator = trained().cuda().to(memory_format=memory_format)
    z = torch.randn(2, generator.z_dim, device="cuda")
    plain = generator(z)
    styles = generator.mapping(z)[:, None].expand(-1, generator.num_layers, -1)
    assert torch.equal(plain, generator(z)) and torch.equal(plain, generator.synthesis(styles))
    average = generator(z, truncation_psi=0.0)
    assert torch.equal(average[0], average[1])


@pytest.mark.parametrize("memory_format", FORMATS)
def test_gradients_and_the_penalty_are_those_of_the_cpu_in_float64(memory_format):
    generator, z = small_generator(), torch.randn(4, 32)
    discriminator = Discriminator(32, 1024, 32, 0, 4)
    found = []
    for device, dtype in (("cpu", torch.float64), ("cuda", torch.float32)):
        networks = (copy.deepcopy(network).to(device, dtype) for network in (generator, discriminator))
        g, d = (network.to(memory_format=memory_format) for network in networks)
        images = g(z.to(device, dtype))
        (gradient,) = torch.autograd.grad(d(images).sum(), images, create_graph=True)
        gradient.square().sum().backward()
        gradients = [[p.grad for p in network.parameters() if p.grad is not None] for network in (g, d)]
        found.append([torch.cat([one.flatten() for one in of_network]).cpu().double() for of_network in gradients])
    for expected, own in zip(*found, strict=True):
        assert (own - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_gradients_at_a_border_repeat_to_the_last_bit(mode):
    layer, x = PaddedConv2d(16, 8, mode).cuda(), torch.randn(1, 16, 65, 43, device="cuda", requires_grad=True)
    grad = torch.randn(1, 8, 65, 43, device="cuda")
    first, *others = (torch.autograd.grad(layer(x), x, grad)[0] for _ in range(5))
    assert all(torch.equal(first, other) for other in others)
