import pytest
import torch
from torch import nn
from torchvision.models import vgg19

from conftest import compose
from dlcourse.build import build
from dlcourse.errors import UserError
from dlcourse.losses.style import gram, mean_squared_error, range_penalty, relative_squared_error
from dlcourse.models import VGG19
from dlcourse.models.vgg import LAYERS
from dlcourse.tasks import StyleTransfer


def make_task(*overrides) -> StyleTransfer:
    small = ["dataset.content_size=32", "dataset.style_size=24", "model.weights=orthogonal"]
    task = build(compose("experiment=style_transfer", *small, *overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def test_gram_is_the_sum_over_positions_per_picture():
    features = torch.randn(2, 3, 4, 5)
    expected = torch.stack(
        [torch.stack([torch.stack([(f[i] * f[j]).sum() for j in range(3)]) for i in range(3)]) for f in features]
    )
    assert torch.allclose(gram(features), expected / (3 * 4 * 5), atol=1e-6)


def test_gram_ignores_where_things_are_and_never_mixes_the_batch():
    features = torch.randn(2, 3, 4, 5)
    shuffled = features.flatten(2)[:, :, torch.randperm(20)].reshape(2, 3, 5, 4)
    assert torch.allclose(gram(features), gram(shuffled), atol=1e-6)
    assert torch.allclose(gram(features)[1:], gram(features[1:]))


def test_distances():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])
    assert mean_squared_error(a, b) == 2.0
    assert relative_squared_error(a, b) == pytest.approx(4 / 13)
    assert relative_squared_error(a * 1e4, b * 1e4) == pytest.approx(4 / 13)
    assert range_penalty(torch.tensor([-0.5, 0.2, 1.0, 2.0])) == pytest.approx((0.25 + 1) / 4)


def test_layers_have_the_papers_names():
    assert LAYERS[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert LAYERS[-1] == "pool5" and len(LAYERS) == 16 * 2 + 5
    assert tuple(dict(VGG19("orthogonal", "max", "zeros").layers.named_children())) == LAYERS


def test_random_features_are_torchvisions():
    torch.manual_seed(0)
    model = VGG19("random", "max", "zeros")
    torch.manual_seed(0)
    chain = vgg19(weights=None).features
    images = torch.rand(1, 3, 32, 32)
    x = (images - model.mean) / model.std
    features = model(images, ["conv2_2", "relu5_4"])
    for index, layer in enumerate(chain):
        layer = nn.ReLU() if isinstance(layer, nn.ReLU) else layer
        x = layer(x)
        if index == 7:
            assert torch.equal(features["conv2_2"], x)
    assert list(features) == ["conv2_2", "relu5_4"]
    assert torch.equal(model.layers.pool5(features["relu5_4"]), x)


def test_a_tapped_feature_is_not_overwritten_by_its_activation():
    features = VGG19("orthogonal", "max", "zeros")(torch.rand(1, 3, 16, 16), ["conv1_1", "relu1_1"])
    assert features["conv1_1"].min() < 0
    assert torch.equal(features["conv1_1"].relu(), features["relu1_1"])


def test_nothing_deeper_than_needed_is_computed():
    model = VGG19("orthogonal", "max", "zeros")
    model.layers.conv2_1.register_forward_hook(lambda *_: pytest.fail("too deep"))
    model(torch.rand(1, 3, 16, 16), ["relu1_2"])
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_weights_come_from_a_file_and_wrong_files_are_named(tmp_path):
    state = vgg19(weights=None).state_dict()
    torch.save(state, tmp_path / "vgg.pth")
    model = VGG19(str(tmp_path / "vgg.pth"), "average", "reflect")
    assert torch.equal(model.layers.conv5_4.weight, state["features.34.weight"])
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth: not VGG19's weights in torchvision's layout"):
        VGG19(str(tmp_path / "other.pth"), "max", "zeros")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ValueError, match="text.pth: not a file of weights"):
        VGG19(str(tmp_path / "text.pth"), "max", "zeros")
    with pytest.raises(ValueError, match=r"weights=nope: no such file \(nor imagenet, random or orthogonal\)"):
        VGG19("nope", "max", "zeros")


def test_missing_imagenet_weights_say_which_file_goes_where(monkeypatch, tmp_path):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match=rf"put that file at {tmp_path}/checkpoints/vgg19-.*pth.*model.weights=random"):
        VGG19("imagenet", "max", "zeros")


def test_calibrated_channels_have_mean_zero_and_variance_one():
    model = VGG19("orthogonal", "average", "reflect")
    images = torch.rand(1, 3, 48, 48)
    before = model.layers.conv4_1.weight.clone()
    model.calibrate(images, ["conv1_1", "conv3_4"])
    assert torch.equal(model.layers.conv4_1.weight, before)
    for name, feature in model(images, ["conv1_1", "conv2_2", "conv3_4"]).items():
        std, mean = torch.std_mean(feature, dim=(0, 2, 3))
        assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-3), name
        assert torch.allclose(std, torch.ones_like(std), atol=1e-3), name


def test_the_content_itself_has_no_content_loss_and_the_style_no_style_loss():
    task = make_task()
    terms = task.losses()
    assert terms["content"] == 0 and terms["range"] == 0 and terms["style"] > 0
    style = task.dataset.style
    assert style.shape[-2:] == (24, 24) and task.dataset.content.shape[-2:] == (24, 32)
    task.canvas.image = nn.Parameter(style)
    task.content_targets = task.model(style, task.content_layers)
    assert task.losses()["style"] == 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_picture_changes_and_the_loss_falls_with_any_optimizer(optimizer):
    task = make_task(f"optimizer={optimizer}")
    first = task.step()["train/loss"]
    for _ in range(15):
        last = task.step()["train/loss"]
    assert last < 0.8 * first
    assert task.visualize()["picture"].shape == (1, 3, 24, 32)
    assert not torch.equal(task.canvas.image, task.dataset.content)


def test_noise_init_does_not_start_from_the_content():
    assert make_task("task.init=noise").losses()["content"] > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+task.content_layers.conv9_9=1"], "VGG19 has no layer conv9_9; it has conv1_1"),
        (["task.init=zeros"], "init must be one of content, noise, got 'zeros'"),
        (["task.content_layers=null"], "content_layers must be dict"),
        (["dataset.content_size=4"], "content_size must be at least 16 pixels, got 4"),
        (["content=nope.png"], "content=nope.png: no such file"),
        (["model.pooling=min"], "pooling must be one of max, average, got 'min'"),
    ],
)
def test_senseless_values_are_named(overrides, message):
    with pytest.raises(UserError, match=message):
        make_task(*overrides)
