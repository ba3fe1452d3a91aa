import functools

import pytest
import torch

from dlcourse.engine.build import build
from dlcourse.engine.schedules import Constant
from dlcourse.errors import UserError

MLP = {
    "_target_": "dlcourse.classifier.networks.MLP",
    "_partial_": True,
    "hidden": [3],
    "activation": "relu",
    "init": "he",
    "init_std": 0.01,
    "dropout": 0.0,
    "norm": "none",
}


def test_builds_objects_inside_out_and_leaves_plain_data_alone():
    node = {"a": [1, "two", None], "factor": {"_target_": "dlcourse.engine.schedules.Constant"}}
    built = build(node)
    assert built["a"] == [1, "two", None]
    assert isinstance(built["factor"], Constant)


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
        "dlcourse.images.files.os.system",
        "dlcourse.nn.vgg.torch.load",
        "dlcourse.datasets.image_folder.Path",
        "dlcourse.engine.checkpoint.save_checkpoint",
        "torch.nn.os.system",
        "dlcourse.dataX.evil",
        "torch.nn.Linear",
        "torch.optim.Optimizer",
        "dlcourse.stylegan.networks.synthesis.Generator",
        ["torch.optim.Adam"],
        7,
    ],
)
def test_targets_that_are_not_in_the_list_are_refused(target):
    with pytest.raises(UserError, match=r"model\._target_"):
        build({"_target_": target}, "model")


def test_an_unknown_target_is_named():
    with pytest.raises(
        UserError,
        match=r"'dlcourse\.classifier\.networks\.MLPP' is refused; did you mean dlcourse\.classifier\.networks\.MLP\?",
    ):
        build({"_target_": "dlcourse.classifier.networks.MLPP"}, "model")


@pytest.mark.parametrize("path", ["dlcourse.models.Generator", "dlcourse.tasks.Classification"])
def test_a_file_of_another_version_is_told(path):
    with pytest.raises(UserError, match=rf"^model\._target_: '{path}' is refused; this version of dlcourse has"):
        build({"_target_": path}, "model")


def test_an_unknown_argument_is_named_with_the_accepted_ones():
    with pytest.raises(UserError, match=r"optimizer: SGD: .*'learning_rate'.*it takes: params, lr"):
        build({"_target_": "torch.optim.SGD", "_partial_": True, "learning_rate": 1}, "optimizer")


def test_a_missing_argument_is_named():
    with pytest.raises(
        UserError, match=r"scheduler: Cosine: missing a required argument: 'floor'.*\+scheduler\.floor=VALUE adds it"
    ):
        build({"_target_": "dlcourse.engine.schedules.Cosine", "total_updates": 5}, "scheduler")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hidden", 3, r"model\.hidden must be a list of whole numbers, got 3"),
        ("hidden", [2, "x"], r"model\.hidden must be a list of whole numbers, got \[2, 'x'\]"),
        ("init_std", "high", r"model\.init_std must be a number, got 'high'"),
        ("init_std", True, r"model\.init_std must be a number, got true"),
        ("dropout", "high", r"model\.dropout must be a number or a list of numbers, got 'high'"),
        ("activation", None, r"model\.activation must be a string, got null"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(name, value, message):
    with pytest.raises(UserError, match=message):
        build(MLP | {name: value}, "model")


def test_a_whole_number_is_a_valid_float():
    build(MLP | {"dropout": 0, "init_std": 1})((2,), 3)


def test_a_senseless_value_carries_its_key():
    with pytest.raises(UserError, match=r"^task\.model\.dropout must be in \[0, 1\), .*got 2"):
        build({"model": MLP | {"dropout": 2}}, "task")["model"]((2,), 3)


@pytest.mark.parametrize(
    ("name", "argument", "value", "message"),
    [
        ("SGD", "lr", "abc", "lr must be a number, got 'abc'"),
        ("Adam", "betas", [0.9], r"betas must be \[a number, a number\], got \[0.9\]"),
        ("Adam", "betas", "abc", r"betas must be \[a number, a number\], got 'abc'"),
        ("LBFGS", "max_iter", 1.5, "max_iter must be a whole number, got 1.5"),
        ("SGD", "nesterov", "no", "nesterov must be true or false, got 'no'"),
        ("SGD", "foreach", 3, r"foreach must be true or false or null, got 3"),
    ],
)
def test_the_kinds_of_torchs_own_arguments_are_checked(name, argument, value, message):
    node = {"_target_": f"torch.optim.{name}", "_partial_": True, argument: value}
    with pytest.raises(UserError, match=rf"^optimizer\.{message}"):
        build(node, "optimizer")


def test_a_whole_number_beyond_torchs_is_told_with_its_key():
    for value in (2**63, -(2**63) - 1):
        with pytest.raises(
            UserError, match=rf"^task\.model\.hidden\[1\] must be a whole number below 2\^63, got {value}"
        ):
            build({"model": MLP | {"hidden": [2, value]}}, "task")


def test_a_factory_carries_its_key_too():
    make = build({"_target_": "torch.optim.SGD", "_partial_": True, "lr": -1}, "task.optimizer")
    with pytest.raises(UserError, match="^task.optimizer.lr: Invalid learning rate: -1"):
        make([torch.nn.Parameter(torch.zeros(1))])


def test_options_of_an_optimizer_that_do_not_go_together_are_told():
    node = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1, "fused": True, "foreach": True}
    with pytest.raises(UserError, match="^optimizer: `fused` and `foreach` cannot be `True` together"):
        build(node, "optimizer")([torch.nn.Parameter(torch.zeros(1))])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_finite_number_is_refused_with_its_key(value):
    for node, key in (
        (MLP | {"dropout": value}, "model.dropout"),
        ({"_target_": "torch.optim.SGD", "_partial_": True, "lr": value}, "model.lr"),
        ({"strengths": [0.0, value]}, r"model.strengths\[1\]"),
    ):
        with pytest.raises(UserError, match=f"^{key} must be a finite number, got {value}$"):
            build(node, "model")


def test_an_object_of_another_class_is_named():
    node = {
        "_target_": "dlcourse.classifier.data.points.Points",
        "num_train": 3,
        "num_dev": 3,
        "num_test": 3,
        "input_noise_std": 0.0,
        "seed": 0,
    }
    with pytest.raises(UserError, match=r"^dataset\.input_noise_std must be a number, got"):
        build(
            node | {"pattern": {"_target_": "dlcourse.classifier.data.points.Rings"}, "input_noise_std": MLP},
            "dataset",
        )
    optimizer = {"_target_": "torch.optim.Adam", "_partial_": True}
    with pytest.raises(UserError, match=r"^task\.generator must be Generator, got"):
        build({"_target_": "dlcourse.stylegan.task.StyleGAN", "_partial_": True, "generator": optimizer}, "task")
