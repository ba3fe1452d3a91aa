"""Where the time of a step goes: the profile, and that it costs nothing while nobody looks."""

import contextlib
import json
import re

import pytest
import torch

from conftest import compose, small_overrides
from dlcourse.engine import profiling
from dlcourse.engine.build import build
from dlcourse.engine.profiling import span


def test_while_nobody_looks_a_span_is_nothing():
    assert isinstance(span("forward"), contextlib.nullcontext)


def train(run_dir, experiment, max_steps, *overrides):
    config = compose(*small_overrides(experiment, max_steps), "device=cpu", *overrides)
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    runner.prepare(task)
    runner.train(task, run_dir, config)


@pytest.mark.long
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
    heading, operations, of_parts = (tmp_path / "profile" / "operations.txt").read_text().split("\n\n")
    rows = operations.splitlines()[1:]
    assert heading.startswith("steps 2 to 6 of this start: ")
    assert len(rows) == 10
    shares = [float(re.match(r" *([\d.]+)%", row)[1]) for row in rows]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.5
    names = {row.split()[-1] for row in rows}
    assert any(name.startswith("aten::") for name in names) and not names & parts
    times = {row.split()[-1]: float(row.split()[0]) for row in of_parts.splitlines()[1:]}
    assert parts <= times.keys() and times["step"] > times["forward"] > 0
    assert f"{tmp_path / 'profile'}: trace.json" in capsys.readouterr().err


def test_a_run_that_ends_early_still_writes_what_was_recorded(tmp_path):
    train(tmp_path, "points", 3, "runner.profile=true")
    assert "steps 1 to 3 " in (tmp_path / "profile" / "operations.txt").read_text()


def test_without_the_key_there_is_no_profile(tmp_path):
    train(tmp_path, "points", 3)
    assert not (tmp_path / "profile").exists()
