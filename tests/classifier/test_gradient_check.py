"""The gradient check passes right gradients, finds wrong ones, and knows a kink when it steps over one."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from conftest import ROOT, assert_same, compose, run_script
from dlcourse.classifier.gradient_check import (
    GradientCheck,
    central_difference,
    check_agreement,
    compare_gradients,
    gradient_table,
)
from dlcourse.classifier.task import Classification
from dlcourse.engine.build import build
from dlcourse.errors import UserError

CHECK = {"epsilon": 1e-5, "after_updates": 0, "max_entries": 12, "jitter": 0.01, "seed": 0}
POINTS = ["dataset.num_train=60", "model.hidden=[5,4]"]
IMAGES = ["dataset=digits", "task.batch_size=8"]


def make_task(*overrides):
    torch.manual_seed(0)
    task = build(compose(*overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def errors_of(task, **changes):
    return {one.name: one.error for one in GradientCheck(**CHECK | changes)(task)}


@pytest.mark.long
@pytest.mark.parametrize(
    "overrides",
    [
        [*POINTS, "model.activation=relu"],
        [*POINTS, "model.activation=tanh"],
        [*POINTS, "model.activation=sigmoid"],
        [*POINTS, "model.activation=leaky_relu", "task.l2=0.01"],
        [*POINTS, "task.l1=0.01", "task.l2=0.1"],
        [*POINTS, "model.dropout=0.5"],
        [*POINTS, "model.norm=batch"],
        [*POINTS, "model.norm=layer"],
        [*POINTS, "model.norm=batch", "model.dropout=0.2", "task.l2=0.01", "dataset.input_noise_std=0.1"],
        [*IMAGES, "model=cnn", "model.channels=[3,4]"],
        [*IMAGES, "model.hidden=[]"],
    ],
    ids=lambda overrides: " ".join(overrides[2:]),
)
def test_right_gradients_pass(overrides):
    comparisons = GradientCheck(**CHECK)(make_task(*overrides))
    assert len(comparisons) >= 2
    for one in comparisons:
        assert one.verdict() == "fine" and one.error <= 1e-7 and one.norm > 0
        assert one.checked > one.skipped and one.checked + one.skipped <= 12
    check_agreement(comparisons)


def test_right_gradients_pass_after_some_training():
    task = make_task(*POINTS, "task.l2=0.01", "optimizer.lr=0.01")
    before, trained = (GradientCheck(**CHECK | {"after_updates": updates})(task) for updates in (0, 100))
    assert max(one.error for one in trained) <= 1e-7
    assert all(one.norm != other.norm for one, other in zip(before, trained, strict=True))


class ForgetfulDropout(nn.Module):
    """Drops half of its inputs, but lets the whole gradient back."""

    def forward(self, inputs):
        return Forgetful.apply(inputs)


class Forgetful(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return F.dropout(inputs, 0.5)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class WrongSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Backwards(nn.Module):
    def forward(self, inputs):
        return WrongSign.apply(inputs)


@pytest.mark.long
@pytest.mark.parametrize("after_updates", [0, 100])
@pytest.mark.parametrize("planted", [ForgetfulDropout, Backwards])
def test_a_wrong_backward_is_found_in_the_layers_before_it(planted, after_updates):
    task = make_task(*POINTS, "model.activation=tanh")
    task.model.network.layers.insert(4, planted())  # between the second hidden layer and the logits
    errors = errors_of(task, after_updates=after_updates)
    for name, error in errors.items():
        if ".layers.5." in name:
            assert error <= 1e-7, name
        else:
            assert error > 1e-2, name


@pytest.mark.parametrize("after_updates", [0, 100])
def test_a_forgotten_penalty_is_found_in_the_weights(after_updates, monkeypatch):
    def forgetful_losses(self, inputs, labels, weight=1.0):
        penalty = sum(weight.detach().square().sum() for weight in self.weights)  # in the value, not in the gradient
        return {"loss": F.cross_entropy(self.model(inputs), labels) + 0.1 / 2 * penalty}

    monkeypatch.setattr(Classification, "losses", forgetful_losses)
    comparisons = GradientCheck(**CHECK | {"after_updates": after_updates})(make_task(*POINTS))
    for one in comparisons:
        assert (one.error > 1e-2) == one.name.endswith("weight"), one
    with pytest.raises(UserError, match=r"wrong gradient of network\.layers\.0\.weight, network\.layers\.2\.weight"):
        check_agreement(comparisons)


def test_a_parameter_that_autograd_does_not_see_is_wrong():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    seen, unseen = compare_gradients(lambda: (x * y.detach()).sum(), {"x": x, "y": y}, 1e-5, 10, 0)
    assert (seen.verdict(), unseen.verdict(), unseen.error) == ("fine", "wrong", 1.0)


def test_no_gradient_at_all_is_fine():
    flat = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (one,) = compare_gradients(lambda: (0 * flat).sum() + 1, {"flat": flat}, 1e-5, 10, 0)
    assert one.error == 0 and one.verdict() == "fine"


def test_a_difference_that_rounding_explains_is_fine_whatever_its_share():
    task = make_task(*POINTS)
    task.model.network.layers.insert(1, nn.BatchNorm1d(5))  # undoes the bias before it: its gradient is zero
    one = next(one for one in GradientCheck(**CHECK)(task) if one.name == "network.layers.0.bias")
    assert one.error > 1e-3 and one.norm < 1e-12 and one.verdict() == "fine"


@given(
    distance=st.floats(-0.95, 0.95),
    jump=st.floats(0.01, 10),
    slope=st.floats(-3, 3),
    curvature=st.floats(-3, 3),
)
def test_a_kink_is_noticed_wherever_it_lies_within_epsilon(distance, jump, slope, curvature):
    theta = torch.tensor([0.7], dtype=torch.float64)

    def objective():
        x = theta - 0.7
        return (slope * x + curvature * x.square() + jump * F.relu(x - distance * 1e-5)).sum()

    assert math.isnan(central_difference(objective, theta, 0, 1e-5, objective().item()))
    assert theta.item() == 0.7


@given(distance=st.floats(1.01, 100), jump=st.floats(-10, 10), curvature=st.floats(-10, 10))
def test_a_kink_farther_off_is_none(distance, jump, curvature):
    theta = torch.tensor([0.7], dtype=torch.float64)

    def objective():
        x = theta - 0.7
        return ((2 * x).sin() + curvature * x.square() + jump * F.relu(x - distance * 1e-5)).sum()

    assert central_difference(objective, theta, 0, 1e-5, objective().item()) == pytest.approx(2, abs=1e-8)


def test_only_kinks_are_skipped_and_a_tensor_full_of_them_is_no_success():
    x = torch.tensor([0.0, 1.0, -1.0, 4e-6], dtype=torch.float64, requires_grad=True)
    (one,) = compare_gradients(lambda: x.abs().sum(), {"x": x}, 1e-5, 10, 0)
    assert (one.checked, one.skipped, one.verdict()) == (2, 2, "fine")
    zeros = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    unchecked = compare_gradients(lambda: zeros.abs().sum(), {"zeros": zeros}, 1e-5, 10, 0)
    assert unchecked[0].verdict() == "unchecked" and gradient_table(unchecked)[1].endswith("unchecked")
    with pytest.raises(UserError, match="zeros: not checked, every entry has a kink within epsilon"):
        check_agreement(unchecked)


def test_zero_biases_lie_on_kinks_which_jitter_avoids():
    task = make_task("dataset.num_train=400", "model.hidden=[2,4]", "model.init=he")  # two units: some points kill both
    on_kinks, beside = (GradientCheck(**CHECK | {"jitter": jitter})(task) for jitter in (0.0, 0.01))
    bias = next(one for one in on_kinks if one.name == "network.layers.2.bias")
    assert bias.skipped == 4 and bias.verdict() == "unchecked"
    assert max(one.error for one in beside) <= 1e-7 and min(one.checked for one in beside) > 0


def test_an_objective_that_is_no_number_is_refused():
    task = make_task(*POINTS)
    with torch.no_grad():
        next(task.model.parameters()).fill_(math.nan)
    with pytest.raises(UserError, match="the objective is nan: it has no gradient to check"):
        GradientCheck(**CHECK)(task)


def test_the_task_and_the_random_state_stay_as_they_were():
    task = make_task(*POINTS, "model.dropout=0.5", "model.norm=batch")
    task.step()
    before = {name: part.state_dict() for name, part in task.state().items()}
    kept = {name: value.clone() for name, value in task.model.state_dict().items()}
    random_state = torch.get_rng_state()
    GradientCheck(**CHECK | {"after_updates": 3})(task)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert_same(dict(task.model.state_dict()), kept)
    assert_same(before, {name: part.state_dict() for name, part in task.state().items()})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive, got 0"),
        ({"after_updates": -1}, "after_updates must be at least 0, got -1"),
        ({"max_entries": 0}, "max_entries must be at least 1, got 0"),
        ({"jitter": -0.1}, "jitter must be at least 0, got -0.1"),
    ],
)
def test_senseless_values_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        GradientCheck(**CHECK | changes)


def test_a_value_of_the_wrong_kind_is_named():
    config = compose("epsilon=small", config_name="check_gradients")
    with pytest.raises(UserError, match=r"check\.epsilon must be a number, got 'small'"):
        build(config["check"], "check")


@pytest.mark.long
def test_the_command_prints_a_table_and_succeeds(tmp_path):
    arguments = ["experiment=points", "model.hidden=[5,4]", "task.l2=0.01", "after_updates=5", "max_entries=3"]
    done = run_script("check_gradients.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["tensor", "checked", "skipped", "|gradient|", "relative", "error", "verdict"]
    assert len(lines) == 6 and all(line.endswith("fine") for line in lines)
    assert list(tmp_path.iterdir()) == []


PLANT = """
import runpy, sys
from dlcourse.classifier.task import Classification
right = Classification.losses
Classification.losses = lambda self, *batch: {"loss": right(self, *batch)["loss"] + self.weights[0].detach().sum()}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.long
def test_the_command_names_the_wrong_tensor(tmp_path):
    script = ROOT / "scripts" / "check_gradients.py"
    command = [sys.executable, "-c", PLANT, script, "model.hidden=[3]", "max_entries=3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: wrong gradient of network.layers.0.weight\n"
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["wrong", "fine", "fine", "fine"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["experiment=stylegan_faces"], ["StyleGAN", "one classifier"]),
        (["resume=runs/mine"], ["resume=runs/mine", "new weights"]),
        (["epsilo=1"], ["epsilo: no such key", "did you mean epsilon?"]),
    ],
    ids=lambda value: value[0],
)
def test_a_mistake_is_told_in_a_line(arguments, words, tmp_path):
    done = run_script("check_gradients.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []
