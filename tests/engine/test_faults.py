"""What may happen to a run that is left alone over a weekend."""

import errno
import os
import signal
import subprocess

import pytest
import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bowl import CONFIG, NoisyBowl, is_complete, resume, rows, train
from conftest import assert_same, run_script
from dlcourse.cli import memory_told, run_folders
from dlcourse.engine import run_folder, runner
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.logger import RunLogger, best_row
from dlcourse.errors import UserError


class Breaking(NoisyBowl):
    """NoisyBowl whose loss is no number in some updates."""

    def __init__(self, *broken):
        self.broken = broken

    def step(self):
        if self.descent.updates in self.broken:
            terms = self.descent.step(lambda: {"loss": self.model.weight.sum() * float("nan")})
            return {"train/loss": terms["loss"]}
        return super().step()


class Signalling(NoisyBowl):
    """NoisyBowl that is sent a signal in its fourth step."""

    def step(self):
        if self.descent.updates == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().step()


def states(*run_dirs):
    return [Checkpoint.load(run_folder.newest(run_dir)).state for run_dir in run_dirs]


def test_a_run_that_was_asked_to_end_goes_on_to_the_same_bits(tmp_path):
    train(tmp_path / "straight")
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM after step 4"):
        train(tmp_path / "stopped", task=Signalling(), checkpoint_every=100)
    assert signal.getsignal(signal.SIGTERM) == handler
    assert [path.name for path in run_folder.all_of(tmp_path / "stopped")] == ["step_0000004.pt"]
    train(tmp_path / "stopped")
    assert_same(*states(tmp_path / "straight", tmp_path / "stopped"))


def test_a_run_asked_to_end_while_its_record_is_opened_ends_after_a_step(tmp_path, monkeypatch):
    class Signalling(RunLogger):
        def __init__(self, *about):
            super().__init__(*about)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(runner, "RunLogger", Signalling)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM after step 1"):
        train(tmp_path, checkpoint_every=100)
    assert [path.name for path in run_folder.all_of(tmp_path)] == ["step_0000001.pt"]


def test_a_signal_in_the_last_step_ends_what_would_follow_the_run(tmp_path):
    with pytest.raises(KeyboardInterrupt, match="SIGTERM after step 4"):
        train(tmp_path, max_steps=4, task=Signalling())
    assert is_complete(tmp_path, max_steps=4)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert "_hparams_/session_start_info" in events.summary_metadata  # whole, as without the signal


def test_ctrl_c_names_a_way_on_that_there_is(tmp_path, capsys):
    def told():
        with pytest.raises(SystemExit, match="130"), run_folders.end_told(tmp_path, OmegaConf.create({})):
            raise KeyboardInterrupt
        return capsys.readouterr().err

    assert told() == "interrupted\n"  # while the networks were built
    run_folders.record_config(OmegaConf.create(CONFIG), tmp_path)
    assert (
        told() == f"interrupted, without a checkpoint of the last steps; go on with dlcourse train resume={tmp_path}\n"
    )


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_newest_checkpoint_cut_short_is_passed_over(tmp_path, kept, caplog):
    for name in ("straight", "cut"):
        train(tmp_path / name)
    newest = run_folder.newest(tmp_path / "cut")
    whole = newest.read_bytes()
    newest.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    assert run_folder.newest(tmp_path / "cut").name == "step_0000006.pt"
    assert not is_complete(tmp_path / "cut")
    train(tmp_path / "cut")
    assert "step_0000007.pt: not a whole checkpoint" in caplog.text and "going on from the one before" in caplog.text
    assert_same(*states(tmp_path / "straight", tmp_path / "cut"))
    assert newest.with_name("step_0000007.pt.broken").exists()
    for path in run_folder.all_of(tmp_path / "cut"):
        path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"step_0000006\.pt: not a whole checkpoint"):
        resume(tmp_path / "cut")


def test_what_a_killed_write_leaves_is_swept_up(tmp_path):
    train(tmp_path, max_steps=4)
    left = tmp_path / "checkpoints" / ".step_0000006.pt.123.tmp"
    left.write_bytes(b"half")
    train(tmp_path)
    assert not left.exists()


def test_the_best_stays_however_long_ago_it_was(tmp_path):
    class Rising(NoisyBowl):
        def evaluate(self):
            return {"dev/loss": abs(self.descent.updates - 3) + 1.0}

    train(tmp_path, task=Rising(), evaluate_every=1, keep_checkpoints=1, keep_best="dev/loss", max_steps=5)
    assert Checkpoint.load(tmp_path / "checkpoints" / "best.pt").step == 3
    train(tmp_path, task=Rising(), evaluate_every=1, keep_checkpoints=1, keep_best="dev/loss", max_steps=8)
    assert Checkpoint.load(tmp_path / "checkpoints" / "best.pt").step == 3  # the record remembers how good it was
    assert [path.name for path in run_folder.all_of(tmp_path)] == ["step_0000008.pt"]


def test_a_best_from_after_the_checkpoint_that_a_run_goes_on_from_is_not_the_resumed_runs(tmp_path):
    class Measured(NoisyBowl):
        def __init__(self, *losses):
            self.losses = losses

        def evaluate(self):
            return {"dev/loss": self.losses[self.descent.updates - 1]}

    options = {"evaluate_every": 1, "log_every": 1, "checkpoint_every": 2, "keep_best": "dev/loss", "max_steps": 5}
    with pytest.raises(IndexError):  # in step 4
        train(tmp_path, task=Measured(4.0, 3.0, 1.0), **options)
    assert best_row(tmp_path, "dev/loss") == (1.0, 3) and run_folder.newest(tmp_path).stem == "step_0000002"
    train(tmp_path, task=Measured(9.0, 9.0, 7.0, 6.0, 8.0), **options)  # with other settings, from step 2
    assert [row["dev/loss"] for row in rows(tmp_path)] == [4.0, 3.0, 7.0, 6.0, 8.0]
    assert best_row(tmp_path, "dev/loss") == (6.0, 4)  # the weights of 3.0 were replaced by those of 1.0


def test_a_loss_that_is_no_number_now_and_then_is_survived(tmp_path, caplog):
    train(tmp_path, task=Breaking(2, 3), log_every=1)
    assert [row["train/loss"] is None for row in rows(tmp_path)] == [False, False, True, True, False, False, False]
    assert "update 3: loss is nan; skipped" in caplog.text
    state = Checkpoint.load(run_folder.newest(tmp_path)).state
    assert state["descent"]["skipped"] == 2 and state["model"]["weight"].isfinite().all()


def test_a_loss_that_stays_no_number_ends_the_run_before_its_checkpoints_are_bad(tmp_path):
    with pytest.raises(UserError, match="update 15: loss is nan, 10 times in a row"):
        train(tmp_path, task=Breaking(*range(5, 100)), max_steps=100)
    state = Checkpoint.load(run_folder.newest(tmp_path)).state
    assert state["model"]["weight"].isfinite().all()


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_last_one_stays(tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 2:  # a file and its folder for each checkpoint
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=r"step_0000004\.pt: cannot be written \(No space left on device\)"):
        train(tmp_path)
    folder = tmp_path / "checkpoints"
    assert [path.name for path in folder.iterdir()] == ["step_0000002.pt"]
    assert Checkpoint.load(run_folder.newest(tmp_path)).step == 2


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.long
def test_a_full_disk_ends_a_run_in_a_line_and_loses_nothing(small_disk):
    options = ["model.hidden=[192,192]", "runner.max_steps=1000", "runner.checkpoint_every=20", "runner.log_every=5"]
    done = run_script("train.py", "run_dir=run", *options, cwd=small_disk)
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert "No space left on device" in last_line and "go on with dlcourse train resume=run" in last_line
    assert "Traceback" not in done.stderr
    step = Checkpoint.load(run_folder.newest(small_disk / "run")).step
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = run_script("train.py", "resume=run", f"runner.max_steps={step + 20}", cwd=small_disk)
    assert again.returncode == 0 and f"run: continuing from step {step}: 20 steps" in again.stderr, again.stderr


def test_a_disk_that_cannot_be_written_is_told(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = run_script("train.py", "run_dir=run", "runner.max_steps=2", cwd=small_disk)
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line == "error: run: Read-only file system; free disk space or change permissions, then start again"


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    done = run_script("train.py", "runner.max_steps=2", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "runs" in done.stderr.strip().splitlines()[-1]


def test_no_memory_names_what_helps(tmp_path):
    done = run_script("train.py", "model.hidden=[3000000,3000000]", "runner.max_steps=2", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "out of memory" in done.stderr and "; start again" in done.stderr
    assert "less is needed with precision=bf16 (on a GPU) or a smaller task.batch_size;" in done.stderr
    assert torch.cuda.is_available() or not (tmp_path / "runs").exists()


def test_a_lack_of_memory_is_told_by_any_command_and_nothing_else_is_taken_for_one():
    @memory_told.memory_told("fewer images")
    def ask(numbers):
        return torch.empty(numbers)

    assert ask((2, 3)).shape == (2, 3)
    for numbers in ((10**15,), (2**61, 4)):  # more than there is, and more than can be said
        with pytest.raises(UserError, match=r"^out of memory \(.+\); less is needed with fewer images$") as caught:
            ask(numbers)
        assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="negative dimension"):
        ask((-1,))
    with pytest.raises(UserError, match="^out of memory"), memory_told.memory_told("less"):
        raise MemoryError("Unable to allocate 3 TiB")
