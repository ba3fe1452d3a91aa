"""StyleGAN v1's generator and discriminator: sizes, invariants, derivatives, messages."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.stylegan.networks import layers
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator, mix_styles, truncate

Z_DIM, W_DIM = 8, 6
SIZES = {"channel_base": 64, "channel_max": 12}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make_generator(resolution: int = 16, num_classes: int = 0, **sizes: int) -> Generator:
    """A generator in which every parameter matters."""
    generator = Generator(resolution, Z_DIM, W_DIM, num_classes=num_classes, **(SIZES | sizes))
    return shaken(generator)


def make_discriminator(resolution: int = 16, num_classes: int = 0, **sizes: int) -> Discriminator:
    return shaken(Discriminator(resolution, num_classes=num_classes, **(SIZES | sizes)))


def shaken(network):
    """Biases and noise weights start at zero; move them away from it."""
    for name, parameter in network.named_parameters():
        scale = 100 if "mapping" in name else 1
        parameter.data += 0.3 * scale * torch.randn_like(parameter)
    for name, buffer in network.named_buffers():
        if name == "w_avg":
            buffer.normal_()
    return network


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


# --- sizes ------------------------------------------------------------------------------------------------------


def test_official_numbers_of_parameters():
    with torch.device("meta"):
        generator = Generator(1024, 512, 512, 8192, 512, 0)
        discriminator = Discriminator(1024, 8192, 512, 0)
    assert sum(p.numel() for p in generator.parameters()) == 26_219_627
    assert sum(p.numel() for p in discriminator.parameters()) == 23_087_249
    assert generator.num_layers == 18


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
def test_shapes(resolution):
    generator = make_generator(resolution, channel_base=100, channel_max=7)
    discriminator = make_discriminator(resolution, channel_base=100, channel_max=7)
    with torch.no_grad():
        images = generator(torch.randn(3, Z_DIM))
        assert images.shape == (3, 3, resolution, resolution)
        assert discriminator(images).shape == (3, 1)


def test_mapping_depth_and_width():
    generator = Generator(8, 5, 4, 64, 8, 0, mapping_layers=2, mapping_width=9)
    shapes = [tuple(p.shape) for p in generator.mapping.parameters()]
    assert shapes == [(9, 5), (9,), (4, 9), (4,)]


def test_initial_state():
    generator = Generator(8, Z_DIM, W_DIM, 64, 8, 0)
    state = generator.state_dict()
    assert not state["w_avg"].any()
    assert (state["synthesis.4x4.const.const"] == 1).all()
    assert [state[f"synthesis.noise{i}"].shape[2] for i in range(4)] == [4, 4, 8, 8]
    zero = {name for name, value in generator.named_parameters() if not value.any()}
    assert zero == {name for name in state if name.endswith((".bias", "noise.weight"))}


def test_kernels_are_flipped_from_128_on():
    with torch.device("meta"):
        network = Generator(256, Z_DIM, W_DIM, 256, 8, 0).synthesis
    flipped = {r: network.get_submodule(f"{r}x{r}").conv0_up.is_flipped for r in (8, 16, 32, 64, 128, 256)}
    assert flipped == {8: False, 16: False, 32: False, 64: False, 128: True, 256: True}


# --- generator --------------------------------------------------------------------------------------------------


def test_truncation():
    generator, z = make_generator(), torch.randn(3, Z_DIM)
    w = generator.mapping(z)
    styles = w[:, None].expand(-1, generator.num_layers, -1)
    assert torch.equal(generator(z), generator.synthesis(styles))
    assert torch.equal(generator(z, truncation_psi=1.0, truncation_cutoff=3), generator(z))
    average = truncate(styles, generator.w_avg, 0.0, None)
    assert torch.equal(average, generator.w_avg.expand_as(average))
    means = generator(z, truncation_psi=0.0)
    assert_close(means[0], means[1], 1e-6)  # rows of one matrix product may be added up in another order
    assert not torch.equal(generator(z)[0], generator(z)[1])
    mirrored = truncate(styles, generator.w_avg, -1.0, None)
    assert torch.allclose(mirrored, 2 * generator.w_avg - styles, atol=1e-5)


def test_truncation_cutoff_leaves_the_finer_layers():
    generator = make_generator()
    styles = torch.randn(2, generator.num_layers, W_DIM)
    truncated = truncate(styles, generator.w_avg, 0.7, 2)
    assert_close(truncated[:, :2], generator.w_avg + 0.7 * (styles[:, :2] - generator.w_avg), 1e-6)
    assert torch.equal(truncated[:, 2:], styles[:, 2:])
    assert torch.equal(truncate(styles, generator.w_avg, 0.7, 0), styles)


def test_mixing():
    styles, other = torch.randn(2, 6, W_DIM), torch.randn(2, 6, W_DIM)
    assert torch.equal(mix_styles(styles, other, 3, 3), styles)
    assert torch.equal(mix_styles(styles, other, 0, 6), other)
    mixed = mix_styles(styles, other, 1, 4)
    assert torch.equal(mixed[:, 1:4], other[:, 1:4])
    assert torch.equal(mixed[:, [0, 4, 5]], styles[:, [0, 4, 5]])


def test_noise():
    generator, z = make_generator(), torch.randn(2, Z_DIM)
    stored = [generator.get_buffer(f"synthesis.noise{i}") for i in range(generator.num_layers)]
    assert torch.equal(generator(z), generator(z))
    assert torch.equal(generator(z, noise=stored), generator(z, noise="const"))
    assert torch.equal(generator(z, noise=[0 * noise for noise in stored]), generator(z, noise="none"))
    assert not torch.equal(generator(z, noise="random"), generator(z, noise="random"))
    first, again, other = (generator(z, noise=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise.weight"):
            parameter.data.zero_()
    assert torch.equal(generator(z, noise="random"), generator(z, noise="none"))


def test_random_noise_differs_between_images():
    generator = make_generator()
    images = generator(torch.randn(1, Z_DIM).expand(2, -1), noise="random")
    assert not torch.equal(images[0], images[1])


def test_every_parameter_of_the_grown_network_gets_a_gradient():
    generator, discriminator = make_generator(), make_discriminator()
    discriminator(generator(torch.randn(4, Z_DIM), noise="random", lod=0.5), lod=0.5).sum().backward()
    for network in (generator, discriminator):
        without = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
        # AdaIN takes away any constant, so the coarsest ToRGB and FromRGB alone are idle here
        assert without == {name for name in network.state_dict() if "rgb_lod2" in name}


# --- growing ----------------------------------------------------------------------------------------------------


def without_top(network: Generator | Discriminator, half: Generator | Discriminator) -> None:
    """Copy the weights of `network` to one of half its resolution: lod k becomes lod k - 1."""
    state = network.state_dict()
    for name in half.state_dict():
        source = name
        if "lod" in name:
            lod = int(name.partition("lod")[2].partition(".")[0])
            source = name.replace(f"lod{lod}", f"lod{lod + 1}")
        half.state_dict()[name].copy_(state[source])


def test_integer_lod_is_the_smaller_generator():
    big, small, z = make_generator(16), make_generator(8), torch.randn(2, Z_DIM)
    without_top(big, small)
    assert torch.equal(big(z, lod=1.0), small(z).repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_integer_lod_is_the_smaller_discriminator():
    big, small, images = make_discriminator(16), make_discriminator(8), torch.randn(4, 3, 16, 16)
    without_top(big, small)
    assert torch.equal(big(images, lod=1.0), small(F.avg_pool2d(images, 2)))


def test_generator_fades_between_its_neighbours():
    generator, z = make_generator(32), torch.randn(2, Z_DIM)
    for whole in (0, 1, 2):
        fine, middle, coarse = (generator(z, lod=whole + t) for t in (0.0, 0.5, 1.0))
        assert_close(middle, (fine + coarse) / 2, 1e-6)


@pytest.mark.parametrize("whole", [1, 2])
def test_lod_is_continuous(whole):
    generator, discriminator = make_generator(32), make_discriminator(32)
    z, images = torch.randn(2, Z_DIM), torch.randn(2, 3, 32, 32)
    for lod in (whole - 1e-6, whole + 1e-6):
        assert_close(generator(z, lod=lod), generator(z, lod=float(whole)), 1e-4)
        assert_close(discriminator(images, lod=lod), discriminator(images, lod=float(whole)), 1e-4)


def test_discriminator_fades_features():
    discriminator, images = make_discriminator(8), torch.randn(2, 3, 8, 8)
    part = discriminator.get_submodule
    fine = part("8x8")(layers.lrelu(part("from_rgb_lod0")(images)))
    coarse = layers.lrelu(part("from_rgb_lod1")(F.avg_pool2d(images, 2)))
    assert_close(discriminator(images, lod=0.25), part("4x4")(0.75 * fine + 0.25 * coarse), 1e-6)


def test_resolutions_not_yet_grown_cost_nothing():
    generator, discriminator = make_generator(32), make_discriminator(32)
    seen = []
    for network in (generator.synthesis, discriminator):
        for name in ("8x8", "16x16", "32x32"):
            network.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name))
    discriminator(generator(torch.randn(2, Z_DIM), lod=2.0), lod=2.0)
    assert seen == ["8x8", "8x8"]
    seen.clear()
    discriminator(generator(torch.randn(2, Z_DIM), lod=1.5), lod=1.5)
    assert seen == ["8x8", "16x16", "16x16", "8x8"]


# --- labels -----------------------------------------------------------------------------------------------------


def test_conditional_networks_follow_the_label():
    generator, discriminator = make_generator(num_classes=3), make_discriminator(num_classes=3)
    z, labels = torch.randn(1, Z_DIM).expand(3, -1), torch.eye(3)
    images = generator(z, labels)
    assert not torch.equal(images[0], images[1])
    concat = generator.mapping.label_concat.weight
    x = layers.pixel_norm(torch.cat([z, labels @ concat], 1))
    for index in range(8):
        x = F.leaky_relu(generator.mapping.get_submodule(f"dense{index}")(x), 0.2)
    assert_close(generator.mapping(z, labels), x, 1e-6)
    all_scores = []
    discriminator.get_submodule("4x4").register_forward_hook(lambda *call: all_scores.append(call[2]))
    score = discriminator(images, labels)
    assert all_scores[0].shape == (3, 3)
    assert torch.equal(score[:, 0], all_scores[0].diagonal())  # image i has label i
    assert discriminator(images, labels.long()).shape == (3, 1)


# --- derivatives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lod", [0.0, 0.5])
def test_r1_has_right_gradients(lod):
    discriminator = make_discriminator(8, channel_base=16, channel_max=4).double()
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64, requires_grad=True)

    def r1() -> Tensor:
        (gradient,) = torch.autograd.grad(discriminator(images, lod=lod).sum(), images, create_graph=True)
        return gradient.square().sum()

    used = [(n, p) for n, p in discriminator.named_parameters() if n.endswith("weight") and (lod or "lod1" not in n)]
    gradients = torch.autograd.grad(r1(), [parameter for _, parameter in used])
    for (name, parameter), gradient in zip(used, gradients, strict=True):
        direction, step = torch.randn_like(parameter), 1e-6
        values = []
        for sign in (1, -1):
            parameter.data += sign * step * direction
            values.append(r1().item())
            parameter.data -= sign * step * direction
        expected = (values[0] - values[1]) / (2 * step)
        assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-5, abs=1e-8), name


def test_bfloat16_autocast_is_close():
    generator, discriminator = make_generator(), make_discriminator()
    z = torch.randn(4, Z_DIM)
    with torch.no_grad():
        images = generator(z)
        scores = discriminator(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(generator.mapping(z), generator.mapping(z))
            assert generator.mapping(z).dtype == torch.float32
            assert_close(generator(z).float(), images, 0.1)
            assert_close(discriminator(images).float(), scores, 0.1)


@pytest.mark.parametrize("batch", [1, 2])
def test_channels_last_changes_rounding_only(batch):
    torch.manual_seed(0)
    generator = Generator(16, 8, 8, 64, 16, 0).requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if "noise" in name:
            parameter.normal_()
    z = torch.randn(batch, 8)
    before = generator(z)
    after = generator.to(memory_format=torch.channels_last)(z)
    assert (before - after).abs().max() < 1e-5 * before.abs().max()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 3])
def test_sampling_without_gradients_changes_no_bit(batch, memory_format):
    generator, z = make_generator().to(memory_format=memory_format), torch.randn(batch, Z_DIM)
    with torch.no_grad():
        images = generator(z)
    assert torch.equal(images, generator(z))
