"""The commands as people type them, from a folder that is not the project's."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from conftest import ROOT, run_script, small_overrides
from dlcourse.engine import run_folder
from warm import warm


@pytest.fixture(scope="module")
def gan_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan")
    done = run_script("train.py", *small_overrides("stylegan_faces_tiny", 2), "run_dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_without_arguments_but_steps_makes_its_own_folder(tmp_path):
    done = run_script("train.py", "runner.max_steps=20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run_dir,) = (tmp_path / "runs" / "points").iterdir()
    names = {path.name.partition(".")[0] for path in run_dir.iterdir()}
    assert names == {"config", "composed", "events", "metrics", "images", "checkpoints", "summary"}
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert config["choices"]["experiment"] == "points" and config["choices"]["optimizer"] == "adam"
    assert config["overrides"] == ["runner.max_steps=20"]
    assert config["runner"]["max_steps"] == 20 and "${" not in (run_dir / "config.yaml").read_text()
    with Image.open(run_dir / "images" / "decision_map_0000020.png") as image:
        assert image.size == (600, 534)  # with a line above: step and accuracy
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}


def test_resume_takes_overrides_and_says_when_there_is_nothing_to_do(tmp_path):
    assert run_script("train.py", "runner.max_steps=10", "run_dir=run", cwd=tmp_path).returncode == 0
    complete = run_script("train.py", "resume=run", cwd=tmp_path)
    assert complete.returncode == 0 and "run is complete" in complete.stdout
    longer = run_script("train.py", "resume=run", "runner.max_steps=15", "optimizer.lr=0.5", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    assert (tmp_path / "run" / "checkpoints" / "step_0000015.pt").exists()
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["task"]["optimizer"]["lr"] == 0.5


def test_a_sweep_does_not_write_through_a_link_in_its_folder(tmp_path):
    job, elsewhere = tmp_path / "sweep" / "0_runner.max_steps=3,seed=1", tmp_path / "elsewhere"
    job.mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "map_20240101.png").touch()
    (job / "images").symlink_to(elsewhere)
    done = run_script("train.py", "-m", "seed=1", "runner.max_steps=3", "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert done.returncode == 1 and f"{job.name}/images: a link that leaves the run's folder; remove it" in done.stderr
    assert [path.name for path in elsewhere.iterdir()] == ["map_20240101.png"]


def test_a_sweep_gives_every_job_its_folder(tmp_path):
    done = run_script("train.py", "-m", "seed=0,1", "runner.max_steps=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "runs" / "points").iterdir()
    folders = sorted(path.name for path in sweep.iterdir() if path.is_dir())
    assert [name[:1] for name in folders] == ["0", "1"] and "seed=1" in folders[1]
    assert all((sweep / name / "config.yaml").exists() for name in folders)


def start_endless_run(folder):
    """Start a run, and wait until it has a record."""
    process = warm().start(
        ["scripts/train.py", "runner.max_steps=100000000", "runner.log_every=1", "run_dir=run"], folder
    )
    deadline, record = time.monotonic() + 120, folder / "run" / "metrics.jsonl"
    while not (record.exists() and record.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    return process


@pytest.mark.long
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", pytest.param("SIGUSR1", marks=pytest.mark.slow)])
def test_a_signal_ends_a_run_with_a_checkpoint_and_says_how_to_go_on(tmp_path, name):
    process = start_endless_run(tmp_path)
    os.kill(process.pid, signal.Signals[name])
    done = process.wait()
    assert done.returncode == 128 + signal.Signals[name]
    last_line = done.stderr.strip().splitlines()[-1]
    (step,) = re.fullmatch(
        rf"{name} after step (\d+): checkpoint written; go on with dlcourse train resume=run", last_line
    ).groups()
    assert run_folder.newest(tmp_path / "run") == run_folder.path_for(tmp_path / "run", int(step))
    again = run_script("train.py", "resume=run", f"runner.max_steps={int(step) + 2}", cwd=tmp_path)
    assert again.returncode == 0 and f"run: continuing from step {step}: 2 steps on" in again.stderr, again.stderr


@pytest.mark.long
def test_two_runs_cannot_share_a_folder(tmp_path):
    first = start_endless_run(tmp_path)
    second = run_script("train.py", "resume=run", cwd=tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert second.returncode == 1
    assert "run: another process trains there; wait for it, or choose another run_dir" in second.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimzer=adam"], ["optimzer", "did you mean optimizer?"]),
        (
            ["optimizer.learning_rate=1"],
            ["optimizer.learning_rate", "no such key; did you mean optimizer.lr?", "lr, betas, eps"],
        ),
        (["learning_rate=1"], ["learning_rate: no such key; did you mean optimizer.lr?"]),
        (["batch_size=8"], ["batch_size: no such key; did you mean task.batch_size?"]),
        (["steps=3"], ["steps: no such key; did you mean runner.max_steps?"]),
        (["experiment=style_transfer_offline", "steps=500"], ["did you mean runner.max_steps?"]),
        (["experiment=stylegan_faces", "batch_size=8"], ["did you mean task.growth.batch_size?"]),
        (["+epochs=3"], ["epochs: no such key; did you mean task.max_epochs?"]),
        (["gpu=0"], ["gpu: no such key; did you mean device?"]),
        (["experiment=catz"], ["experiment=catz: no such choice; did you mean cats?"]),
        (["experiment=nope"], ["experiment=nope: no such choice; --help experiment lists them"]),
        (["experiment=style_transfer_offline", "content=missing.jpg"], ["content=missing.jpg: no such file"]),
        (["runner.log_every=0"], ["log_every must be at least 1, got 0"]),
        (["device=cuda:77"], ["device=cuda:77", "device=auto or device=cpu"]),
        (["resume=nowhere"], ["resume=nowhere", "not a run"]),
        (["seed=many"], ["error: seed must be a whole number, got 'many'"]),
        (["optimizer.lr=-1"], ["error: optimizer.lr: Invalid learning rate: -1"]),
        (["optimizer.betas=[0.9,7]"], ["error: optimizer.betas: Invalid beta parameter at index 1: 7"]),
        (["optimizer.lr=abc"], ["error: optimizer.lr must be a number, got 'abc'"]),
        ([f"run_dir={'a' * 300}"], [f"error: run_dir={'a' * 300}: File name too long; choose another name"]),
        (["task.batch_size=0"], ["task.batch_size must be at least 1", "0"]),
        (["+sed=1"], ["sed: no such key", "did you mean seed?"]),
        (["dataset=image_folder"], ["dataset.root: no value given"]),
        (["seed"], ["seed: neither an option nor key=value"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_mistake_is_told_in_a_line_and_leaves_nothing_behind(arguments, words, tmp_path):
    done = run_script("train.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "" and len(done.stderr.strip().splitlines()) <= 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_never_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    done = run_script("train.py", "run_dir=mine", cwd=tmp_path)
    assert done.returncode == 1 and "run_dir=mine is not empty" in done.stderr and "resume=mine" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_resumed_run_keeps_its_groups_and_its_model(tmp_path):
    assert run_script("train.py", "runner.max_steps=3", "run_dir=run", cwd=tmp_path).returncode == 0
    group = run_script("train.py", "resume=run", "optimizer=sgd", cwd=tmp_path)
    assert group.returncode == 1 and "a resumed run keeps its optimizer" in group.stderr
    model = run_script("train.py", "resume=run", "runner.max_steps=5", "model.activation=tanh", cwd=tmp_path)
    assert model.returncode == 1 and "model.activation is 'relu' there, 'tanh' here" in model.stderr
    assert "relu" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_grid_comes_from_a_run_or_a_file_and_repeats(gan_run):
    first = run_script("sample.py", "checkpoint=run", "seeds=0-3", cwd=gan_run)
    assert first.returncode == 0, first.stderr
    path = gan_run / first.stdout.strip()
    assert path.name == "grid_step_0000002_seeds0-3_psi0.7.png"
    file = "checkpoint=run/checkpoints/step_0000002.pt"
    second = run_script("sample.py", file, "seeds=0-3", "output=here/again.png", cwd=gan_run)
    assert second.returncode == 0, second.stderr
    assert (gan_run / "here" / "again.png").read_bytes() == path.read_bytes()
    half = run_script("sample.py", file, "seeds=0-3", "precision=bf16", "output=half.png", cwd=gan_run)
    assert half.returncode == 0, half.stderr
    found, expected = (np.asarray(Image.open(gan_run / name)).astype(int) for name in ("half.png", path))
    assert 0 < np.abs(found - expected).mean() < 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["checkpoint=nope"], ["nope: no such run folder or checkpoint file"]),
        (["checkpoint=run", "seeds=a-b"], ["seeds must look like"]),
        (["checkpoint=run", "sampler=nope"], ["sampler=nope", "grid"]),
        (["checkpoint=run", "output=a.txt"], ["output=a.txt: must end in one of"]),
        (["checkpoint=run", "precision=fp16"], ["precision must be one of fp32, tf32, bf16, got 'fp16'"]),
        (["checkpoint=run", "device=cuda:77"], ["device=cuda:77 cannot be used here", "try device=auto or device=cpu"]),
        (["checkpoint=run", "classes=3"], ["class=3: this generator knows no classes"]),
        (["checkpoint=run/metrics.jsonl"], ["metrics.jsonl: a file of unknown kind, not a checkpoint"]),
    ],
)
def test_mistakes_in_sampling_are_told_in_a_line(arguments, words, gan_run):
    done = run_script("sample.py", *arguments, cwd=gan_run)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_without_a_checkpoint_the_bundled_faces_are_drawn_here(tmp_path):
    done = run_script("sample.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "samples/grid_stylegan_faces_seeds0-15_psi0.7.png"
    assert (tmp_path / done.stdout.strip()).is_file()


def test_an_animation_and_a_projection_that_stands_for_a_seed(gan_run):
    common = ["checkpoint=run", "sampler=interpolate", "sampler.frames=2", "sampler.seconds=1"]
    walk = run_script("sample.py", *common, "seeds=[1,2]", "output=walk.webp", cwd=gan_run)
    assert walk.returncode == 0, walk.stderr
    assert walk.stdout.split() == ["walk.webp", "walk.png"]
    project = ["experiment=projection", "checkpoint=run", "target=walk.png", "runner.max_steps=2", "run_dir=found me"]
    found = run_script("train.py", *project, cwd=gan_run)
    assert found.returncode == 0, found.stderr
    assert "next: dlcourse sample checkpoint=run sampler=edit 'seeds=found me'" in found.stderr
    grid = run_script("sample.py", "checkpoint=run", "seeds=[0,found me]", "singles=true", "output=g.png", cwd=gan_run)
    assert grid.returncode == 0 and grid.stdout.split() == ["g.png", "g"], grid.stderr
    assert sorted(path.name for path in (gan_run / "g").iterdir()) == ["found_me.png", "seed_0.png"]


def test_style_transfer_keeps_orientation_and_aspect_of_odd_images(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side: 60 x 30 in the file is 30 x 60 upright
    Image.radial_gradient("L").resize((60, 30)).save(tmp_path / "content.jpg", exif=exif)
    Image.linear_gradient("L").convert("RGBA").resize((50, 40)).save(tmp_path / "style.png")
    arguments = [
        "experiment=style_transfer",
        "content=content.jpg",
        "style=style.png",
        "model.weights=orthogonal",
    ]
    arguments += ["dataset.content_size=40", "dataset.style_size=32", "runner.max_steps=2", "run_dir=run"]
    done = run_script("train.py", *arguments, "optimizer=adam", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "run" / "images" / "image_0000002.png") as image:
        assert image.size == (20, 40)


@pytest.mark.long
@pytest.mark.parametrize("script", ["train.py", "sample.py", "evaluate.py"])
def test_help_and_cfg_answer_without_torch(script, tmp_path):
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('TORCH' if 'torch' in sys.modules else 'LIGHT')"
    )
    for option in (["--help"], ["--cfg", "job"]):
        command = [sys.executable, "-c", code, str(ROOT / "scripts" / script), *option]
        environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("LIGHT")
        assert "optimizer" in done.stdout or "seeds" in done.stdout or "num_images" in done.stdout
