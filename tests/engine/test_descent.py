import itertools
import subprocess
import sys

import pytest
import torch

from dlcourse.engine.optimization import MOST_SKIPPED, Descent, has_overflow
from dlcourse.engine.schedules import Constant, Exponential
from dlcourse.errors import UserError

TARGET = torch.tensor([1.0, -2.0, 3.0])
SCALE = torch.tensor([1.0, 10.0, 100.0])


def bowl(x):
    return {"loss": (SCALE * (x - TARGET).square()).sum(), "distance": (x - TARGET).norm()}


CONSTANT = Constant()


def make(optimizer, schedule=CONSTANT, **options):
    x = torch.nn.Parameter(torch.zeros(3))
    return x, Descent([x], lambda parameters: optimizer(parameters, **options), schedule)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9}),
        (torch.optim.RMSprop, {"lr": 1e-2}),
        (torch.optim.Adam, {"lr": 1e-1}),
        (torch.optim.LBFGS, {"lr": 1.0, "max_iter": 1}),
    ],
)
def test_equals_the_bare_loop_to_the_last_bit(optimizer, options):
    x, descent = make(optimizer, **options)
    y = torch.nn.Parameter(torch.zeros(3))
    bare = optimizer([y], **options)

    def closure():
        bare.zero_grad()
        loss = bowl(y)["loss"]
        loss.backward()
        return loss

    for _ in range(20):
        descent.step(lambda: bowl(x))
        bare.step(closure)
    assert torch.equal(x, y)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_fused_optimizers_do_not_mind_the_layout_of_gradients_and_saved_states(optimizer):
    options = {"lr": 0.1} | ({"momentum": 0.9} if optimizer is torch.optim.SGD else {})
    start, target = torch.randn(3, 4, 3, 3), torch.randn(3, 4, 3, 3)
    found = []
    for layout, fused in itertools.product([torch.contiguous_format, torch.channels_last], [False, True]):
        x = torch.nn.Parameter(start.clone().contiguous(memory_format=layout))
        loss = lambda x=x: {"loss": (x.contiguous() - target).square().sum()}
        make_optimizer = lambda parameters, fused=fused: optimizer(parameters, fused=fused, **options)
        descent = Descent([x], make_optimizer, CONSTANT)
        descent.step(loss)
        saved = descent.state_dict()
        saved["optimizer"] = [{name: value.contiguous() for name, value in saved["optimizer"][0].items()}]
        descent = Descent([x], make_optimizer, CONSTANT)
        descent.load_state_dict(saved)
        descent.step(loss)
        found.append(x.detach())
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_one_step_of_lbfgs_is_one_iteration():
    x, descent = make(torch.optim.LBFGS, max_iter=1, tolerance_grad=0.0, tolerance_change=0.0)
    y, whole = make(torch.optim.LBFGS, max_iter=20, max_eval=10**6, tolerance_grad=0.0, tolerance_change=0.0)
    for _ in range(20):
        descent.step(lambda: bowl(x))
    whole.step(lambda: bowl(y))
    assert torch.equal(x, y)


def test_the_compiler_is_not_imported():
    code = """
import sys, torch
from dlcourse.engine.optimization import Descent
from dlcourse.engine.schedules import Constant
for optimizer in (torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop, torch.optim.LBFGS):
    x = torch.nn.Parameter(torch.ones(3))
    descent = Descent([x], optimizer, Constant())
    descent.step(lambda: {"loss": x.square().sum()})
    descent.load_state_dict(descent.state_dict())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_gradients_stop_at_the_other_network():
    x, descent = make(torch.optim.SGD, lr=0.1)
    other = torch.nn.Parameter(torch.ones(3))
    descent.step(lambda: {"loss": (other * x - TARGET).square().sum()})
    assert other.grad is None
    assert not torch.equal(x, torch.zeros(3))


def test_terms_come_back_without_a_graph():
    x, descent = make(torch.optim.SGD, lr=0.1)
    terms = descent.step(lambda: bowl(x))
    assert set(terms) == {"loss", "distance"}
    assert not any(value.requires_grad for value in terms.values())
    assert terms["distance"] == TARGET.norm()


def test_the_schedule_scales_the_rate_of_each_update():
    x, descent = make(torch.optim.SGD, Exponential(gamma=0.5, period=2), lr=1.0)
    seen = []
    for _ in range(5):
        before = x.detach().clone()
        descent.step(lambda: {"loss": x.sum()})
        seen.append(float((before - x.detach())[0]))
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.Adam, {"lr": 0.1}),
        (torch.optim.LBFGS, {"max_iter": 1}),
        (torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9}),
    ],
)
def test_memory_and_clock_survive_but_hyper_parameters_come_from_the_config(optimizer, options):
    schedule = Exponential(gamma=0.9, period=1)
    x, straight = make(optimizer, schedule, **options)
    y, interrupted = make(optimizer, schedule, **options)
    for _ in range(5):
        straight.step(lambda: bowl(x))
        interrupted.step(lambda: bowl(y))
    z, resumed = make(optimizer, schedule, **options)
    z.data.copy_(y.data)
    resumed.load_state_dict(interrupted.state_dict())
    for _ in range(5):
        straight.step(lambda: bowl(x))
        resumed.step(lambda: bowl(z))
    assert torch.equal(x, z)

    _, other = make(optimizer, schedule, **(options | {"lr": 0.123}))
    other.load_state_dict(interrupted.state_dict())
    assert other.optimizer.param_groups[0]["lr"] == 0.123


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_biases_are_exempt_from_weight_decay(decay):
    layer = torch.nn.Linear(3, 2)
    before = {name: value.detach().clone() for name, value in layer.named_parameters()}
    make_optimizer = lambda parameters: torch.optim.SGD(parameters, lr=0.1, weight_decay=decay)
    descent = Descent(layer.parameters(), make_optimizer, Constant())
    descent.step(lambda: {"loss": 0.0 * layer(torch.ones(1, 3)).sum()})
    assert torch.allclose(layer.weight, before["weight"] * (1 - 0.1 * decay))
    assert torch.equal(layer.bias, before["bias"])


def test_memory_is_kept_by_parameter_even_if_weight_decay_is_new():
    def descent_on(layer, decay):
        make_optimizer = lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=decay)
        return Descent([layer.bias, layer.weight], make_optimizer, Constant())

    layer = torch.nn.Linear(3, 2)
    first = descent_on(layer, 0.0)
    first.step(lambda: {"loss": layer(torch.ones(1, 3)).square().sum()})
    second = descent_on(layer, 0.5)
    second.load_state_dict(first.state_dict())
    for parameter in layer.parameters():
        memory = second.optimizer.state[parameter]
        assert torch.equal(memory["exp_avg"], first.optimizer.state[parameter]["exp_avg"])


@pytest.mark.parametrize(
    ("optimizer", "option", "lacking"),
    [(torch.optim.Adam, "amsgrad", "max_exp_avg_sq"), (torch.optim.RMSprop, "centered", "grad_avg")],
)
def test_an_option_that_needs_more_than_the_saved_state_is_refused(optimizer, option, lacking):
    _, run = make(optimizer, lr=1e-2)
    run.step(lambda: bowl(run.parameters[0]))
    _, resumed = make(optimizer, lr=1e-2, **{option: True})
    with pytest.raises(UserError, match=f"the optimizer was saved without {lacking}, which the optimizer.* keys"):
        resumed.load_state_dict(run.state_dict())


def test_momentum_may_begin_when_a_run_goes_on():
    _, run = make(torch.optim.SGD, lr=1e-3)
    run.step(lambda: bowl(run.parameters[0]))
    x, resumed = make(torch.optim.SGD, lr=1e-3, momentum=0.9)
    resumed.load_state_dict(run.state_dict())
    resumed.step(lambda: bowl(x))
    assert resumed.updates == 2


def test_lr_and_gradient_norm_of_the_last_update():
    x, descent = make(torch.optim.SGD, Exponential(gamma=0.5, period=1), lr=1.0)
    for _ in range(2):
        descent.step(lambda: {"loss": (torch.tensor([3.0, 4.0, 0.0]) * x).sum()})
    assert descent.lr() == 0.5 and float(descent.gradient_norm()) == 5.0


def broken_at(parameter, *steps):
    """A loss that is no number in some calls."""
    calls = itertools.count()
    return lambda: {"loss": parameter.square().sum() * (float("nan") if next(calls) in steps else 1.0)}


def test_an_update_that_is_no_number_is_skipped_and_counted(caplog):
    parameter, other = (torch.ones(3, requires_grad=True) for _ in range(2))
    make = lambda parameters: torch.optim.Adam(parameters, lr=0.1)
    descent, straight = (Descent([leaf], make, Constant()) for leaf in (parameter, other))
    loss_fn, good = broken_at(parameter, 1, 3), broken_at(other)
    for _ in range(5):
        descent.step(loss_fn)
    for _ in range(3):
        straight.step(good)
    assert torch.equal(parameter, other)  # as if the broken ones had not been
    assert (descent.updates, descent.skipped) == (5, 2)
    assert "update 2: loss is nan; skipped" in caplog.text


def test_a_gradient_that_is_no_number_is_one_too():
    parameter = torch.zeros(2, requires_grad=True)
    descent = Descent([parameter], lambda parameters: torch.optim.SGD(parameters, lr=0.1), Constant())
    descent.step(lambda: {"loss": parameter.sqrt().sum()})  # 0, with an infinite slope
    assert not parameter.any() and descent.skipped == 1


def test_too_many_in_a_row_end_the_run_and_are_named():
    parameter = torch.ones(2, requires_grad=True)
    descent = Descent([parameter], lambda parameters: torch.optim.SGD(parameters, lr=0.1), Constant())
    parts = lambda: {"loss": parameter.sum() / 0, "penalty": parameter.sum().log() * float("nan")}
    with pytest.raises(UserError, match=r"update 10: loss is inf, penalty is nan, 10 times in a row; try a smaller"):
        for _ in range(100):
            descent.step(parts)
    assert torch.equal(parameter, torch.ones(2)) and descent.skipped == MOST_SKIPPED


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_goes_back_to_the_last_good_point_with_a_fresh_history(line_search):
    parameter = torch.full((2,), 3.0, requires_grad=True)
    make = lambda parameters: torch.optim.LBFGS(parameters, lr=0.5, max_iter=1, line_search_fn=line_search)
    descent = Descent([parameter], make, Constant())
    for _ in range(3):
        before = parameter.detach().clone()
        descent.step(lambda: {"loss": parameter.square().square().sum()})
    descent.step(lambda: {"loss": parameter.sum() * float("nan")})
    assert torch.equal(parameter, before)
    assert not descent.optimizer.state  # no history
    descent.step(lambda: {"loss": parameter.square().sum()})
    assert descent.skipped_in_a_row == 0 and parameter.abs().sum() < before.abs().sum()


def test_lbfgs_comes_back_from_a_line_search_that_led_nowhere():
    parameter = torch.full((2,), 3.0, requires_grad=True)
    make = lambda parameters: torch.optim.LBFGS(parameters, lr=float("inf"), max_iter=1)
    descent = Descent([parameter], make, Constant())
    descent.step(lambda: {"loss": parameter.square().sum()})
    assert torch.equal(parameter, torch.full((2,), 3.0)) and descent.skipped == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1.9e19, -3e38])
@pytest.mark.parametrize("place", range(3))
def test_one_number_that_overflows_is_found_in_any_gradient(value, place):
    tensors = [
        torch.tensor([1.8e19, 1e-44, -0.0, 0.1]),
        torch.randn(3, 4, 5, 6).contiguous(memory_format=torch.channels_last),
        torch.randn(5, 7).t(),
    ]
    before = [tensor.clone() for tensor in tensors]
    assert not has_overflow(tensors)
    assert all(torch.equal(tensor, other) for tensor, other in zip(tensors, before, strict=True))
    tensors[place][(-1,) * tensors[place].ndim] = value
    assert has_overflow(tensors)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.SGD])
def test_a_gradient_whose_square_overflows_is_skipped(optimizer):
    x, descent = make(optimizer, lr=1e-3)
    for step in range(6):
        descent.step(lambda step=step: {"loss": (1e21 if step == 3 else 1.0) * x.sum()})
    assert descent.skipped == 1
    assert all(value.isfinite().all() for value in descent.state_dict()["optimizer"][0].values())
