"""Every experiment trains, and goes on after an interruption as if there had been none."""

import json

import pytest
import torch

from conftest import EXPERIMENTS, assert_same, compose, small_overrides
from dlcourse.engine import checkpoint, run_folder
from dlcourse.engine.build import build


def interrupt():
    raise KeyboardInterrupt


def train(experiment, run_dir, max_steps, *overrides, interrupt_after=None):
    """Run, or go on with, an experiment as scripts/train.py does; Ctrl-C comes in the step after `interrupt_after`."""
    config = compose(*small_overrides(experiment, max_steps), *overrides)
    torch.manual_seed(config["seed"])
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    runner.prepare(task)
    step = runner.restore(task, run_dir, config)
    if interrupt_after is None:
        runner.train(task, run_dir, config, step)
        return checkpoint.Checkpoint.load(run_folder.newest(run_dir))
    steps = iter([task.step] * interrupt_after)
    task.step = lambda: next(steps, interrupt)()
    with pytest.raises(KeyboardInterrupt):
        runner.train(task, run_dir, config, step)
    return checkpoint.Checkpoint.load(run_folder.newest(run_dir))


@pytest.mark.long
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_trains_and_resumes_to_the_last_bit(experiment, tmp_path):
    straight = train(experiment, tmp_path / "straight", 4)
    start = train(experiment, tmp_path / "resumed", 4, interrupt_after=3)
    resumed = train(experiment, tmp_path / "resumed", 4)
    assert straight.step == resumed.step == 4 and start.step == 2
    assert_same(straight.state, resumed.state)
    with pytest.raises(AssertionError):
        assert_same(start.state, resumed.state)  # the last two steps did something
    rows = [json.loads(line) for line in (tmp_path / "resumed" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert all(value is not None for row in rows for value in row.values())
    assert list((tmp_path / "resumed" / "images").glob("*.png"))


OPTIMIZERS = ["sgd", "momentum", "rmsprop", "adam", "adamw", "lbfgs"]
SCHEDULES = ["constant", "hyperbolic", "exponential", "inverse_sqrt", "cosine", "one_cycle", "plateau"]
CHOICES = [(optimizer, "cosine") for optimizer in OPTIMIZERS] + [("adam", schedule) for schedule in SCHEDULES]
CHOICES += [("momentum optimizer.nesterov=true", "exponential scheduler.gamma=0.1 scheduler.period=3")]


@pytest.mark.long
@pytest.mark.parametrize(("optimizer", "schedule"), CHOICES)
def test_mini_batches_with_any_optimizer_and_schedule_resume_to_the_last_bit(optimizer, schedule, tmp_path):
    options = [*f"optimizer={optimizer} scheduler={schedule}".split(), "task.batch_size=150", "task.l2=0.01"]
    options += ["model.dropout=0.5", "model.norm=batch", "task.patience=50", "dataset.input_noise_std=0.1"]
    straight = train("points", tmp_path / "straight", 8, *options)
    train("points", tmp_path / "resumed", 8, *options, interrupt_after=5)
    assert_same(straight.state, train("points", tmp_path / "resumed", 8, *options).state)


def test_a_run_that_stopped_early_is_complete(tmp_path):
    options = ["task.patience=1", "optimizer.lr=30", "optimizer=sgd"]
    stopped = train("points", tmp_path, 1000, *options)
    assert stopped.step < 1000
    again = train("points", tmp_path, 1000, *options)
    assert_same(vars(stopped), vars(again))


@pytest.mark.long
@pytest.mark.parametrize("experiment", ["points", "style_transfer", "stylegan_faces_tiny"])
def test_bf16_trains_every_system(experiment, tmp_path):
    full, half = (train(experiment, tmp_path / p, 2, f"precision={p}") for p in ("fp32", "bf16"))
    with pytest.raises(AssertionError):
        assert_same(full.state, half.state)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["points", "style_transfer", "stylegan_faces_tiny"])
def test_compiled_networks_train_as_the_others_do(experiment, tmp_path):
    eager, compiled = (train(experiment, tmp_path / str(on), 2, f"runner.compile={on}") for on in (False, True))
    assert eager.state.keys() == compiled.state.keys()
    rows = [json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in ("False", "True")]
    for tag, value in rows[0].items():
        if tag.startswith(("train/", "gan/")):
            assert rows[1][tag] == pytest.approx(value, rel=1e-3), tag
