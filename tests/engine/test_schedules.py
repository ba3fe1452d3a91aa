import math

import pytest
import torch

from dlcourse.engine.schedules import Constant, Cosine, Exponential, Hyperbolic, InverseSqrt, OneCycle, Plateau
from dlcourse.errors import UserError


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(), {0: 1, 10**6: 1}),
        (Hyperbolic(decay_rate=0.2, period=1), {0: 1, 1: 1 / 1.2, 10: 1 / 3}),
        (Hyperbolic(decay_rate=1, period=5), {4: 1, 5: 1 / 2, 9: 1 / 2, 10: 1 / 3}),
        (Exponential(gamma=0.95, period=1), {0: 1, 2: 0.95**2}),
        (Exponential(gamma=0.1, period=100), {99: 1, 100: 0.1, 250: 0.01}),
        (InverseSqrt(k=2, period=1), {0: 2, 3: 1, 15: 0.5}),
        (Cosine(total_updates=100, floor=0.0), {0: 1, 50: 0.5, 100: 0, 200: 0}),
        (Cosine(total_updates=90, floor=0.1), {30: 0.1 + 0.9 * (1 + math.cos(math.pi / 3)) / 2, 90: 0.1}),
        (
            OneCycle(total_updates=100, warmup=0.2, start=0.04, end=0.01),
            {0: 0.04, 10: 0.52, 20: 1, 60: 0.505, 100: 0.01},
        ),
        (OneCycle(total_updates=10, warmup=0.0, start=0.5, end=0.0), {0: 1, 5: 0.5, 20: 0}),
    ],
)
def test_closed_forms(schedule, values):
    for updates, expected in values.items():
        assert schedule(updates) == pytest.approx(expected, abs=1e-12)


def test_the_whole_run_is_as_long_as_its_updates():
    for total, left, expected in [(None, 40, 0.5), (20, 40, 0.0)]:
        schedule = Cosine(total_updates=total, floor=0.0).for_run(left, updates_per_step=2)
        assert schedule(40) == pytest.approx(expected)
    # ten steps of two updates are done, ten steps of one are left
    for total, left in [(None, 10), (20, None)]:
        schedule = Cosine(total_updates=total, floor=0.0).for_run(left, updates_per_step=1, step=10, updates=20)
        assert schedule(29) > schedule(30) == pytest.approx(0)
    assert Constant().for_run(40, updates_per_step=2) == Constant()
    with pytest.raises(UserError, match="scheduler.total_updates: null is for a StyleGAN with task.total_images"):
        Cosine(total_updates=None, floor=0.0).for_run(None, updates_per_step=2)(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hyperbolic(decay_rate=-1, period=1), "decay_rate must be positive, got -1"),
        (lambda: Exponential(gamma=0.9, period=0), "period must be positive, got 0"),
        (lambda: Cosine(total_updates=10, floor=1.0), r"floor must be in \[0, 1\), got 1.0"),
        (lambda: OneCycle(total_updates=10, warmup=1.0, start=0.1, end=0), r"warmup must be in \[0, 1\), got 1.0"),
        (lambda: Plateau(factor=1.0, patience=1, threshold=0.0), r"factor must be in \(0, 1\), got 1.0"),
        (lambda: Plateau(factor=0.5, patience=-1, threshold=0.0), "patience must be at least 0, got -1"),
    ],
)
def test_senseless_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_plateau_follows_torchs_own_and_remembers():
    losses = [1.0, 0.9, 0.95, 0.9, 0.8999, 0.91, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    ours = Plateau(factor=0.1, patience=2, threshold=1e-3)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, factor=0.1, patience=2, threshold=1e-3)
    for index, loss in enumerate(losses):
        if index == 7:
            restored = Plateau(factor=0.1, patience=2, threshold=1e-3)
            restored.load_state_dict(ours.state_dict())
            ours = restored
        ours.observe(loss)
        scheduler.step(loss)
        assert ours(index) == pytest.approx(theirs.param_groups[0]["lr"])
    assert ours(0) < 0.1
