"""Two processes under gloo train what one trains on the whole minibatch."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from conftest import ROOT, assert_same, run_script

OPTIONS = [
    "experiment=stylegan_faces",
    "dataset.num_images=100",
    "dataset.resolution=16",
    "task.growth.training_images=32",
    "task.growth.fading_images=32",
    "task.growth.batch_size=16",
    "task.growth.batch_sizes=null",
    "model.channel_max=16",
    "loss.penalty_every=2",
    "runner.log_every=1",
    "runner.num_threads=1",
]
# what scripts/train.py does, but every process leaves its own state behind
DUMP = """
import sys, torch
from pathlib import Path
sys.path.insert(0, "tests")
from conftest import compose
from dlcourse import processes
from dlcourse.build import build
with processes.joined():
    config = compose(*sys.argv[2:])
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    folder = Path(sys.argv[1])
    step = runner.setup(task, folder / "run", config)
    first = runner.step(task, 0)
    descents = {"d": task.d_descent, "g": task.g_descent}
    gradients = {name: [parameter.grad for parameter in part.parameters] for name, part in descents.items()}
    runner.train(task, folder / "run", config, 1)
    state = {name: part.state_dict() for name, part in task.state().items()}
    torch.save(gradients | {"state": state}, folder / f"rank{processes.rank()}.pt")
"""


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(count, folder, options):
    """Start `count` processes as torchrun would, and wait for them."""
    folder.mkdir()
    port = free_port()
    running = []
    for rank in range(count):
        joined = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1"}
        environment = {name: str(value) for name, value in (joined | {"MASTER_PORT": port}).items()}
        command = [sys.executable, "-c", DUMP, str(folder), *options]
        running.append(subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE))
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(count)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    options = [*OPTIONS, "runner.max_steps=4"]
    (alone,) = start(1, folder / "one", options)
    return alone, start(2, folder / "two", options), folder


def test_gradients_are_those_of_the_joint_minibatch(trained):
    alone, (first, _), _ = trained
    for network in ("d", "g"):
        one, other = alone[network], first[network]
        assert [gradient is None for gradient in one] == [gradient is None for gradient in other]
        whole, joint = (torch.cat([part.flatten() for part in found if part is not None]) for found in (one, other))
        assert (whole - joint).norm() <= 1e-6 * whole.norm()


def test_every_rank_holds_the_same_bits(trained):
    _, (first, second), _ = trained
    assert_same(first["state"], second["state"])


def test_losses_are_those_of_one_process(trained):
    """Adam without momentum moves by the sign of tiny gradients too: rounding grows a thousandfold in a few steps."""
    *_, folder = trained
    rows = [
        [json.loads(line) for line in (folder / name / "run/metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert len(rows[0]) == len(rows[1]) == 3
    for one, two in zip(*rows, strict=True):
        for tag in ("gan/d_loss", "gan/g_loss", "gan/penalty", "gan/real_score", "gan/fake_score", "progress/lod"):
            assert two[tag] == pytest.approx(one[tag], rel=5e-3, abs=1e-4), (one["step"], tag)


def test_one_of_them_keeps_the_record(trained):
    *_, folder = trained
    run = folder / "two" / "run"
    assert len(list(run.glob("events.*"))) == 1
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step_0000004.pt"]


def test_torchrun_needs_a_run_folder_that_all_share(tmp_path):
    environment = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    environment["MASTER_PORT"] = str(free_port())
    command = [sys.executable, str(ROOT / "scripts/train.py"), *OPTIONS]
    processes = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | environment | {"RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "error: several processes share one run folder: give run_dir=PATH, or resume=RUN" in errors
    assert not list(tmp_path.iterdir())


def test_a_minibatch_that_the_processes_cannot_divide_is_told(tmp_path):
    result = run_script("train.py", *OPTIONS, "task.accumulate=3", cwd=tmp_path)
    assert result.returncode == 1
    assert "a minibatch of 16 images cannot be divided into 3 equal parts" in result.stderr
