"""Where the time of a step goes: the clock, the profile, and that they cost nothing while nobody looks."""

import json
import re

import pytest
import torch

from conftest import compose, small_overrides
from dlcourse.engine import profiling
from dlcourse.engine.build import build
from dlcourse.engine.profiling import NOTHING, STEPS_OF_A_CLOCK, Clock, span


@pytest.fixture
def clock(monkeypatch):
    """A clock whose time advances by one millisecond per look."""
    clock = Clock("cpu")
    ticks = iter(range(10_000))
    monkeypatch.setattr(clock, "now", lambda: float(next(ticks)))
    clock.start()
    yield clock
    clock.stop()


def one_step():
    with span("step"):
        with span("data"):
            pass
        with span("optimizer"), span("forward"):
            pass


def test_the_time_of_a_part_within_a_part_is_the_inner_ones_alone(clock):
    for _ in range(2):
        one_step()
    # step 0 [data 1 2 optimizer 3 [forward 4 5] 6] 7
    assert clock.split() == {"step": 7, "data": 1, "optimizer": 2, "forward": 1}


def test_a_clock_stops_by_itself_and_between_steps_it_stands(clock):
    for _ in range(STEPS_OF_A_CLOCK + 3):
        one_step()
        clock.now(), clock.now()
    assert clock.steps == STEPS_OF_A_CLOCK and clock.split()["step"] == 7
    assert span("step") is NOTHING


def test_a_failing_step_leaves_the_clock_in_order(clock):
    with pytest.raises(ZeroDivisionError), span("step"), span("forward"):
        1 / 0  # noqa: B018
    assert clock.names == [""] and clock.split() == {}
    one_step()
    assert clock.steps == 1 and clock.names == [""]


def test_while_nobody_looks_a_span_is_nothing():
    assert profiling.running is None
    assert span("forward") is NOTHING


def test_a_clock_that_saw_no_step_knows_nothing():
    assert Clock("cpu").split() == {}


def train(run_dir, experiment, max_steps, *overrides):
    config = compose(*small_overrides(experiment, max_steps), "device=cpu", *overrides)
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    runner.prepare(task)
    runner.train(task, run_dir, config)


@pytest.mark.parametrize(
    ("experiment", "parts"),
    [
        ("points", {"step", "data", "forward", "backward", "optimizer"}),
        ("style_transfer_offline", {"step", "forward", "backward", "optimizer"}),
        ("stylegan_faces_tiny", {"step", "data", "forward", "backward", "optimizer"}),
    ],
)
def test_a_profile_is_a_trace_with_the_parts_of_a_step_and_a_table_of_ten(experiment, parts, tmp_path, capsys):
    train(tmp_path, experiment, 6, "runner.profile=true")
    trace = json.loads((tmp_path / "profile" / "trace.json").read_text())
    ranges = [event["name"] for event in trace["traceEvents"] if event.get("cat") == "user_annotation"]
    assert parts <= set(ranges) and ranges.count("step") == profiling.PROFILED
    heading, _, _, *rows = (tmp_path / "profile" / "operations.txt").read_text().splitlines()
    assert heading.startswith("steps 2 to 6 of this start: ")
    assert len(rows) == 10
    shares = [float(re.match(r" *([\d.]+)%", row)[1]) for row in rows]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.5
    operations = {row.split()[-1] for row in rows}
    assert any(name.startswith("aten::") for name in operations) and not operations & parts
    assert f"{tmp_path / 'profile'}: trace.json" in capsys.readouterr().err


def test_a_run_that_ends_early_still_writes_what_was_recorded(tmp_path):
    train(tmp_path, "points", 3, "runner.profile=true")
    assert "steps 1 to 3 " in (tmp_path / "profile" / "operations.txt").read_text()


def test_without_the_key_there_is_no_profile_and_the_parts_add_up_to_the_step(tmp_path):
    train(tmp_path, "stylegan_faces_tiny", 4)
    assert not (tmp_path / "profile").exists() and profiling.running is None
    first, *others = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert "perf/step_milliseconds" not in first  # warm-up is not measured
    for row in others:
        parts = [row[f"perf/{name}_milliseconds"] for name in ("data", "forward", "backward", "optimizer")]
        assert 0 < min(parts) and sum(parts) <= row["perf/step_milliseconds"] * 1.0001
