import functools

import pytest
import torch

from dlcourse.build import build
from dlcourse.errors import UserError

MLP = {
    "_target_": "dlcourse.models.MLP",
    "widths": [2, 3],
    "activation": "relu",
    "init": "he",
    "dropout": 0.0,
    "batch_norm": False,
}


def test_builds_objects_inside_out_and_leaves_plain_data_alone():
    node = {"a": [1, "two", None], "layers": {"_target_": "torch.nn.Flatten", "start_dim": 2}}
    built = build(node)
    assert built["a"] == [1, "two", None]
    assert isinstance(built["layers"], torch.nn.Flatten) and built["layers"].start_dim == 2


def test_a_partial_awaits_the_remaining_arguments():
    make = build({"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5}, "optimizer")
    assert isinstance(make, functools.partial)
    assert make([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "dlcourse.data.images.os.system",
        "dlcourse.models.vgg.torch.load",
        "dlcourse.data.image_folder.Path",
        "dlcourse.checkpoint.save",
        "torch.nn.os.system",
        "dlcourse.dataX.evil",
        7,
    ],
)
def test_targets_outside_the_allowed_packages_are_refused(target):
    with pytest.raises(UserError, match=r"model\._target_"):
        build({"_target_": target}, "model")


def test_an_unknown_target_is_named():
    with pytest.raises(UserError, match=r"there is no dlcourse\.models\.MLPP"):
        build({"_target_": "dlcourse.models.MLPP"}, "model")


def test_an_unknown_argument_is_named_with_the_accepted_ones():
    with pytest.raises(UserError, match=r"optimizer: SGD: .*'learning_rate'.*it takes: params, lr"):
        build({"_target_": "torch.optim.SGD", "_partial_": True, "learning_rate": 1}, "optimizer")


def test_a_missing_argument_is_named():
    with pytest.raises(UserError, match="model: MLP: missing a required argument: 'widths'"):
        build({name: value for name, value in MLP.items() if name != "widths"}, "model")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("widths", 3, r"model\.widths must be list\[int\], got 3"),
        ("widths", [2, "x"], r"model\.widths must be list\[int\], got \[2, 'x'\]"),
        ("dropout", "high", r"model\.dropout must be float, got 'high'"),
        ("dropout", True, r"model\.dropout must be float, got True"),
        ("batch_norm", 1, r"model\.batch_norm must be bool, got 1"),
        ("activation", None, r"model\.activation must be str, got None"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(name, value, message):
    with pytest.raises(UserError, match=message):
        build(MLP | {name: value}, "model")


def test_a_whole_number_is_a_valid_float():
    build(MLP | {"dropout": 0})


def test_a_senseless_value_carries_its_key():
    with pytest.raises(UserError, match=r"^task\.model: dropout must be in \[0, 1\), got 2"):
        build({"model": MLP | {"dropout": 2}}, "task")


def test_a_factory_carries_its_key_too():
    make = build({"_target_": "torch.optim.SGD", "_partial_": True, "lr": -1}, "task.optimizer")
    with pytest.raises(UserError, match="^task.optimizer: Invalid learning rate: -1"):
        make([torch.nn.Parameter(torch.zeros(1))])
