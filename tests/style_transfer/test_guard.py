import math

import pytest
import torch
from test_style_transfer import make_task, run

from dlcourse.style_transfer.canvas import DivergenceGuard


def make(**changes):
    guard = DivergenceGuard(**({"divergence_factor": 10.0, "max_restarts": 2} | changes))
    guard.begin(torch.zeros(2))
    return guard


def test_the_best_point_is_kept_while_the_loss_wanders():
    guard = make()
    for loss in (5.0, 2.0, 3.0):
        assert guard.accepts(loss, torch.full((2,), loss))
    assert torch.equal(guard.best, torch.full((2,), 2.0)) and guard.best_loss == 2 and guard.restarts == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1000.0])
def test_what_is_no_number_or_far_above_the_best_is_refused_and_counted(loss):
    guard = make()
    assert guard.accepts(1.0, torch.ones(2))
    assert not guard.accepts(loss, torch.full((2,), 9.0))
    assert torch.equal(guard.best, torch.ones(2)) and guard.restarts == 1


def test_a_first_loss_that_is_no_number_is_refused():
    assert not make().accepts(math.nan, torch.ones(2))


def test_losses_near_nothing_may_dance():
    guard = make()
    assert all(guard.accepts(loss, torch.ones(2)) for loss in (1.0, 1e-18, 1e-9, 1e-3))


def test_enough_is_enough():
    guard = make()
    for restarts in range(3):
        assert not guard.is_exhausted() and guard.restarts == restarts
        guard.accepts(math.nan, torch.ones(2))
    assert guard.is_exhausted()


def test_a_new_objective_forgets_the_losses_but_not_the_restarts():
    guard = make()
    guard.accepts(1.0, torch.ones(2))
    guard.accepts(math.nan, torch.ones(2))
    guard.begin(torch.zeros(5))
    assert guard.restarts == 1 and guard.accepts(1e6, torch.ones(5))


def test_its_state_survives():
    guard, other = make(), make()
    guard.accepts(3.0, torch.full((2,), 3.0))
    guard.accepts(math.nan, torch.ones(2))
    other.load_state_dict(guard.state_dict())
    assert other.best_loss == 3 and other.restarts == 1 and torch.equal(other.best, guard.best)
    assert not other.accepts(300.0, torch.ones(2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"divergence_factor": 1.0}, "divergence_factor must be above 1, got 1.0"),
        ({"max_restarts": -1}, "max_restarts must be at least 0, got -1"),
    ],
)
def test_senseless_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def poisoned(task, at, value):
    """Let the loss of evaluation number `at` be `value` times itself, its gradient too."""
    objective, count = task.objective.__call__, iter(range(10_000))

    def evaluate(image):
        terms = objective(image)
        factor = value if next(count) == at else 1.0
        return terms | {"loss": terms["loss"] * factor}

    task.losses = lambda: evaluate(task.canvas.image)


@pytest.mark.long
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_leaves_the_rails_is_survived(value, optimizer, caplog):
    task = make_task("style_transfer", f"optimizer={optimizer}")
    poisoned(task, 10, value)
    run(task, 10)
    best, best_loss = task.guard.best.clone(), task.guard.best_loss
    terms = task.step()
    assert terms["progress/restarts"] == 1 and torch.equal(task.canvas.image, best)
    assert not task.descent.optimizer.state  # a fresh history
    assert "step 11: the loss is" in caplog.text and "back to the best image" in caplog.text
    assert run(task, 10)["train/loss"] < best_loss
    assert task.finalize()["result/loss"] < best_loss and task.visualize()["image"].isfinite().all()


def test_a_loss_that_never_recovers_ends_the_run_with_the_best_image(caplog):
    task = make_task("style_transfer", "task.max_restarts=1")
    run(task, 5)
    best = task.guard.best.clone()
    task.losses = lambda: {"loss": task.canvas.image.sum() * math.nan}
    run(task, 1)
    assert not task.is_finished()
    run(task, 1)
    assert task.is_finished()
    task.finalize()
    assert torch.equal(task.result, best.clamp(0, 1))
    assert "given up: the loss diverged 2 times; the result is the best image so far" in caplog.text
