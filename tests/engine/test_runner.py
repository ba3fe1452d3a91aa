"""The runner against a task of fifteen lines."""

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bowl import CONFIG, NoisyBowl, is_complete, make_runner, resume, rows, train
from conftest import assert_same
from dlcourse.engine import device, run_folder
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.runner import step_seed
from dlcourse.errors import UserError


def test_intervals_are_kept_and_everything_comes_at_the_end(tmp_path):
    task = train(tmp_path)
    assert task.calls == {"evaluate": [3, 6, 7], "visualize": [4, 7]}
    assert [row["step"] for row in rows(tmp_path)] == [2, 3, 4, 6, 7]
    assert [row["step"] for row in rows(tmp_path) if "train/loss" in row] == [2, 4, 6, 7]
    assert [row["step"] for row in rows(tmp_path) if "dev/norm" in row] == [3, 6, 7]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
        "grey_0000004.png",
        "grey_0000007.png",
    ]
    assert [path.name for path in run_folder.all_of(tmp_path)] == ["step_0000006.pt", "step_0000007.pt"]


def test_tensorboard_holds_scalars_images_text_and_hparams_with_final_metrics(tmp_path):
    train(tmp_path)
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    assert {"train/loss", "dev/norm", "perf/steps_per_second"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("dev/norm")] == [3, 6, 7]
    assert [event.step for event in events.Images("images/grey")] == [4, 7]
    assert "config/text_summary" in events.Tags()["tensors"]
    assert "_hparams_/session_start_info" in events.summary_metadata


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 6])
def test_a_resumed_run_ends_with_the_same_bits_and_the_same_record(tmp_path, stop):
    train(tmp_path / "straight")
    train(tmp_path / "resumed", max_steps=stop)
    train(tmp_path / "resumed")
    straight, resumed = (Checkpoint.load(run_folder.newest(tmp_path / name)) for name in ("straight", "resumed"))
    assert_same(straight.state, resumed.state)
    strip = lambda row: {key: value for key, value in row.items() if not key.startswith("perf/")}
    by_step = {row["step"]: strip(row) for row in rows(tmp_path / "resumed")}
    assert all(strip(row).items() <= by_step[row["step"]].items() for row in rows(tmp_path / "straight"))


def test_lines_after_the_checkpoint_are_dropped_on_resume(tmp_path):
    train(tmp_path, max_steps=4)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "train/loss": 9.0}\n{"step": 6, "train')  # written, then killed
    train(tmp_path)
    assert [row["step"] for row in rows(tmp_path)] == [2, 3, 4, 6, 7]


def test_a_step_draws_the_same_whatever_happened_before_it(tmp_path):
    often = train(tmp_path / "a", evaluate_every=1)
    seldom = train(tmp_path / "b", evaluate_every=100)
    assert_same(often.model.state_dict(), seldom.model.state_dict())
    other = train(tmp_path / "c", seed=1)
    assert not torch.equal(often.model.weight, other.model.weight)


def test_step_seeds_are_distinct_and_differ_between_runs():
    first, second = ({step_seed(seed, step) for step in range(10_000)} for seed in (0, 1))
    assert len(first) == len(second) == 10_000
    assert not first & second


def test_not_a_number_is_recorded_as_null(tmp_path):
    class Broken(NoisyBowl):
        def evaluate(self):
            return {"dev/norm": torch.tensor(float("nan"))}

    train(tmp_path, task=Broken())
    assert rows(tmp_path)[-1]["dev/norm"] is None


def test_a_complete_run_says_so(tmp_path):
    assert not is_complete(tmp_path)
    train(tmp_path)
    assert is_complete(tmp_path)
    assert not is_complete(tmp_path, max_steps=8)


def test_a_task_may_know_its_end(tmp_path):
    class Known(NoisyBowl):
        def steps_left(self):
            return 5

    train(tmp_path / "known", max_steps=None, task=Known())
    train(tmp_path / "given", max_steps=3, task=Known())
    assert rows(tmp_path / "known")[-1]["step"] == 5 and rows(tmp_path / "given")[-1]["step"] == 3
    with pytest.raises(
        UserError, match=r"^runner\.max_steps: null is for tasks that know their own end; give a number"
    ):
        train(tmp_path / "none", max_steps=None)
    assert not (tmp_path / "none").exists()


def test_intervals_of_null_are_at_the_end_only(tmp_path):
    train(tmp_path, evaluate_every=None, visualize_every=None, checkpoint_every=None)
    assert [path.name for path in run_folder.all_of(tmp_path)] == ["step_0000007.pt"]
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["grey_0000007.png"]
    assert [row["step"] for row in rows(tmp_path) if "dev/norm" in row] == [7]


def test_another_model_is_refused_before_anything_is_written(tmp_path):
    train(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"model\.size is 3 there, 4 here"):
        resume(tmp_path, CONFIG | {"model": {"size": 4}})
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_bf16_runs_the_step_in_autocast_and_keeps_fp32_parameters(tmp_path):
    seen = []

    class Peek(NoisyBowl):
        def step(self):
            seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
            return super().step()

    task = train(tmp_path, task=Peek(), precision="bf16")
    assert set(seen) == {torch.bfloat16}
    assert task.model.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_every": 0}, "log_every must be at least 1, got 0"),
        ({"max_steps": -3}, "max_steps must be at least 1, got -3"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1, got 0"),
        ({"num_threads": -1}, "num_threads must be at least 1, got -1"),
        ({"precision": "fp16"}, "precision must be one of fp32, tf32, bf16, got 'fp16'"),
        ({"device": "cuda:99"}, "device=cuda:99 cannot be used here .* device=cpu"),
        ({"device": "gpu"}, "device=gpu cannot be used here"),
    ],
)
def test_senseless_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make_runner(**changes)


class Broken(NoisyBowl):
    """A task whose weights, or whose measurements, are no numbers after so many steps."""

    def __init__(self, after, where):
        self.after, self.where = after, where

    def step(self):
        metrics = super().step()
        if self.where == "weights" and self.descent.updates >= self.after:
            with torch.no_grad():
                self.model.weight.fill_(torch.inf)
        return metrics

    def finalize(self):
        return {"result/loss": torch.tensor(torch.nan)} if self.where == "result" else {}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("weights", "step 4: model.weight is not finite, so nothing of it is kept; try a smaller optimizer.lr"),
        ("result", "step 4: result/loss is nan, so nothing of it is kept; try a smaller optimizer.lr, or prec"),
    ],
)
def test_a_run_that_ends_in_no_numbers_is_a_failure_and_leaves_no_result(where, message, tmp_path):
    with pytest.raises(UserError, match=message):
        train(tmp_path / "run", 4, Broken(4, where))
    assert [path.name for path in run_folder.all_of(tmp_path / "run")] == ["step_0000002.pt"]
    assert not list((tmp_path / "run").glob("images/*_0000004.png"))
    assert [row["step"] for row in rows(tmp_path / "run")] == [2, 3]


def test_weights_that_are_no_numbers_replace_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match="step 4: model.weight is not finite"):
        train(tmp_path / "run", 7, Broken(3, "weights"), keep_checkpoints=1, evaluate_every=5)
    assert [path.name for path in run_folder.all_of(tmp_path / "run")] == ["step_0000002.pt"]


@pytest.mark.parametrize(("precision", "products"), [("fp32", "highest"), ("tf32", "high"), ("bf16", "high")])
def test_only_fp32_forbids_tf32(precision, products, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.get_float32_matmul_precision()
    try:
        device.set_precision(torch.device("cuda"), precision)
        assert torch.get_float32_matmul_precision() == products
        assert torch.backends.cudnn.allow_tf32 == (precision != "fp32")
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("bf16", "fp32", "is_warned"), [(0.037, 0.0004, True), (0.0002, 0.0004, False)])
def test_bf16_warns_where_it_is_slower(bf16, fp32, is_warned, monkeypatch, caplog):
    seconds = {torch.bfloat16: bf16, torch.float32: fp32}
    monkeypatch.setattr(device, "seconds_of_product", seconds.__getitem__)
    device.warn_if_bf16_is_slow.cache_clear()
    before = torch.get_float32_matmul_precision()
    try:
        for precision in (*device.PRECISIONS, "bf16"):
            device.set_precision(torch.device("cpu"), precision)
    finally:
        torch.set_float32_matmul_precision(before)
    warning = "precision=bf16: this CPU multiplies bfloat16 slower than float32; precision=fp32 is faster here"
    assert caplog.messages == [warning] * is_warned


def test_the_seconds_of_a_product_are_measured():
    assert 0 < device.seconds_of_product(torch.float32) < 1
