"""What TensorBoard and the console are given, and a record without a fork where a run was resumed."""

import shutil
import time

import pytest
import torch
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from conftest import compose, small_overrides
from dlcourse.engine.build import build
from dlcourse.engine.logger import RunLogger, duration, readable
from dlcourse.engine.tensorboard import charts_of, hyper_parameters


def scalars(run_dir):
    events = EventAccumulator(str(run_dir)).Reload()
    return {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def wait_for_the_next_second():
    """TensorBoard reads event files in the order of their names: the second, then a number that sorts as text."""
    time.sleep(1.1 - time.time() % 1)


def test_only_what_counts_samples_has_a_speed(tmp_path):
    with RunLogger(tmp_path, {}, step=0, max_steps=2) as logger:
        for step in (1, 2):
            progress = {"progress/images": 16 * step, "progress/size": 64 * step, "progress/epoch": step / 2}
            logger.advance(step, progress, is_last=step == 2)
    speeds = {tag for tag in scalars(tmp_path) if tag.endswith("_per_second")}
    assert speeds == {"perf/steps_per_second", "perf/images_per_second"}


def test_curves_of_one_quantity_share_a_chart():
    tags = ["train/loss", "dev/loss", "dev/accuracy", "gan/d_loss", "gan/g_loss", "gan/penalty", "optimizer/lr"]
    tags += ["perf/steps_per_second", "perf/images_per_second", "gan/d_score", "gan/g_score"]
    assert charts_of(tags) == {
        "loss": "^[a-z]+/loss$",
        "gan/loss": "^gan/[a-z0-9]+_loss$",
        "gan/score": "^gan/[a-z0-9]+_score$",
    }


def test_hyper_parameters_are_named_as_one_types_them_and_each_only_once():
    config = compose("experiment=points", "optimizer=momentum", "scheduler=cosine", "seed=7", "run_dir=/tmp/secret")
    config["choices"] = {"optimizer": "momentum", "model": "mlp"}
    config["overrides"] = ["optimizer=momentum", "seed=7"]
    found = hyper_parameters(config)
    expected = {"optimizer": "momentum", "model": "mlp", "optimizer.lr": config["optimizer"]["lr"], "seed": 7}
    expected |= {"model.hidden": "[10, 10]", "task.batch_size": "null", "optimizer.nesterov": "false"}
    assert expected.items() <= found.items()
    assert found["runner.max_steps"] == 5000 and sum(key.startswith("runner.") for key in found) == 1
    assert (
        not {"run_dir", "resume", "device", "overrides", "dataset.seed", "task.seed", "task.optimizer.lr"}
        & found.keys()
    )
    assert not any("_target_" in key or "_partial_" in key for key in found)
    for other in ("style_transfer_offline", "stylegan_faces_tiny"):
        theirs = hyper_parameters(compose(f"experiment={other}"))
        assert "objective.content_weight" not in found and theirs.keys() != found.keys()


def test_tensorboard_finds_the_columns_of_hyper_parameters_in_all_runs(tmp_path):
    with RunLogger(tmp_path, {"seed": 1}, step=0, max_steps=1) as logger:
        logger.advance(1, {"train/loss": 1.0}, is_last=True)
    metadata = EventAccumulator(str(tmp_path)).Reload().summary_metadata
    assert "_hparams_/session_start_info" in metadata and "_hparams_/experiment" not in metadata


def titles(run_dir):
    events = EventAccumulator(str(run_dir)).Reload()
    layouts = [event.tensor_proto.string_val[0] for event in events.Tensors("custom_scalars__config__")]
    return [chart.title for category in Layout.FromString(layouts[-1]).category for chart in category.chart]


def test_a_resumed_run_keeps_its_charts_and_drops_what_lay_after_its_checkpoint(tmp_path):
    with RunLogger(tmp_path, {}, step=0, max_steps=4) as logger:
        for step in (1, 2, 3, 4):
            logger.advance(step, {"train/loss": 1.0, "dev/loss": 2.0}, is_last=False)
    wait_for_the_next_second()
    with RunLogger(tmp_path, {}, step=2, max_steps=6) as logger:
        logger.advance(3, {"train/loss": 1.0}, is_last=False)  # dev comes later
        assert titles(tmp_path) == ["loss"]
        logger.advance(6, {"train/loss": 1.0}, is_last=True)
    assert scalars(tmp_path)["train/loss"] == [1, 2, 3, 6]
    assert scalars(tmp_path)["dev/loss"] == [1, 2]


@pytest.mark.parametrize("step", [0, 2])
def test_a_run_that_goes_back_leaves_nothing_of_what_came_after(tmp_path, step):
    """At 0: it was killed before it had a checkpoint, and begins again."""
    image = {"grey": torch.zeros(1, 3, 4, 4)}
    with RunLogger(tmp_path, {}, step=0, max_steps=9) as logger:
        for number in range(1, 6):
            logger.advance(number, {"train/loss": 1.0}, is_last=False)
            logger.images(number, image)
    wait_for_the_next_second()
    with RunLogger(tmp_path, {}, step=step, max_steps=9) as logger:
        logger.advance(step + 1, {"train/loss": 1.0}, is_last=False)
        logger.images(step + 1, image)
    steps = list(range(1, step + 2))
    assert set(map(tuple, scalars(tmp_path).values())) == {tuple(steps)}
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Images("images/grey")] == steps
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [f"grey_{n:07}.png" for n in steps]
    shown = plugin_event_accumulator.EventAccumulator(str(tmp_path)).Reload()  # as TensorBoard itself reads
    assert len(shown.Tensors("config/text_summary")) == 1


def test_an_error_of_tensorboards_thread_is_raised_once_and_printed_by_nobody(tmp_path, capsys):
    folder = tmp_path / "run"
    with pytest.raises(FileNotFoundError), RunLogger(folder, {}, step=0, max_steps=9) as logger:
        while folder.exists():
            shutil.rmtree(folder, ignore_errors=True)  # TensorBoard's thread may just write into it
        for step in range(1, 10):
            logger.advance(step, {"train/loss": 1.0}, is_last=False)
            logger.writer.flush()
    assert "Traceback" not in capsys.readouterr().err


def test_a_line_of_the_console_has_the_main_metrics_and_says_which_are_old(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dlcourse.engine.logger.CONSOLE_PERIOD", 0)
    shown = ("dev/accuracy", "test/accuracy", "train/loss")
    with RunLogger(tmp_path, {}, step=0, max_steps=5_000_000, shown=shown) as logger:
        logger.advance(1, {"train/loss": 1.0, "dev/accuracy": 0.5, "optimizer/skipped": 0}, is_last=False)
        logger.advance(2, {"train/loss": 0.25, "progress/samples": 2_000_000}, is_last=False)
        logger.advance(3, {"train/loss": 0.125, "dev/accuracy": 0.75}, is_last=True)
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("step 1/5000000  dev/accuracy 0.5  train/loss 1  ") and first.endswith(" left")
    assert second.startswith("step 2/5000000  dev/accuracy 0.5 (step 1)  train/loss 0.25  ")
    assert last.startswith("step 3/5000000  dev/accuracy 0.75  train/loss 0.125  ") and last.endswith(" steps/s")
    assert max(map(len, (first, second, last))) <= 100


@pytest.mark.parametrize("name", ["points", "face_attributes", "style_transfer_offline", "stylegan_faces_tiny"])
def test_every_task_logs_what_the_console_shows(name):
    overrides = small_overrides(name, 2)
    task = build(compose(*overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    found = {**task.step(), **task.evaluate(), **task.finalize()}
    assert 1 <= len(found.keys() & set(task.shown)) <= 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3569, "59 min"),
        (3571, "1 h 0 min"),
        (4800, "1 h 20 min"),
        (86369, "23 h 59 min"),
        (86371, "1 d 0 h"),
        (2e5, "2 d 8 h"),
    ],
)
def test_durations_are_read_at_a_glance(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e6, "2,000,000"), (0.98251, "0.9825"), (12345.6, "12,346"), (1e30, "1e+30"), (0.0, "0"), (float("nan"), "nan")],
)
def test_numbers_are_read_at_a_glance(value, text):
    assert readable(value) == text


def test_the_time_left_counts_the_work_that_is_left(tmp_path, capsys, monkeypatch):
    """Ten steps of a second each, then ten of four seconds, as where images grow; five are done in five seconds."""
    work = lambda steps: min(steps, 10) + 4 * max(0, steps - 10)
    with RunLogger(tmp_path, {}, step=0, max_steps=20, work=work) as logger:
        logger.recent[0] = (100.0, 0)
        with monkeypatch.context() as context:
            context.setattr(time, "monotonic", lambda: 105.0)
            logger.last_line = 0.0
            logger.show(5, is_last=False)
    assert capsys.readouterr().err == "step 5/20  1 steps/s  45 s left\n"
