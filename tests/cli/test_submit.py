"""A job of a cluster, tried with submitit's own executor on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, run_script
from dlcourse.engine import run_folder

pytest.importorskip("submitit")


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def process_of(words):
    found = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else None


@pytest.mark.slow
def test_a_preempted_job_goes_on_where_it_was(tmp_path):
    run_dir, jobs = tmp_path / "run", tmp_path / "run.jobs"
    options = ["--cluster", "local", "--run-dir", str(run_dir), "--hours", "0.1"]
    command = [sys.executable, str(ROOT / "scripts" / "submit.py"), *options, "runner.max_steps=100000000"]
    with (tmp_path / "words").open("w") as words:  # a pipe would stay open as long as the job runs
        subprocess.run([*command, "runner.log_every=10"], cwd=tmp_path, stdout=words, check=True, timeout=60)
    assert str(run_dir) in (tmp_path / "words").read_text()
    record = run_dir / "metrics.jsonl"
    wait_for(lambda: record.exists() and record.stat().st_size)
    os.kill(process_of(f"submitit.core._submit {jobs}"), signal.SIGUSR2)  # what SLURM sends through submitit
    again = wait_for(lambda: process_of(f"train resume={run_dir}"))
    (saved,) = run_folder.all_of(run_dir)
    size = record.stat().st_size
    wait_for(lambda: record.stat().st_size > size)
    os.kill(again, signal.SIGTERM)
    wait_for(lambda: process_of(str(jobs)) is None)
    assert run_folder.newest(run_dir) > saved
    assert f"SIGTERM after step {run_folder.step_of(saved)}" in next(jobs.glob("*_log.err")).read_text()


@pytest.mark.parametrize("word", ["experiment", "run_dir=run", "--nonsense"])
def test_words_that_are_not_for_the_run_are_refused(tmp_path, word):
    done = run_script("submit.py", "--cluster", "local", "seed=1", word, cwd=tmp_path)
    assert done.returncode == 1 and word in done.stderr and not list(Path(tmp_path).iterdir())
