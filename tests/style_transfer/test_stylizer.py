"""The network of fast style transfer: equations, tiles, regions, and files of decoders."""

import pytest
import torch

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.errors import UserError
from dlcourse.nn.adain import adain
from dlcourse.style_transfer import stylizer
from dlcourse.style_transfer.stylizer import LAYER, STYLE_LAYERS, Decoder, Statistics, Stylizer, load_stylizer
from dlcourse.style_transfer.stylizer import statistics as statistics_of

DECODER = {"_target_": "dlcourse.style_transfer.stylizer.Decoder"}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Stylizer(Decoder()).eval()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    draw = lambda *size: torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), size)
    return draw(72, 104), draw(64, 48), draw(40, 40)  # content and two styles


def test_adain_gives_the_content_the_statistics_of_the_style(network, images):
    content, style, _ = images
    wanted = network.style_of([style], [1.0])
    found = statistics_of(network.target(network.features(content), [wanted]))
    varies = network.features(content).std((2, 3), keepdim=True) > 0.1
    torch.testing.assert_close(found.scale[varies], wanted.scale[varies], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.bias, wanted.bias, rtol=1e-3, atol=1e-3)


def test_the_style_of_one_image_is_mean_and_deviation_of_its_features(network, images):
    features = network.encoder(images[1], [LAYER])[LAYER].double()
    found = network.style_of([images[1]], [1.0])
    torch.testing.assert_close(found.bias.double(), features.mean((2, 3), keepdim=True))
    std = (features.var((2, 3), correction=0, keepdim=True) + 1e-8).sqrt()
    torch.testing.assert_close(found.scale.double(), std, rtol=1e-4, atol=1e-5)


def test_several_styles_are_the_weighted_mean_of_their_statistics(network, images):
    one, other = (network.style_of([style], [1.0]) for style in images[1:])
    both = network.style_of(images[1:], [0.25, 0.75])
    torch.testing.assert_close(both.scale, 0.25 * one.scale + 0.75 * other.scale)
    torch.testing.assert_close(both.bias, 0.25 * one.bias + 0.75 * other.bias)


def test_alpha_leads_from_the_content_to_the_style(network, images):
    content, style = images[0], network.style_of([images[1]], [1.0])
    features = network.features(content)
    painted = network.decoder(adain(features, style.scale, style.bias))
    torch.testing.assert_close(network(content, style, 0.0), network.decoder(features).clamp(0, 1))
    torch.testing.assert_close(network(content, style), painted.clamp(0, 1))
    halfway = network.decoder(0.5 * features + 0.5 * adain(features, style.scale, style.bias))
    torch.testing.assert_close(network(content, style, 0.5), halfway.clamp(0, 1), rtol=1e-4, atol=1e-5)


def test_tiles_give_the_same_image(network, monkeypatch):
    content, style = torch.rand(1, 3, 203, 150), network.style_of([torch.rand(1, 3, 64, 64)], [1.0])
    whole = network(content, style)
    assert whole.shape == content.shape and whole.std() > 0.01
    for tile in (5, 7, 24):
        monkeypatch.setattr(stylizer, "TILE", tile)
        torch.testing.assert_close(network(content, style), whole, rtol=0, atol=1e-5)
    monkeypatch.setattr(stylizer, "MARGIN", 3)  # the margin is as narrow as it can be
    assert (network(content, style) - whole).abs().max() > 1e-5


def test_each_region_gets_its_style_and_the_rest_stays_content(network, images):
    content, styles = images[0], [network.style_of([style], [1.0]) for style in images[1:]]
    left = torch.zeros(1, 1, *content.shape[-2:])
    left[..., :24] = 1
    right = torch.zeros_like(left)
    right[..., 80:] = 1
    features = network.features(content)
    target = network.target(features, styles, [left, right])
    for columns, wanted in (
        (slice(0, 3), network.target(features, styles[:1])),
        (slice(10, None), network.target(features, styles[1:])),
        (slice(3, 10), features),
    ):
        torch.testing.assert_close(target[..., columns], wanted[..., columns])
    everywhere = network(content, styles[:1], 1.0, [torch.ones_like(left)])
    torch.testing.assert_close(everywhere, network(content, styles[0]))


def test_mistakes_are_named(network, images):
    style = network.style_of([images[1]], [1.0])
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got 1.5"):
        network(images[0], style, 1.5)
    with pytest.raises(ValueError, match="one for each of 1 regions, got 2"):
        network(images[0], [style, style], 1.0, [torch.ones(1, 1, 72, 104)])
    with pytest.raises(ValueError, match="8 x 40 pixels is too small for relu4_1"):
        network(torch.rand(1, 3, 40, 8), style)


def test_one_colour_and_odd_sizes_are_painted(network, images):
    flat = network.style_of([torch.full((1, 3, 32, 32), 0.5)], [1.0])
    assert network(torch.full((1, 3, 17, 31), 0.25), flat).isfinite().all()
    assert network(images[0][..., :71, :99], flat).shape == (1, 3, 71, 99)


def test_a_decoder_is_read_from_a_checkpoint(network, images, tmp_path):
    path = tmp_path / "decoder.pt"
    save_checkpoint(path, 3, {"model": DECODER}, {"model": network.decoder.state_dict()})
    style = Statistics(torch.ones(1, 512, 1, 1), torch.zeros(1, 512, 1, 1))
    assert torch.equal(load_stylizer(path)(images[0], style), network(images[0], style))


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        ({"_target_": "os.system"}, {}, "refused"),
        ({"_target_": "dlcourse.classifier.networks.MLP"}, {}, "model"),
        (DECODER, {"layers.0.bias": torch.full((256,), torch.nan)}, "not finite"),
        (DECODER, {"layers.0.bias": torch.zeros(255)}, r"layers.0.bias is \(255,\), where \(256,\) fits"),
        (DECODER, {"more": torch.zeros(1)}, "has more too many"),
    ],
)
def test_another_file_is_refused(network, tmp_path, config, change, message):
    path = tmp_path / "decoder.pt"
    save_checkpoint(path, 3, {"model": config}, {"model": network.decoder.state_dict() | change})
    with pytest.raises(UserError, match=message):
        load_stylizer(path)


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such"):
        load_stylizer(tmp_path / "none.pt")
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(UserError, match="not a whole checkpoint"):
        load_stylizer(tmp_path / "broken.pt")


def test_the_decoder_in_half_precision_takes_at_most_five_megabytes():
    assert 2 * sum(parameter.numel() for parameter in Decoder().parameters()) < 5e6


def test_whitening_gives_uncorrelated_channels_of_variance_one():
    decoder, features = Decoder(), 30 * torch.randn(4, 512, 20, 20).cumsum(1)
    decoder.whiten(features)
    found = decoder.whitening(features).transpose(0, 1).flatten(1).double()
    assert found.mean(1).abs().max() < 1e-2
    strong = torch.cov(found)[-20:, -20:]  # the others are below the floor
    assert (strong - torch.diag(strong.diagonal())).abs().max() < 1e-2 and strong.diagonal()[-1] > 0.99


def test_the_style_layers_are_those_of_the_paper():
    assert STYLE_LAYERS == ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
