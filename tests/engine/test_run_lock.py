"""One command at a time works in a run folder, and none leaves an empty one."""

import shutil

import hydra
import pytest

from conftest import CONFIGS
from dlcourse.cli import train
from dlcourse.engine import run_lock
from dlcourse.engine.run_lock import locked
from dlcourse.errors import UserError


def test_a_folder_in_which_nothing_was_put_goes_with_the_parents_that_were_made(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="no"), locked(tmp_path / "runs" / "points" / "now"):
        assert (tmp_path / "runs" / "points" / "now").is_dir()
        raise UserError("no")
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"] and not list((tmp_path / "runs").iterdir())


def test_a_folder_that_was_there_or_holds_something_stays(tmp_path):
    (tmp_path / "old").mkdir()
    with locked(tmp_path / "old"):
        pass
    with locked(tmp_path / "new"):
        (tmp_path / "new" / "config.yaml").touch()
    assert (tmp_path / "old").is_dir() and (tmp_path / "new" / "config.yaml").exists()


def test_a_second_command_is_refused_and_the_next_one_not(tmp_path):
    with (
        locked(tmp_path / "run"),
        pytest.raises(UserError, match="another process trains there"),
        locked(tmp_path / "run"),
    ):
        pytest.fail("both hold it")
    with locked(tmp_path / "run"):
        pass


def test_a_folder_that_was_removed_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    lock, removed = run_lock.lock, []

    def late(handle, run_dir):
        if not removed:
            run_dir.rmdir()  # as a command does that failed
            removed.append(run_dir)
        lock(handle, run_dir)

    monkeypatch.setattr(run_lock, "lock", late)
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "config.yaml").touch()
    assert removed


def test_a_folder_that_somebody_deletes_is_told(tmp_path):
    with (
        pytest.raises(UserError, match="run: somebody moved or deleted this folder while it was written to"),
        locked(tmp_path / "run"),
    ):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run" / "events").touch()


def test_a_run_that_another_command_put_there_in_between_is_not_gone_on_with(tmp_path, monkeypatch):
    """Stopped before it holds the folder, it looks at it afterwards."""
    open_and_lock = run_lock.open_and_lock

    def late(run_dir):
        (run_dir / "checkpoints").mkdir(parents=True)
        return open_and_lock(run_dir)

    monkeypatch.setattr(run_lock, "open_and_lock", late)
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("train", [f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(UserError, match=r"run is not empty; go on there with resume="):
        train.train(cfg)
