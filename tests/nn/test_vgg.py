"""VGG's features against torchvision's chain, and its weights from every source."""

from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision.models import vgg16, vgg19

from dlcourse.nn.vgg import LAYERS, PIXELS, PREPROCESSING, VGG, PaddedConv2d, down_to_deepest
from dlcourse.nn.vgg_weights import layers_of, own_names
from dlcourse.stylegan.metrics.extractors import Vgg19Features


def make(weights="orthogonal", **changes) -> VGG:
    options = {
        "depth": None,
        "preprocessing": None,
        "pooling": "max",
        "pooling_gain": 1.0,
        "padding": "zeros",
        "channels_last": False,
    }
    return VGG(weights, **(options | changes))


def test_layers_have_the_papers_names():
    assert LAYERS[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert LAYERS[-1] == "pool5" and len(LAYERS) == 16 * 2 + 5
    assert tuple(dict(make().layers.named_children())) == LAYERS


def test_layers_are_counted_down_to_the_deepest():
    assert down_to_deepest(["conv2_1", "relu1_1"]) == LAYERS[:6]
    assert down_to_deepest([PIXELS]) == () and down_to_deepest(["pool1"])[-1] == "pool1"


def test_what_is_deeper_than_needed_can_be_let_go():
    model, images = make(), torch.rand(1, 3, 16, 16)
    before = model(images, ["relu2_1"])["relu2_1"]
    model.truncate(["relu2_1", PIXELS])
    assert len(model.layers) == 7 and torch.equal(model(images, ["relu2_1"])["relu2_1"], before)


@pytest.mark.long
@pytest.mark.parametrize(("depth", "network", "deepest"), [(19, vgg19, "relu5_4"), (16, vgg16, "relu5_3")])
def test_random_features_are_torchvisions(depth, network, deepest):
    torch.manual_seed(0)
    model = make("random", depth=depth)
    torch.manual_seed(0)
    chain = network(weights=None).features
    images = torch.rand(1, 3, 32, 32)
    x = (images - model.mean) / model.std
    features = model(images, ["conv2_2", deepest, PIXELS])
    for index, layer in enumerate(chain):
        layer = nn.ReLU() if isinstance(layer, nn.ReLU) else layer
        x = layer(x)
        if index == 7:
            assert torch.equal(features["conv2_2"], x)
    assert set(features) == {"conv2_2", deepest, PIXELS}
    assert features[PIXELS] is images
    assert torch.equal(model.layers.pool5(features[deepest]), x)


@pytest.mark.long
def test_channels_last_changes_rounding_only():
    torch.manual_seed(0)
    model = make().double()
    images = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    before = model(images, ["relu3_1"])["relu3_1"]
    after = model.to(memory_format=torch.channels_last)(images, ["relu3_1"])["relu3_1"]
    assert torch.allclose(before, after, rtol=1e-12)
    assert make(channels_last=True).layers.conv2_1.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_tapped_feature_is_not_overwritten_by_its_activation():
    features = make()(torch.rand(1, 3, 16, 16), ["conv1_1", "relu1_1"])
    assert features["conv1_1"].min() < 0
    assert torch.equal(features["conv1_1"].relu(), features["relu1_1"])


def test_nothing_deeper_than_needed_is_computed():
    model = make()
    model.layers.conv2_1.register_forward_hook(lambda *_: pytest.fail("too deep"))
    model.layers.conv1_1.register_forward_hook(lambda *_: pytest.fail("not needed for pixels"))
    model(torch.rand(1, 3, 16, 16), [PIXELS])
    model.layers.conv1_1._forward_hooks.clear()
    model(torch.rand(1, 3, 16, 16), ["relu1_2"])
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_pooling_gain_scales_what_the_pooling_gives():
    torch.manual_seed(0)
    model = make(pooling="average")
    images = torch.rand(1, 3, 16, 16)
    plain = model(images, ["pool1"])["pool1"]
    model.pooling_gain = 2.0
    assert torch.equal(model(images, ["pool1"])["pool1"], 2 * plain)


def gatys_names(state, depth=19):
    own = [value for name, value in state.items() if name.startswith("features.")]
    return dict(zip(own_names(depth), own, strict=True))


@pytest.fixture(scope="module")
def state16():
    return {name: value for name, value in vgg16(weights=None).state_dict().items() if name.startswith("features.")}


@pytest.mark.parametrize("rename", [dict, lambda state: gatys_names(state, 16)])
def test_a_file_may_hold_the_first_convolutions_of_either_depth(rename, state16, tmp_path):
    state = rename(state16)
    torch.save(state, tmp_path / "whole.pth")
    whole = make(str(tmp_path / "whole.pth"), preprocessing="torchvision")
    assert tuple(dict(whole.layers.named_children())) == layers_of(16)
    torch.save({name: state[name].half() for name in list(state)[:18]}, tmp_path / "part.pth")
    part = make(str(tmp_path / "part.pth"), preprocessing="torchvision")
    assert list(dict(part.layers.named_children()))[-1] == "relu4_2"
    images = torch.rand(1, 3, 32, 32)
    expected, found = (model(images, ["relu4_2"])["relu4_2"] for model in (whole, part))
    assert torch.allclose(found, expected, atol=1e-3 * expected.abs().max().item())
    with pytest.raises(ValueError, match=r"there is no layer relu4_3; the network has conv1_1, .*relu4_2$"):
        part(images, ["relu4_3"])
    with pytest.raises(ValueError, match=r"part.pth: not VGG19's weights"):
        make(str(tmp_path / "part.pth"), depth=19)


@pytest.mark.parametrize("damage", ["missing", "odd", "shape", "integers", "nan"])
def test_a_file_with_a_hole_is_refused(damage, state16, tmp_path):
    state = dict(state16)
    if damage == "missing":
        del state["features.5.weight"], state["features.5.bias"]
    elif damage == "nan":
        state["features.28.bias"] = torch.full((512,), torch.nan)
    elif damage == "odd":
        state = {name: state[name] for name in list(state)[:17]}
    else:
        weight = state["features.28.weight"]
        state["features.28.weight"] = weight.int() if damage == "integers" else weight[:, :8]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth: (not VGG16's or VGG19's weights|holds NaN or infinity)"):
        make(str(tmp_path / "other.pth"))


def test_the_trained_weights_that_come_with_the_project_respond_to_edges():
    """Responses to an oriented edge are sparse and differ from channel to channel, unlike those of random filters."""
    model, random = make("edges"), make("orthogonal")
    assert model.mean.flatten().mul(255).tolist() == pytest.approx([123.68, 116.779, 103.939])
    assert list(dict(model.layers.named_children()))[-1] == "relu4_2"
    image = torch.zeros(1, 3, 64, 64)
    image[..., 32:] = 1
    zeros = [(one(image, ["relu3_2"])["relu3_2"] == 0).float().mean().item() for one in (model, random)]
    assert zeros[0] > zeros[1] + 0.1
    with pytest.raises(ValueError, match="depth=19: weights=edges is a VGG16; leave depth out"):
        make("edges", depth=19)


def test_weights_come_from_a_file_in_torchvisions_layout(tmp_path):
    state = vgg19(weights=None).state_dict()
    torch.save(state, tmp_path / "vgg.pth")
    model = make(str(tmp_path / "vgg.pth"))
    assert torch.equal(model.layers.conv5_4.weight, state["features.34.weight"])
    assert torch.equal(model.layers.conv1_1.weight, state["features.0.weight"])


def test_gatys_weights_see_bgr_in_255_minus_the_mean(tmp_path):
    state = vgg19(weights=None).state_dict()
    torch.save(gatys_names(state), tmp_path / "vgg_conv.pth")
    model = make(str(tmp_path / "vgg_conv.pth"))
    images = torch.rand(1, 3, 8, 8)
    caffe = 255 * images.flip(1) - torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    expected = nn.functional.conv2d(caffe, state["features.0.weight"], state["features.0.bias"], padding=1)
    assert torch.allclose(model(images, ["conv1_1"])["conv1_1"], expected, atol=1e-3)
    torch.save(state, tmp_path / "converted.pth")  # such as neural-style-pt's: torchvision's names, Caffe's weights
    again = make(str(tmp_path / "converted.pth"), preprocessing="caffe")
    assert torch.equal(again(images, ["conv1_1"])["conv1_1"], model(images, ["conv1_1"])["conv1_1"])
    assert set(PREPROCESSING) == {"torchvision", "caffe"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"features.0.weight": torch.zeros(3)}, "not VGG16's or VGG19's weights"),
        ({"conv1_1.weight": torch.zeros(3)}, "not VGG16's or VGG19's weights"),
        ([1, 2], "not VGG16's or VGG19's weights"),
        ("hello", "not a file of weights"),
    ],
)
def test_wrong_files_are_named(content, message, tmp_path):
    path = tmp_path / "other.pth"
    if isinstance(content, str):
        path.write_text(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=f"other.pth: {message}"):
        make(str(path))


def test_unknown_weights_and_options_are_named():
    with pytest.raises(ValueError, match=r"weights=nope: no such file \(nor imagenet, edges, orthogonal or random\)"):
        make("nope")
    with pytest.raises(ValueError, match="depth must be one of None, 16, 19, got 11"):
        make(depth=11)
    with pytest.raises(ValueError, match="pooling must be one of max, average, got 'min'"):
        make(pooling="min")
    with pytest.raises(ValueError, match="padding must be one of zeros, reflect, replicate, got 'wrap'"):
        make(padding="wrap")
    with pytest.raises(ValueError, match="preprocessing must be one of None, torchvision, caffe, got 'bgr'"):
        make(preprocessing="bgr")
    with pytest.raises(ValueError, match="pooling_gain must be positive, got 0"):
        make(pooling_gain=0)


def test_missing_imagenet_weights_say_which_file_goes_where(monkeypatch, tmp_path, capfd):
    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("dlcourse.files.download.urlopen", offline)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    place = rf"put that file at {tmp_path}/checkpoints/vgg19-\w+\.pth, or name it with weights=PATH"
    cure = "without it style transfer has experiment=style_transfer_offline"
    with pytest.raises(ValueError, match=rf"^weights=imagenet: https://.* downloaded .no network.; {place}; {cure}$"):
        make("imagenet")
    with pytest.raises(ValueError, match=rf"{place}, or take evaluation=faces$"):
        Vgg19Features("imagenet", "relu5_1")
    assert capfd.readouterr().err == "" and not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_borders_are_those_of_torch_with_right_derivatives(mode):
    plain = nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode).double()
    ours = PaddedConv2d(3, 4, mode).double()
    ours.load_state_dict(plain.state_dict())
    x, grad = torch.randn(2, 3, 5, 4).double().requires_grad_(), torch.randn(2, 4, 5, 4).double()
    assert torch.equal(ours(x), plain(x))
    of_x, expected = (torch.autograd.grad(layer(x), x, grad)[0] for layer in (ours, plain))
    assert torch.allclose(of_x, expected, rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(ours, (x,))


@pytest.mark.parametrize(("pooling", "gain", "padding"), [("average", 1.0, "reflect"), ("max", 2.0, "replicate")])
def test_calibrated_channels_have_mean_zero_and_variance_one(pooling, gain, padding):
    model = make(pooling=pooling, pooling_gain=gain, padding=padding)
    images = torch.rand(1, 3, 48, 48)
    before = model.layers.conv4_1.weight.clone()
    model.calibrate([images], [None], [1.0], ["conv1_1", "conv3_4"])
    assert torch.equal(model.layers.conv4_1.weight, before)
    for name, feature in model(images, ["conv1_1", "conv2_2", "conv3_4"]).items():
        std, mean = torch.std_mean(feature, dim=(0, 2, 3))
        assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-3), name
        assert torch.allclose(std, torch.ones_like(std), atol=1e-3), name


def test_an_earlier_calibration_leaves_no_trace():
    first, second = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 48, 32)
    twice, once = make(), make()
    once.load_state_dict(twice.state_dict())
    twice.calibrate([first], [None], [1.0], ["relu2_1"])
    twice.calibrate([second], [None], [1.0], ["relu2_1"])
    once.calibrate([second], [None], [1.0], ["relu2_1"])
    assert all(torch.equal(a, b) for a, b in zip(twice.parameters(), once.parameters(), strict=True))
