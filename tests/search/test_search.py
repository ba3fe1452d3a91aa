import math

import pytest
import torch

from conftest import compose
from dlcourse.engine.build import build
from dlcourse.search.strategies import (
    CoarseToFine,
    Grid,
    LogUniform,
    OneMinusLogUniform,
    PowersOfTwo,
    Random,
    Trial,
    Uniform,
    importance,
)


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        (Uniform(2, 4), [2, 2.5, 3, 3.5, 4]),
        (LogUniform(1e-4, 1), [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        (OneMinusLogUniform(0.9, 0.999), [0.9, 1 - 10**-1.5, 0.99, 1 - 10**-2.5, 0.999]),
        (PowersOfTwo(8, 128), [8, 16, 32, 64, 128]),
    ],
)
def test_scales(scale, values):
    assert [scale(u) for u in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(values)


def test_every_decade_gets_an_equal_share():
    draws = [Random()([], 1).item() for _ in range(3000)]
    decades = torch.tensor([math.floor(math.log10(LogUniform(1e-4, 1)(u))) for u in draws])
    assert torch.allclose((decades + 4).bincount() / 3000, torch.full((4,), 0.25), atol=0.03)
    windows = torch.tensor([math.floor(math.log10(1 / (1 - OneMinusLogUniform(0.0, 0.999)(u)))) for u in draws])
    assert torch.allclose(windows.bincount() / 3000, torch.full((3,), 1 / 3), atol=0.03)


def test_a_grid_has_few_distinct_values_and_random_trials_have_many():
    past = [Trial((0.0, 0.0), 1.0)] * 24
    grid = torch.stack([Grid(5)(past[:index], 2) for index in range(25)])
    assert len(grid.unique(dim=0)) == 25 and len(grid[:, 0].unique()) == 5
    assert grid.min() == 0 and grid.max() == 1
    assert len(torch.stack([Random()(past, 2) for _ in range(25)])[:, 0].unique()) == 25


@pytest.mark.parametrize("best", [(0.5, 0.5), (0.0, 1.0)])
def test_coarse_to_fine_closes_in_on_the_best_without_leaving_the_cube(best):
    strategy = CoarseToFine(coarse=3, zoom=0.2)
    past = [Trial((0.9, 0.1), 2.0), Trial(best, 0.5), Trial((0.3, 0.3), math.inf)]
    wide = torch.stack([strategy(past[:2], 2) for _ in range(300)])
    near = torch.stack([strategy(past, 2) for _ in range(300)])
    assert wide.amax(0).min() > 0.9 and wide.amin(0).max() < 0.1
    assert ((near.amax(0) - near.amin(0)) <= 0.2001).all() and (near.amax(0) - near.amin(0)).min() > 0.15
    assert (near >= 0).all() and (near <= 1).all()
    assert (near - torch.tensor(best)).abs().max() <= 0.2001


def test_importance_finds_what_matters():
    positions = torch.rand(400, 2)
    shares = importance([Trial(tuple(p.tolist()), float((p[0] - 0.3) ** 2 + 0.01 * p[1])) for p in positions])
    assert shares[0] > 0.8 and shares[1] < 0.1


def search(*overrides):
    torch.manual_seed(0)
    task = build(compose("experiment=lr_search", "task.updates=20", *overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def test_a_trial_trains_with_its_own_values_and_diverging_ones_lose():
    task = search("task.optimizer_space.lr.low=1e-2", "task.optimizer_space.lr.high=1e9")
    rows = [task.step() for _ in range(6)]
    assert all(set(row) == {"trial/loss", "trial/accuracy", "trial/lr", "trial/momentum"} for row in rows)
    assert len({float(row["trial/lr"]) for row in rows}) == 6
    measured = task.evaluate()
    finite = [float(row["trial/loss"]) for row in rows if math.isfinite(float(row["trial/loss"]))]
    assert measured["best/loss"] == pytest.approx(min(finite))
    best = min(rows, key=lambda row: float(row["trial/loss"].nan_to_num(nan=math.inf)))
    assert measured["best/lr"] == pytest.approx(best["trial/lr"])
    assert task.visualize()["trials"].shape[:2] == (1, 3)


def test_trials_survive_a_restart_and_start_from_fresh_networks():
    task, resumed = search(), search()
    for step in range(3):
        torch.manual_seed(step)
        task.step()
    resumed.trials.load_state_dict(task.trials.state_dict())
    for again in (task, resumed):
        torch.manual_seed(99)
        again.step()
    assert task.trials.past == resumed.trials.past and len(task.trials.past) == 4


def test_the_space_may_hold_arguments_of_the_task():
    batch_sizes = "+task.task_space.batch_size={_target_:dlcourse.search.strategies.PowersOfTwo,low:8,high:64}"
    row = search(batch_sizes).step()
    assert row["trial/batch_size"] in (8, 16, 32, 64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(2, 1), "low must be below high, got 2 and 1"),
        (lambda: LogUniform(0.0, 1), "low must be positive on a logarithmic scale"),
        (lambda: OneMinusLogUniform(0.5, 1.0), "high must be below 1"),
        (lambda: PowersOfTwo(0, 4), "low must be at least 1"),
        (lambda: Grid(1), "points must be at least 2"),
        (lambda: CoarseToFine(0, 0.5), "coarse must be at least 1"),
        (lambda: CoarseToFine(1, 0.0), r"zoom must be in \(0, 1\]"),
    ],
)
def test_senseless_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def best_of_search(task, seed):
    config = compose("experiment=lr_search", f"task={task}", f"seed={seed}")
    search = build(config["task"], "task")
    search.setup(torch.device("cpu"))
    for step in range(config["runner"]["max_steps"]):
        torch.manual_seed(1000 * seed + step)
        search.step()
    return float(search.evaluate()["best/loss"])


@pytest.mark.slow
def test_coarse_to_fine_is_no_worse_than_random_and_both_beat_the_linear_grid():
    fine, random, grid = (
        sum(best_of_search(task, seed) for seed in range(20)) / 20
        for task in ("coarse_to_fine_search", "random_search", "grid_search")
    )
    assert fine <= random < grid, (fine, random, grid)
