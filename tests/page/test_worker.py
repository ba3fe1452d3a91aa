"""The process that does jobs: events, orders, failures, and that it never outlives anybody."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import page_jobs
from conftest import ROOT
from dlcourse.errors import UserError
from dlcourse.page import worker as module
from dlcourse.page.worker import Worker


@pytest.fixture(scope="module")
def worker():
    made = Worker()
    made.start()
    yield made
    made.close(0)


def events_of(worker, job, **arguments):
    return [event for event in worker.events(job, **arguments) if event]


def is_alive(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_job_reports_and_ends(worker):
    assert events_of(worker, page_jobs.count_to, number=3) == [{"step": 1}, {"step": 2}, {"step": 3}]


def test_one_process_does_one_job_after_the_other(worker):
    pids = {events_of(worker, page_jobs.tell_pid)[0]["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_failures_are_told(worker):
    with pytest.raises(UserError, match=r"content=x\.png: no such file"):
        events_of(worker, page_jobs.fail)
    with pytest.raises(UserError, match="an error of the program: RuntimeError: oh"):
        events_of(worker, page_jobs.break_down)
    with pytest.raises(UserError, match="process of this job has ended"):
        events_of(worker, page_jobs.die)
    assert events_of(worker, page_jobs.count_to, number=1) == [{"step": 1}]  # in a new process


def test_pause_step_play_and_settings(worker):
    events = worker.events(page_jobs.count_to, number=10_000)
    first = next(event for event in events if event)
    worker.order("pause")
    seen = [first["step"]]
    while (event := next(events)) is not None:  # until HEARTBEAT passes without an event
        seen.append(event["step"])
    worker.order("step")
    assert next(event for event in events if event)["step"] == seen[-1] + 1
    assert next(events) is None
    worker.order({"lr": 2})
    worker.order("play")
    assert next(event for event in events if event) == {"step": seen[-1] + 2, "lr": 2}
    worker.order("stop")
    rest = [event for event in events if event]
    assert "stopped" in rest[-1]


def test_closing_the_events_stops_the_job(worker):
    events = worker.events(page_jobs.count_to, number=10_000)
    assert next(event for event in events if event) == {"step": 1}
    events.close()
    assert events_of(worker, page_jobs.count_to, number=1) == [{"step": 1}]


def test_a_job_that_does_not_end_is_killed(worker, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    events = worker.events(page_jobs.ignore_orders)
    pid = next(event for event in events if event)["pid"]
    begin = time.monotonic()
    events.close()
    assert time.monotonic() - begin < 5 and not is_alive(pid)


def test_a_second_job_is_refused(worker, monkeypatch):
    monkeypatch.setattr(module, "WAIT", 0.2)
    events = worker.events(page_jobs.count_to, number=10_000)
    next(events)
    with pytest.raises(UserError, match="one job at a time"):
        next(worker.events(page_jobs.count_to, number=1))
    events.close()


PARENT = """
import sys, page_jobs
from dlcourse.page.worker import Worker
if __name__ == "__main__":
    events = Worker().events(page_jobs.ignore_orders)
    print(next(event for event in events if event)["pid"], flush=True)
    sys.stdin.read()
"""


def test_the_process_ends_with_its_parent(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests' / 'support'}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    parent = subprocess.Popen([sys.executable, "-P", tmp_path / "parent.py"], env=environ, text=True, **pipes)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(pid)
