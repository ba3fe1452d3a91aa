import os
import subprocess
import sys
import threading

import pytest

from dlcourse.engine import spin_wait

PROGRAM = """
import os, subprocess, sys, threading, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import torch
from dlcourse.engine import spin_wait

def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        yield

def more_threads(number):
    return lambda: len(os.listdir("/proc/self/task")) == alone + number

def asleep(number):
    return lambda: sum(thread.name == "asleep" for thread in threading.enumerate()) == number

torch.set_num_threads(2)
ones = torch.ones(2**20).mul_(1)
alone = len(os.listdir("/proc/self/task"))
teams = spin_wait.SleepingTeams()
for size, condition in [(2, more_threads(2)), (1, more_threads(0))]:
    teams.resize(size)
    for _ in until(condition):
        time.sleep(0.01)
torch.set_num_threads(1)
spin_wait.watch()
torch.set_num_threads(2)  # as a run does when it is prepared
busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
try:
    for _ in until(asleep(1)):
        ones.mul_(1)
finally:
    for process in busy:
        process.kill()
for _ in until(asleep(0)):
    time.sleep(0.1)  # a process that rests waits for no core
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="on one core libgomp's threads sleep soon by themselves")
def test_a_team_sleeps_beside_the_one_that_computes_while_other_processes_want_the_cores():
    environment = {"PYTHONPATH": ":".join(sys.path)}
    found = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_says_of_waiting_threads_counts(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    spin_wait.watch()
    assert "spin_wait" not in [thread.name for thread in threading.enumerate()]


def test_enough_teams_sleep_where_a_core_has_two_hardware_threads(monkeypatch):
    """libgomp compares the number of all threads with the number of the system's processors."""
    started: list[threading.Thread] = []
    monkeypatch.setattr(spin_wait.os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    spin_wait.SleepingTeams().resize(8)
    assert 8 + 7 * len(started) > 16 >= 8 + 7 * (len(started) - 1)
