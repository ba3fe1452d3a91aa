"""Killed at any moment, also in the middle of a write: the same bits in the end, and no more than an interval lost."""

import json
import os
import random
import signal
import time
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from conftest import CONFIGS, assert_same, small_overrides
from dlcourse.cli import train
from dlcourse.engine import checkpoint, run_folder

CHECKPOINT_EVERY = 7
TASKS = {"points": 400, "style_transfer_hq": 60, "stylegan_faces_tiny": 60, "stylegan_faces": 60}  # steps
GROWING = {"stylegan_faces": ["task.growth.stable_images=60", "task.growth.transition_images=60"]}


def config_of(experiment):
    overrides = [
        *small_overrides(experiment, TASKS[experiment]),
        *GROWING.get(experiment, []),
        f"runner.checkpoint_every={CHECKPOINT_EVERY}",
        "runner.evaluate_every=20",
        "runner.visualize_every=25",
        "runner.num_threads=1",
    ]
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        return OmegaConf.to_container(hydra.compose("train", overrides))


def start(run_dir, config):
    """A process that goes on with a run as scripts/train.py does; forked, so that it need not load torch."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        fsync = os.fsync
        os.fsync = lambda handle: (time.sleep(0.02), fsync(handle))  # so that a write is met now and then
        train.train_in(run_dir, OmegaConf.create(config))
        status = 0
    finally:
        os._exit(status)


def wait_for_write(folder: Path, child: int) -> None:
    """Until the child writes a checkpoint, or ends."""
    is_running = lambda: os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    while not any(folder.glob(".*.tmp")) and is_running():
        pass


def last_step(run_dir):
    """The last step that the record tells of."""
    path = run_dir / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    whole = [line for line in lines if line.endswith("}")]
    return json.loads(whole[-1])["step"] if whole else 0


def kill_often(run_dir, config, kills, seconds, dice):
    """Start the run and kill it, so often or until it has come to its end; (kills, those in a write)."""
    in_write = 0
    for kill in range(kills):
        child = start(run_dir, config)
        time.sleep(dice.uniform(0, seconds))
        if kill % 2:
            wait_for_write(run_dir / "checkpoints", child)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return kill, in_write
        in_write += any((run_dir / "checkpoints").glob(".*.tmp"))
        found = checkpoint.load_newest(run_dir)
        lost = last_step(run_dir) - (found.step if found else 0)
        assert lost <= CHECKPOINT_EVERY
    return kills, in_write


def prove(experiment, tmp_path, kills):
    config, dice, killed, in_write = config_of(experiment), random.Random(experiment), 0, 0
    begin = time.monotonic()
    assert os.waitpid(start(tmp_path / "straight", config), 0)[1] == 0
    seconds = time.monotonic() - begin
    straight = checkpoint.Checkpoint.load(run_folder.newest(tmp_path / "straight"))
    assert straight.step == TASKS[experiment]
    runs = 0
    while killed < kills:
        run_dir = tmp_path / f"killed{runs}"
        more, more_in_write = kill_often(run_dir, config, kills - killed, seconds / 3, dice)
        runs, killed, in_write = runs + 1, killed + more, in_write + more_in_write
        assert os.waitpid(start(run_dir, config), 0)[1] == 0
        assert_same(straight.state, checkpoint.Checkpoint.load(run_folder.newest(run_dir)).state)
        rows = [json.loads(line)["step"] for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
        assert rows == list(range(1, TASKS[experiment] + 1))
    print(f"{experiment}: {killed} kills in {runs} runs, {in_write} of them in a write")
    return in_write


@pytest.mark.long
def test_a_few_kills_of_a_classifier(tmp_path):
    prove("points", tmp_path, 3)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", TASKS)
def test_fifty_kills(experiment, tmp_path):
    assert prove(experiment, tmp_path, 50) > 0
