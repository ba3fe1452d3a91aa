"""The network of fast style transfer: equations, tiles, regions, and files of decoders."""

import pytest
import torch

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.errors import UserError
from dlcourse.nn.adain import adain, std_mean
from dlcourse.style_transfer import stylizer
from dlcourse.style_transfer.stylizer import ADAIN_LAYERS, Stylizer, load_stylizer, with_grain

STYLIZER = {"_target_": "dlcourse.style_transfer.stylizer.Stylizer"}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Stylizer().eval()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    draw = lambda *size: torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), size)
    return draw(72, 104), draw(64, 48), draw(40, 40)  # content and two styles


def test_adain_gives_each_layer_the_statistics_of_the_style(network, images):
    content, style = images[0], network.style_of([images[1]], [1.0])
    features = network.features(content)
    for x, target, wanted in zip(features, network.targets(features, [style]), style.layers, strict=True):
        std, mean = std_mean(target)
        varies = x.std((2, 3), keepdim=True) > 0.1
        torch.testing.assert_close(std[varies], wanted.std[varies], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(mean, wanted.mean, rtol=1e-3, atol=1e-3)


def test_a_style_is_mean_and_deviation_of_its_features(network, images, monkeypatch):
    halves = torch.nn.functional.interpolate(images[1], scale_factor=0.5, mode="area")
    features = network.encoder(halves, ADAIN_LAYERS[1:])
    for tile in (1024, 24):
        monkeypatch.setattr(stylizer, "TILE", tile)
        for name, found in zip(ADAIN_LAYERS, network.style_of([images[1]], [1.0]).layers, strict=True):
            x = features.get(name, images[1]).double()
            torch.testing.assert_close(found.mean.double(), x.mean((2, 3), keepdim=True), rtol=1e-5, atol=1e-4)
            std = (x.var((2, 3), correction=0, keepdim=True) + 1e-8).sqrt()
            torch.testing.assert_close(found.std.double(), std, rtol=1e-4, atol=1e-4)


def test_several_styles_are_the_weighted_mean_of_their_statistics(network, images):
    one, other = (network.style_of([style], [1.0]) for style in images[1:])
    both = network.style_of(images[1:], [0.25, 0.75])
    torch.testing.assert_close(both.grain, 0.25 * one.grain + 0.75 * other.grain)
    for mean, first, second in zip(both.layers, one.layers, other.layers, strict=True):
        torch.testing.assert_close(mean.std, 0.25 * first.std + 0.75 * second.std)
        torch.testing.assert_close(mean.mean, 0.25 * first.mean + 0.75 * second.mean)


def test_alpha_leads_from_the_content_to_the_style(network, images):
    content, style = images[0], network.style_of([images[1]], [1.0])
    for alpha in (0.0, 0.5, 1.0):
        features = network.features(with_grain(content, alpha * style.grain))
        target = [adain(x, of.std, of.mean) for x, of in zip(features, style.layers, strict=True)]
        mixed = [(1 - alpha) * x + alpha * t for x, t in zip(features, target, strict=True)]
        wanted = network.decoder(mixed).clamp(0, 1)
        torch.testing.assert_close(network(content, [style], alpha), wanted, rtol=1e-3, atol=1e-4)


def test_tiles_give_the_same_image(network, monkeypatch):
    content, style = torch.rand(1, 3, 203, 150), network.style_of([torch.rand(1, 3, 64, 64)], [1.0])
    region = torch.rand(1, 1, 203, 150).round()
    whole, in_region = network(content, [style]), network(content, [style], 1.0, [region])
    assert whole.shape == content.shape and whole.std() > 0.01
    for tile in (40, 64, 120):
        monkeypatch.setattr(stylizer, "TILE", tile)
        torch.testing.assert_close(network(content, [style]), whole, rtol=0, atol=1e-4)
    torch.testing.assert_close(network(content, [style], 1.0, [region]), in_region, rtol=0, atol=1e-4)
    monkeypatch.setattr(stylizer, "MARGIN", 24)  # too narrow
    assert (network(content, [style]) - whole).abs().max() > 1e-3


def test_grain_has_the_colours_of_the_image_and_is_the_same_each_time():
    draw = torch.rand(3, 1, 1, 400, 400)
    image = torch.cat([0.2 * draw[0], 0.1 * draw[0] + 0.3 * draw[1], 0.5 * draw[2]], 1)
    noise = with_grain(image) - image
    assert torch.equal(noise, with_grain(image) - image)
    of_image, of_noise = (torch.cov(x.flatten(2)[0]) for x in (image, noise))
    ratio = float(of_noise.trace() / of_image.trace())
    assert 0.05 < ratio < 0.11  # four scales of 0.2^2, less by interpolation
    torch.testing.assert_close(of_noise / ratio, of_image, rtol=0.3, atol=2e-3)
    assert 0 < (with_grain(torch.full_like(image, 0.5)) - 0.5).std() < 0.02


def test_grain_is_where_it_is_wanted():
    image, half = torch.rand(1, 3, 40, 60), torch.zeros(1, 1, 40, 60)
    half[..., :30] = 1
    noise = with_grain(image, half) - image
    assert noise[..., 30:].abs().max() == 0 and noise[..., :30].std() > 0.04


def test_each_region_gets_its_style_and_the_rest_stays_content(network, images):
    content, styles = images[0], [network.style_of([style], [1.0]) for style in images[1:]]
    left = torch.zeros(1, 1, *content.shape[-2:])
    left[..., :24] = 1
    right = torch.zeros_like(left)
    right[..., 80:] = 1
    features = network.features(content)
    both = network.targets(features, styles, [left, right])
    one, other = (network.targets(features, [style]) for style in styles)
    for target, on_left, on_right, x in zip(both, one, other, features, strict=True):
        cell = content.shape[-1] // x.shape[-1]
        for columns, wanted in ((slice(0, 24), on_left), (slice(80, 104), on_right), (slice(24, 80), x)):
            part = (..., slice(columns.start // cell, columns.stop // cell))
            torch.testing.assert_close(target[part], wanted[part])
    everywhere = network(content, styles[:1], 1.0, [torch.ones_like(left)])
    torch.testing.assert_close(everywhere, network(content, styles[:1]))


def test_the_content_shows_through_as_far_as_the_masks_leave_it(network, images):
    content, style = images[0], network.style_of([images[1]], [1.0])
    shades = torch.linspace(0, 1, 104).expand(1, 1, 72, 104)
    once, twice = network(content, [style], 1.0, [shades]), network(content, [style] * 2, 1.0, [shades, shades])
    assert torch.equal(once[..., 0], content[..., 0]) and torch.equal(twice[..., 0], content[..., 0])
    closest = torch.finfo().eps + shades  # nothing is farther from the content than its mask allows
    assert ((once - content).abs() <= closest).all() and ((twice - content).abs() <= 2 * closest).all()


def test_half_precision_paints_in_regions(network, images):
    content, style = images[0], network.style_of([images[1]], [1.0])
    region = torch.rand(1, 1, 72, 104)
    exact = network(content, [style], 0.5, [region])
    with torch.autocast("cpu", torch.bfloat16):
        assert (network(content, [style], 0.5, [region]) - exact).abs().mean() < 0.02


def test_mistakes_are_named(network, images):
    style = network.style_of([images[1]], [1.0])
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got 1.5"):
        network(images[0], [style], 1.5)
    with pytest.raises(ValueError, match="one for each of 1 regions, got 2"):
        network(images[0], [style, style], 1.0, [torch.ones(1, 1, 72, 104)])
    with pytest.raises(ValueError, match="4 x 20 pixels is too small for relu1_1, relu2_1, relu3_1"):
        network(torch.rand(1, 3, 40, 8), [style])


def test_flat_styles_get_little_grain(network):
    """Lines on flat ground are a print, noise everywhere is a canvas."""
    generator = torch.Generator().manual_seed(2)
    canvas = torch.rand(1, 3, 64, 64, generator=generator)
    lines = torch.ones(1, 3, 64, 64)
    lines[..., ::16, :] = 0
    between = torch.where(torch.arange(64) < 40, canvas, canvas.mean((2, 3), keepdim=True))
    assert stylizer.contrast_within_cells(canvas).item() == pytest.approx(1, abs=0.1)
    assert stylizer.contrast_within_cells(torch.full((1, 3, 64, 64), 0.3)).item() < 0.1 * stylizer.TEXTURE  # rounding
    amounts = [network.style_of([image], [1.0]).grain.item() for image in (lines, between, canvas)]
    assert amounts == pytest.approx([0, 0, 1], abs=0.01)


def test_one_colour_and_odd_sizes_are_painted(network, images):
    flat = network.style_of([torch.full((1, 3, 32, 32), 0.5)], [1.0])
    assert network(torch.full((1, 3, 17, 31), 0.25), [flat]).isfinite().all()
    assert network(images[0][..., :71, :99], [flat]).shape == (1, 3, 71, 99)


def test_a_stylizer_is_read_from_a_checkpoint(network, images, tmp_path):
    path = tmp_path / "decoder.pt"
    save_checkpoint(path, 3, {"model": STYLIZER}, {"model": network.state_dict()})
    style = network.style_of([images[1]], [1.0])
    assert torch.equal(load_stylizer(path)(images[0], [style]), network(images[0], [style]))


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        ({"_target_": "os.system"}, {}, "refused"),
        ({"_target_": "dlcourse.classifier.networks.MLP"}, {}, "model"),
        (STYLIZER, {"decoder.half_size.0.bias": torch.full((48,), torch.nan)}, "not finite"),
        (
            STYLIZER,
            {"decoder.half_size.0.bias": torch.zeros(47)},
            r"decoder.half_size.0.bias is \(47,\), where \(48,\) fits",
        ),
        (STYLIZER, {"more": torch.zeros(1)}, "has more too many"),
    ],
)
def test_another_file_is_refused(network, tmp_path, config, change, message):
    path = tmp_path / "decoder.pt"
    save_checkpoint(path, 3, {"model": config}, {"model": network.state_dict() | change})
    with pytest.raises(UserError, match=message):
        load_stylizer(path)


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such"):
        load_stylizer(tmp_path / "none.pt")
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(UserError, match="not a whole checkpoint"):
        load_stylizer(tmp_path / "broken.pt")


def test_the_network_in_half_precision_takes_at_most_five_megabytes(network):
    assert 2 * sum(value.numel() for value in network.state_dict().values()) < 5e6


def test_grain_of_a_grey_image_in_half_precision():
    image = (torch.rand(1, 1, 64, 64) > 0.5).float().expand(1, 3, 64, 64)  # the covariance has rank 1
    exact = with_grain(image)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(with_grain(image), exact)
