"""Signals, closed terminals and pipes that nobody reads: a run loses nothing, and a command ends in a line."""

import contextlib
import errno
import json
import os
import pickle
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, assert_same, run_script
from dlcourse.engine import checkpoint, run_folder
from dlcourse.engine.signals import Interrupted
from dlcourse.engine.standard_streams import Output

TRAIN = [sys.executable, str(ROOT / "scripts" / "train.py"), "device=cpu", "run_dir=run", "runner.num_threads=1"]
ENDLESS = ["runner.max_steps=100000000", "runner.checkpoint_every=100000000", "runner.log_every=1"]
SECONDS = 300  # of a busy machine


def wait_for(condition, process):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_it_trains(folder, process):
    record = folder / "run" / "metrics.jsonl"
    wait_for(lambda: record.exists() and record.stat().st_size > 0, process)


class Terminal:
    """A command in a terminal of its own, as the group that gets what is typed."""

    def __init__(self, command, cwd):
        self.master, slave = pty.openpty()
        login = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = subprocess.Popen([sys.executable, "-c", login, *command], cwd=cwd, **streams)
        os.close(slave)

    def type(self, letters):
        os.write(self.master, letters)

    def end(self):
        """(status, what was shown)."""
        shown = b""
        with contextlib.suppress(OSError):  # the last of its processes has ended
            while part := os.read(self.master, 65536):
                shown += part
        os.close(self.master)
        return self.process.wait(SECONDS), shown.decode(errors="replace")


def assert_goes_on_to_the_bits_of_a_run_left_alone(folder, *options):
    (path,) = run_folder.all_of(folder / "run")
    steps = f"runner.max_steps={run_folder.step_of(path) + 3}"
    again = run_script("train.py", "resume=run", steps, cwd=folder)
    assert again.returncode == 0, again.stderr
    alone = run_script("train.py", "device=cpu", "run_dir=alone", "runner.num_threads=1", steps, *options, cwd=folder)
    assert alone.returncode == 0, alone.stderr
    assert_same(*(checkpoint.Checkpoint.load(run_folder.newest(folder / name)).state for name in ("run", "alone")))
    logged = [json.loads(line)["step"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert logged == list(range(1, run_folder.step_of(path) + 4))


@pytest.mark.long
def test_ctrl_c_in_a_terminal_ends_two_processes_after_their_step(tmp_path):
    terminal = Terminal([*TRAIN, "devices=2", *ENDLESS], tmp_path)
    wait_until_it_trains(tmp_path, terminal.process)
    terminal.type(b"\x03")
    status, shown = terminal.end()
    assert status == 130, shown
    assert shown.count("SIGINT: finishing the step") == 1 and "Traceback" not in shown
    (path,) = run_folder.all_of(tmp_path / "run")
    step = run_folder.step_of(path)
    assert shown.count(f"SIGINT after step {step}: checkpoint written; go on with dlcourse train resume=run") == 1


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("how", ["ctrl-c", "hang up", "SIGTERM"])
def test_a_run_that_was_ended_goes_on_to_the_same_bits(tmp_path, devices, how):
    terminal = Terminal([*TRAIN, f"devices={devices}", *ENDLESS], tmp_path)
    wait_until_it_trains(tmp_path, terminal.process)
    if how == "ctrl-c":
        terminal.type(b"\x03")
    elif how == "hang up":
        os.close(terminal.master)
    else:
        terminal.process.send_signal(signal.SIGTERM)
    signum = {"ctrl-c": signal.SIGINT, "hang up": signal.SIGHUP, "SIGTERM": signal.SIGTERM}[how]
    assert terminal.process.wait(SECONDS) == 128 + signum
    assert_goes_on_to_the_bits_of_a_run_left_alone(tmp_path, f"devices={devices}", "runner.log_every=1")


@pytest.mark.long
def test_a_closed_terminal_ends_a_run_after_its_step(tmp_path):
    terminal = Terminal([*TRAIN, *ENDLESS], tmp_path)
    wait_until_it_trains(tmp_path, terminal.process)
    os.close(terminal.master)
    assert terminal.process.wait(SECONDS) == 128 + signal.SIGHUP
    assert len(run_folder.all_of(tmp_path / "run")) == 1


@pytest.mark.long
def test_a_run_whose_output_nobody_reads_goes_on_to_its_end(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*TRAIN, "runner.max_steps=30"], cwd=tmp_path, stdout=writer, stderr=writer, timeout=SECONDS)
    os.close(writer)
    assert done.returncode == 0
    assert run_folder.step_of(run_folder.newest(tmp_path / "run")) == 30


@pytest.mark.long
@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "| head -1"])
def test_a_command_needs_no_output(tmp_path, closed):
    command = f"{sys.executable} {ROOT / 'scripts' / 'train.py'} --help {closed}; echo ${{PIPESTATUS[0]}} > status"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert (tmp_path / "status").read_text() == "0\n" and done.stderr == ""


def test_a_command_goes_on_if_nobody_reads_what_it_prints():
    reader, writer = os.pipe()
    os.close(reader)
    with Output(writer, "w") as output:
        assert output.write(b"12345") == 5
        assert output.error is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["train", "--cfg", "job"]])
def test_a_full_disk_below_stdout_is_told_in_a_line(words):
    command = [sys.executable, "-m", "dlcourse.cli.main", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, f"error: stdout: {os.strerror(errno.ENOSPC)}\n")


def test_a_command_in_a_folder_that_is_gone_says_so(tmp_path):
    command = f"cd {tmp_path} && rmdir {tmp_path} && {sys.executable} -P -m dlcourse.cli.main train"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: the current folder: {os.strerror(errno.ENOENT)}; if it")
    assert "Traceback" not in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("script", ["compare.py", "train.py"])
def test_ctrl_c_while_a_command_is_loaded_is_told_in_a_line(tmp_path, script):
    (tmp_path / "hydra.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'src'}"}
    command = [sys.executable, str(ROOT / "scripts" / script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_ctrl_c_waits_for_the_end_of_an_import_that_would_catch_it(tmp_path):
    (tmp_path / "half.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(99)]\n"
        "except BaseException: raise SystemExit('swallowed')\n"
        "print('whole')"
    )
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, '.']; from dlcourse.cli import start; start.begin()\n"
        "import half, time; time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (130, "whole\n", "interrupted\n")


def test_a_signal_that_cannot_be_raised_ends_the_command_too(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); from dlcourse.cli import start; start.begin()\n"
        "import os, signal\n"
        "class Part:\n    def __del__(self): os.kill(os.getpid(), signal.SIGTERM); [0 for _ in range(9)]\n"
        "Part(); print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "interrupted\n")


def test_an_interruption_travels_between_processes():

    end = pickle.loads(pickle.dumps(Interrupted(signal.SIGTERM, 7)))
    assert (end.signum, end.step, str(end)) == (signal.SIGTERM, 7, "SIGTERM after step 7")


def start_long_step(folder, seconds):
    """Two processes in a step of so many seconds."""
    command = [sys.executable, str(ROOT / "tests" / "support" / "long_step.py"), str(folder), str(seconds)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (folder / "begun").exists(), process)
    return process


@pytest.mark.slow
def test_a_step_of_forty_seconds_is_waited_for(tmp_path):
    process = start_long_step(tmp_path, 40)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=SECONDS)
    assert "SIGTERM after step 3" in errors
    assert [run_folder.step_of(path) for path in run_folder.all_of(tmp_path)] == [3]


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_step(tmp_path):
    process = start_long_step(tmp_path, 1000)
    process.send_signal(signal.SIGINT)
    while "finishing the step" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode and not run_folder.all_of(tmp_path)


@pytest.mark.slow
def test_processes_whose_launcher_is_killed_leave_a_checkpoint_and_end(tmp_path):
    process = start_long_step(tmp_path, 5)
    process.kill()
    process.communicate(timeout=SECONDS)  # until the last of them has closed stderr
    assert [run_folder.step_of(path) for path in run_folder.all_of(tmp_path)] == [3]
