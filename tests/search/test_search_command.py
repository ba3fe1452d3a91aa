"""scripts/search.py and sweeps in parallel, as people type them."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import optuna
import pytest
import yaml
from PIL import Image

from conftest import ROOT, run_script

LR = "optimizer.lr=tag(log,interval(1e-4,1e-1))"
SHORT = ["runner.max_steps=60", "runner.log_every=10", "runner.evaluate_every=20"]


def rows_of(folder):
    with (folder / "trials.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def metrics_of(run_dir):
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [{tag: value for tag, value in row.items() if not tag.startswith("perf/")} for row in rows]


@pytest.mark.long
def test_six_random_trials_are_runs_of_their_own(tmp_path):
    words = [LR, "model.hidden=[4],[10,10]", *SHORT, "seed=3"]
    options = ["search.trials=6", "search.sampler=random", "search.study=mine"]
    done = run_script("search.py", *words, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "search" / "mine"
    assert {path.name for path in folder.iterdir()} == {
        "search.png",
        "trials.csv",
        *(f"trial_{number:04}" for number in range(6)),
    }
    heading, *table, plot, spreadsheet = done.stdout.splitlines()
    assert heading.split() == ["trial", "dev/loss", "optimizer.lr", "model.hidden", "state"] and len(table) == 6
    assert (plot, spreadsheet) == ("runs/search/mine/search.png", "runs/search/mine/trials.csv")
    with Image.open(folder / "search.png") as image:
        assert image.format == "PNG" and image.size[0] == 800
    rows = rows_of(folder)
    assert [row["state"] for row in rows] == ["complete"] * 6 and len({row["optimizer.lr"] for row in rows}) == 6
    values = [f"{key}={rows[2][key]}" for key in ("optimizer.lr", "model.hidden")]
    alone = run_script("train.py", *values, *SHORT, "seed=3", "run_dir=alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    assert metrics_of(tmp_path / "alone") == metrics_of(folder / "trial_0002")
    assert metrics_of(tmp_path / "alone")[-1]["dev/loss"] == float(rows[2]["dev/loss"])
    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in (tmp_path / "alone", folder / "trial_0002")]
    of_each = {"run_dir": None, "overrides": None}  # which name the folder, in another order
    assert configs[0] | of_each == configs[1] | of_each
    longer = run_script("train.py", "resume=runs/search/mine/trial_0002", "runner.max_steps=70", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    again = run_script("search.py", *words, *options, cwd=tmp_path)
    assert again.returncode == 1 and "runs/search/mine is not empty, but the study is new" in again.stderr


@pytest.mark.slow
def test_failing_trials_are_in_the_table(tmp_path):
    words = ["task.batch_size=50,0", *SHORT, "search.trials=4", "search.sampler=random", "search.study=s"]
    done = run_script("search.py", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "runs" / "search" / "s")
    failed = [row for row in rows if row["state"] == "failed"]
    assert len(rows) - len(failed) == 4 and failed
    assert all(row["task.batch_size"] == "0" and "batch_size must be at least 1" in row["error"] for row in failed)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search.trials=2"], ["there is nothing to search", "optimizer=adam,sgd"]),
        ([LR, *SHORT, "search.metric=dev/los"], ["search.metric=dev/los", "train/loss", "dev/loss"]),
        (["optimizer.lrr=interval(0,1)"], ["optimizer.lrr: no such key; did you mean optimizer.lr?"]),
        (
            ["optimizer=adam,nope", *SHORT, "search.max_failures=1"],
            ["1 trials failed", "optimizer=nope: no such choice"],
        ),
        ([LR, "search.sampler=grids"], ["search.sampler must be one of grid, random, tpe, got 'grids'"]),
        ([LR, "search.sampler=grid"], ["search.sampler=grid needs values", "give optimizer.lr a list, a,b,c, or a"]),
        ([LR, "search.trails=3"], ["search.trails: no such key; did you mean search.trials?"]),
        ([LR, "resume=run"], ["resume and run_dir are of one run"]),
    ],
    ids=lambda value: value[-1],
)
def test_a_mistake_ends_in_a_line(arguments, words, tmp_path):
    done = run_script("search.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    for word in words:
        assert word in last


def start(tmp_path, log, *words):
    command = [sys.executable, str(ROOT / "scripts" / "search.py"), *words]
    with (tmp_path / log).open("w") as file:
        return subprocess.Popen(command, cwd=tmp_path, stdout=file, stderr=file, env=os.environ)


def wait_for_trials(process, tmp_path, log, count):
    """Until a process has begun so many trials, and is in the last of them."""
    deadline = time.monotonic() + 240
    while (tmp_path / log).read_text().count("steps on") < count:
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / log).read_text()
        time.sleep(0.02)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path):
    words = [LR, "search.storage=sqlite:///search.db", "search.study=s", "search.trials=4", "runner.max_steps=1000"]
    process = start(tmp_path, "log", *words)
    wait_for_trials(process, tmp_path, "log", 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    last = (tmp_path / "log").read_text().strip().splitlines()[-1]
    assert last == "interrupted; the same command goes on; the runs are in runs/search/s"
    done = run_script("search.py", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    states = [row["state"] for row in rows_of(tmp_path / "runs" / "search" / "s")]
    assert states.count("complete") == 4 and states.count("failed") == 1


@pytest.mark.slow
def test_thirty_trials_by_two_processes_of_which_one_is_killed(tmp_path):
    words = [LR, "optimizer=adam,sgd", "model.hidden=[4],[10,10],[20,20]", "runner.max_steps=1000", *SHORT[1:]]
    words += ["search.storage=sqlite:///search.db", "search.study=s", "search.trials=30", "search.grace_period=6"]
    victim, survivor = (start(tmp_path, log, *words) for log in ("victim", "survivor"))
    wait_for_trials(victim, tmp_path, "victim", 8)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/search.db")
    before = [trial.state.name for trial in study.trials]
    assert before.count("COMPLETE") < 30 and "RUNNING" in before
    assert survivor.wait(timeout=300) == 0, (tmp_path / "survivor").read_text()
    states = [trial.state.name for trial in study.trials]
    print(f"\nat the kill {before.count('COMPLETE')} complete, {before.count('RUNNING')} running; in the end", states)
    assert states.count("COMPLETE") == 30 and states.count("FAIL") == 1 and len(states) == 31
    rows = rows_of(tmp_path / "runs" / "search" / "s")
    assert [row["error"] for row in rows if row["state"] == "failed"] == ["interrupted"]
    assert len({row["optimizer.lr"] for row in rows}) == 31
    assert all((tmp_path / f"runs/search/s/trial_{number:04}/config.yaml").exists() for number in range(31))
    with Image.open(tmp_path / "runs" / "search" / "s" / "search.png") as image:
        assert image.format == "PNG"


joblib = pytest.mark.skipif(importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher") is None, reason="no plugin")


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher", [[], pytest.param(["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], marks=joblib)]
)
def test_a_failing_run_of_a_sweep_leaves_the_others_alone(launcher, tmp_path):
    done = run_script("train.py", "-m", *launcher, "optimizer.lr=-1,1e-2,1e-3", "runner.max_steps=5", cwd=tmp_path)
    assert done.returncode == 1
    first, *_, last = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert first.startswith("error in run 0 (optimizer.lr=-1") and "Invalid learning rate: -1" in first
    assert last.startswith("error: not all runs of the sweep succeeded; run 0 did not: task.optimizer")
    (sweep,) = (tmp_path / "runs" / "points").iterdir()
    names = sorted(path.name for path in sweep.iterdir() if path.is_dir())
    assert [name[:17] for name in names] == ["1_optimizer.lr=0.", "2_optimizer.lr=0."]
    for name in names:
        assert (sweep / name / "checkpoints" / "step_0000005.pt").exists()
        assert metrics_of(sweep / name)[-1]["step"] == 5


@joblib
@pytest.mark.slow
def test_parallel_runs_do_not_collide_and_equal_those_one_after_another(tmp_path):
    found = []
    for launcher in ([], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]):
        words = ["seed=0,1,2", "runner.max_steps=30", "runner.log_every=10", *launcher]
        cwd = tmp_path / str(len(found))
        cwd.mkdir()
        done = run_script("train.py", "-m", *words, cwd=cwd)
        assert done.returncode == 0, done.stderr
        runs = sorted(path.parent for path in cwd.rglob("metrics.jsonl"))
        found.append([(run.name, metrics_of(run)) for run in runs])
    assert [name for name, _ in found[1]] == [
        f"{seed}_runner.log_every=10,runner.max_steps=30,seed={seed}" for seed in range(3)
    ]
    assert found[0] == found[1]
