"""The range test finds a good learning rate, and the training does not notice that it was asked."""

import math
import statistics

import pytest
import torch
from PIL import Image

from conftest import assert_same, compose, run_script
from dlcourse.classifier.lr_range import BETA, SETTLED, RangeCurve, RangeTest, draw_range_curve
from dlcourse.engine.build import build
from dlcourse.errors import UserError

TEST = {"low": 1e-6, "high": 10.0, "steps": 100, "seed": 0}
NOISY = ["dataset=rings", "model.hidden=[10,5]", "model.dropout=0.2", "model.norm=batch", "task.batch_size=32"]
NOISY += ["dataset.input_noise_std=0.1", "optimizer=momentum", "scheduler=hyperbolic", "task.patience=3"]


def make_task(*overrides):
    torch.manual_seed(0)
    task = build(compose(*overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def curve_of(losses):
    curve = RangeCurve()
    for step, loss in enumerate(losses):
        curve.append(1e-5 * 1.1**step, loss)
    return curve


def test_the_rate_rises_geometrically_from_low_to_high():
    curve = RangeTest(low=1e-4, high=1e-2, steps=51, seed=0)(make_task())
    assert not curve.diverged and len(curve.lrs) == len(curve.losses) == len(curve.averages) == 51
    assert curve.lrs[0] == pytest.approx(1e-4) and curve.lrs[25] == pytest.approx(1e-3)
    assert curve.lrs[-1] == pytest.approx(1e-2)


def test_the_losses_are_those_of_a_training_with_these_rates():
    task, other = make_task("optimizer=sgd"), make_task("optimizer=sgd")
    curve = RangeTest(low=1e-3, high=1.0, steps=60, seed=0)(task)
    for lr, loss in zip(curve.lrs, curve.losses, strict=True):
        other.descent.base_lrs = [lr for _ in other.descent.base_lrs]
        assert float(other.step()["train/loss"]) == loss


@pytest.mark.parametrize("updates", [0, 7])
def test_training_afterwards_is_the_same_to_the_last_bit(updates):
    asked, left_alone = make_task(*NOISY), make_task(*NOISY)
    states = []
    for task in (asked, left_alone):
        torch.manual_seed(1)
        for _ in range(updates):
            task.step()
        task.evaluate() if updates else None
        if task is asked:
            curve = RangeTest(**TEST)(task)
            assert len(curve.losses) > 50
        losses = [task.step()["train/loss"] for _ in range(20)]
        parts = {name: part.state_dict() for name, part in task.state().items()}
        states.append([losses, task.evaluate(), parts, torch.get_rng_state(), task.descent.lr()])
    assert_same(*states)


def test_the_same_test_gives_the_same_curve():
    task = make_task(*NOISY)
    first, again, other = (RangeTest(**TEST | {"seed": seed})(task) for seed in (0, 0, 1))
    assert first == again
    assert first.losses != other.losses


def test_the_average_forgets_its_start():
    losses = [3.0, 1.0, 4.0, 1.0, 5.0]
    averages = curve_of(losses).averages
    for count in range(1, 6):
        weights = [BETA**age for age in reversed(range(count))]
        expected = sum(w * loss for w, loss in zip(weights, losses, strict=False)) / sum(weights)
        assert averages[count - 1] == pytest.approx(expected)


def test_suggestion_and_steepest_point_of_a_known_curve():
    fall = [1 / (1 + math.exp((step - 60) / 5)) for step in range(100)]  # steepest at 60
    curve = curve_of([0.1 + value for value in fall] + [0.2 * 1.5**step for step in range(10)])
    assert 97 <= curve.lowest() <= 102
    assert curve.suggestion() == pytest.approx(curve.lrs[curve.lowest()] / 10)
    steepest = curve.lrs.index(curve.steepest())
    assert 60 <= steepest <= 60 + SETTLED  # the average lags behind
    assert curve.doubt() is None


def test_it_stops_where_the_loss_diverges():
    diverging = ["optimizer=sgd", "task.batch_size=50"]
    curve = RangeTest(low=1e-3, high=1e6, steps=200, seed=0)(make_task(*diverging))
    assert curve.diverged and len(curve.lrs) < 200
    assert all(map(math.isfinite, curve.losses))
    assert all(average <= 4 * min(curve.averages[: t + 1]) for t, average in enumerate(curve.averages[:-1]))
    assert curve.suggestion() < curve.lrs[-1] / 5


def test_a_loss_that_ceases_to_be_a_number_ends_the_test_and_is_not_recorded():
    curve = RangeTest(low=1e-3, high=1e30, steps=50, seed=0)(make_task("optimizer=sgd"))
    assert curve.diverged and all(map(math.isfinite, curve.losses))
    broken = make_task("optimizer=sgd", "model.init=normal", "model.init_std=1e30")
    with pytest.raises(UserError, match="no number before the first update"):
        RangeTest(**TEST)(broken)


@pytest.mark.long
def test_the_suggestion_is_within_a_factor_of_ten_of_the_best_rate():
    rings = ["dataset=rings", "model.hidden=[10,5]", "optimizer=sgd"]
    final = {}
    for exponent in range(-6, 3):
        task = make_task(*rings, f"optimizer.lr={10 ** (exponent / 2)}")
        for _ in range(300):
            loss = float(task.step()["train/loss"])
        final[10 ** (exponent / 2)] = loss if math.isfinite(loss) else math.inf
    best = min(final, key=lambda lr: final[lr])
    tested = [RangeTest(**TEST | {"steps": 200})(make_task(*rings, f"seed={seed}")) for seed in range(3)]
    suggestion = statistics.median(curve.suggestion() for curve in tested)
    assert best / 10 <= suggestion <= best * 10


def test_a_doubtful_suggestion_is_called_so():
    too_low = RangeTest(low=1e-7, high=1e-5, steps=50, seed=0)(make_task())
    assert "still falls" in too_low.doubt() and "higher high than 1e-05" in too_low.doubt()
    too_high = RangeTest(low=1.0, high=10.0, steps=50, seed=0)(make_task("optimizer=adam", "model.hidden=[]"))
    rising = curve_of([1 + 0.1 * step for step in range(60)])
    assert "rises from the start" in rising.doubt() and "lower low than 1e-05" in rising.doubt()
    for curve in (too_low, too_high, rising):
        assert draw_range_curve(curve).shape == (1, 3, 450, 700)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"low": 0.0}, "low must be positive and below high, got low=0.0 and high=10.0"),
        ({"high": 1e-7}, "low must be positive and below high"),
        ({"steps": 49}, "steps must be at least 50, got 49"),
    ],
)
def test_senseless_values_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        RangeTest(**TEST | changes)


@pytest.mark.long
def test_the_command_draws_and_suggests(tmp_path):
    arguments = ["dataset=rings", "model.hidden=[10,5]", "optimizer=momentum", "low=1e-5", "high=1", "steps=60"]
    done = run_script("find_lr.py", *arguments, "output=some/where/lr.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    suggestion, output = done.stdout.splitlines()
    assert 1e-5 < float(suggestion.removeprefix("optimizer.lr=").split()[0]) < 1 and "steepest point" in suggestion
    assert output == "some/where/lr.png"
    with Image.open(tmp_path / output) as image:
        assert image.format == "PNG" and image.size == (700, 450)
    assert [path.name for path in tmp_path.iterdir()] == ["some"]


def test_every_job_of_a_sweep_has_its_image(tmp_path):
    done = run_script("find_lr.py", "-m", "seed=0,1", "steps=50", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    images = sorted((tmp_path / "runs" / "points").glob("*/*/lr_range.png"))
    assert [path.parent.name for path in images] == ["0_seed=0,steps=50", "1_seed=1,steps=50"]
    assert [str(path.relative_to(tmp_path)) for path in images] == done.stdout.splitlines()[1::2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["steps=50", "output=/dev/null/lr.png"], ["output=/dev/null/lr.png: cannot be written ("]),
        (["hihg=1"], ["hihg: no such key", "did you mean high?"]),
    ],
    ids=lambda value: value[0],
)
def test_a_mistake_is_told_in_a_line(arguments, words, tmp_path):
    done = run_script("find_lr.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []
