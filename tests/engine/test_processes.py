"""Two processes under gloo train what one trains on the whole minibatch."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conftest import ROOT, assert_same, run_script, small_overrides
from dlcourse.engine import checkpoint, distributed, run_folder
from dlcourse.errors import UserError
from warm import warm

STYLEGAN = [
    "experiment=stylegan_faces",
    "dataset.num_images=100",
    "dataset.texture=0",
    "dataset.resolution=16",
    "task.growth.stable_images=32",
    "task.growth.transition_images=32",
    "task.growth.batch_size=16",
    "task.growth.batch_sizes=null",
    "model.channel_max=16",
    "loss.d_reg_interval=2",
]
# 400 samples in batches of 75: 75 cannot be halved, and the last one has 25
CLASSIFIER = ["experiment=points", "task.batch_size=75", "task.l2=0.01"]
TASKS = {
    "stylegan": STYLEGAN,
    "classifier": CLASSIFIER,
    "classifier with L-BFGS": [*CLASSIFIER, "optimizer=lbfgs", "task.batch_size=null"],
    "style transfer": small_overrides("style_transfer_hq", 4),
}
COMMON = ["device=cpu", "runner.log_every=1", "runner.num_threads=1", "runner.max_steps=4"]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(count, folder, options):
    """Start `count` processes as torchrun would, and wait for them."""
    folder.mkdir()
    port = free_port()
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    words = ["tests/support/joined_process.py", str(folder), *options]
    running = [warm().start(words, ROOT, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(count)]
    for process in running:
        done = process.wait()
        assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(count)]


SLOW = {"classifier with L-BFGS", "style transfer"}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in TASKS]
)
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    options = [*TASKS[request.param], *COMMON]
    (alone,) = start(1, folder / "one", options)
    return alone, start(2, folder / "two", options), folder


@pytest.mark.long
def test_gradients_are_those_of_the_joint_minibatch(trained):
    alone, (first, _), _ = trained
    assert alone["gradients"]
    for descent, one in alone["gradients"].items():
        other = first["gradients"][descent]
        assert [gradient is None for gradient in one] == [gradient is None for gradient in other]
        whole, joint = (torch.cat([part.flatten() for part in found if part is not None]) for found in (one, other))
        assert (whole - joint).norm() <= 1e-6 * whole.norm()


@pytest.mark.long
def test_every_rank_holds_the_same_bits(trained):
    _, (first, second), _ = trained
    assert_same(first["state"], second["state"])


def rows_of(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def assert_same_losses(one, two, tolerance):
    assert len(one) == len(two)
    for row, other in zip(one, two, strict=True):
        assert row["step"] == other["step"]
        for tag in row.keys() - {"perf/steps_per_second", "perf/peak_gib"}:
            if not tag.startswith(("perf/", "optimizer/lr")):
                assert other[tag] == pytest.approx(row[tag], rel=tolerance, abs=1e-4), (row["step"], tag)


@pytest.mark.long
def test_losses_are_those_of_one_process(trained):
    """Adam without momentum moves by the sign of tiny gradients too: rounding grows a thousandfold in a few steps."""
    *_, folder = trained
    assert_same_losses(*(rows_of(folder / name / "run") for name in ("one", "two")), 5e-3)


@pytest.mark.long
def test_one_of_them_keeps_the_record(trained):
    *_, folder = trained
    run = folder / "two" / "run"
    assert len(list(run.glob("events.*"))) == 1
    assert "step_0000004.pt" in [path.name for path in (run / "checkpoints").iterdir()]


def test_torchrun_needs_a_run_folder_that_all_share(tmp_path):
    environment = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    environment["MASTER_PORT"] = str(free_port())
    command = [sys.executable, str(ROOT / "scripts/train.py"), *STYLEGAN]
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
    result = run_script("train.py", *STYLEGAN, "task.updates.gradient_accumulation_steps=3", cwd=tmp_path)
    assert result.returncode == 1
    assert "a minibatch of 16 images cannot be divided into 3 equal parts" in result.stderr


@pytest.mark.parametrize(
    ("number", "device", "told"),
    [
        (3, "auto", "devices=3: give 1 to 2, the GPUs of this machine, or device=cpu"),
        (0, "cpu", "devices=0: give 1 to [0-9]+, processes on its CPU"),
        (10**6, "cpu", "devices=1000000: give 1 to [0-9]+, processes on its CPU"),
        (2, "cuda:1", "devices=2 cannot share device=cuda:1: give one of auto, cpu, cuda"),
    ],
)
def test_devices_that_are_not_there_are_told(number, device, told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=told):
        distributed.launch(number, device, print)


@pytest.mark.long
def test_a_batch_too_small_to_share_is_told(tmp_path):
    result = run_script(
        "train.py", "devices=2", "device=cpu", *CLASSIFIER, "task.batch_size=399", "run_dir=run", cwd=tmp_path
    )
    assert result.returncode == 1
    assert "a batch of 1 samples, of 400, is too few for 2 processes" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "run").exists()


def start_two(folder, program, *options):
    """Start two processes by `devices=2` and wait until they step; (the launcher, the ids of the two)."""
    command = [sys.executable, *program, "devices=2", "device=cpu", "run_dir=run", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    launcher = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 120
    record = folder / "run" / "metrics.jsonl"
    while not (record.exists() and record.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    spawned = [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    return launcher, spawned


ENDLESS = [*CLASSIFIER, "runner.max_steps=1000000", "runner.log_every=1", "runner.checkpoint_every=20"]


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes through /proc")
def test_the_death_of_one_ends_the_others_and_one_process_goes_on(tmp_path):
    launcher, (_, second) = start_two(tmp_path, [str(ROOT / "scripts" / "train.py")], *ENDLESS)
    while not list((tmp_path / "run" / "checkpoints").glob("step_*.pt")):
        time.sleep(0.1)
    os.kill(second, signal.SIGKILL)
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signal.SIGKILL, errors
    assert "was ended by SIGKILL, then the others" in errors
    step = checkpoint.Checkpoint.load(run_folder.newest(tmp_path / "run")).step
    shutil.copytree(tmp_path / "run", tmp_path / "two")
    for name, devices in {"run": 1, "two": 2}.items():
        options = [f"resume={name}", f"runner.max_steps={step + 5}", f"devices={devices}"]
        again = run_script("train.py", *options, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert_same_losses(rows_of(tmp_path / "run"), rows_of(tmp_path / "two"), 1e-4)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes through /proc")
def test_a_signal_to_the_launcher_ends_all_with_one_checkpoint(tmp_path):
    """By the file that pip writes for `dlcourse`, which the two import as their main module."""
    program = tmp_path / "dlcourse"
    program.write_text(
        "import sys\nfrom dlcourse.cli.main import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    launcher, _ = start_two(tmp_path, [str(program), "train"], *ENDLESS, "runner.checkpoint_every=1000000")
    launcher.send_signal(signal.SIGTERM)
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signal.SIGTERM, errors
    assert errors.count("checkpoint written; go on with dlcourse train resume=run") == 1
    (saved,) = run_folder.all_of(tmp_path / "run")
    assert rows_of(tmp_path / "run")[-1]["step"] == run_folder.step_of(saved)
