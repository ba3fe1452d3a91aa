import math

import pytest

from dlcourse.schedules import Constant, Cosine, Exponential, Hyperbolic, InverseSqrt


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
    ],
)
def test_closed_forms(schedule, values):
    for updates, expected in values.items():
        assert schedule(updates) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hyperbolic(decay_rate=-1, period=1), "decay_rate must be positive, got -1"),
        (lambda: Exponential(gamma=0.9, period=0), "period must be positive, got 0"),
        (lambda: Cosine(total_updates=10, floor=1.0), r"floor must be in \[0, 1\), got 1.0"),
    ],
)
def test_senseless_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
