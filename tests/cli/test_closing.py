"""The last lines of a training, and that what they propose runs."""

import shlex
import signal
import sys
from pathlib import Path

import pytest

from conftest import EVERY_STEP, run_script, small_overrides
from dlcourse.cli import closing, train
from dlcourse.engine.signals import Interrupted


@pytest.mark.long
@pytest.mark.parametrize(
    ("experiment", "proposed"),
    [
        ("points", ["report", "predict"]),
        ("style_transfer_offline", ["sheet", "animate"]),
        ("stylegan_faces_tiny", ["sample", "evaluate"]),
    ],
)
def test_a_training_ends_with_its_images_and_commands_that_run(experiment, proposed, tmp_path):
    done = run_script("train.py", *small_overrides(experiment, 2), *EVERY_STEP, "run_dir=my run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "images: my run/images" in lines
    assert lines[-2:] == ["curves: tensorboard --logdir 'my run'", "summary: my run/summary.html"]
    commands = [shlex.split(line.removeprefix("next: dlcourse ")) for line in lines if line.startswith("next: ")]
    assert [name for name, *_ in commands] == proposed
    for name, *words in commands:
        if name != "evaluate":  # of a thousand images
            again = run_script(f"{name}.py", *words, cwd=tmp_path)
            assert again.returncode == 0, again.stderr


def test_the_best_value_is_told_with_its_step(tmp_path):
    options = ["runner.max_steps=6", "runner.evaluate_every=2", "optimizer.lr=0.01", "run_dir=runs/mine"]
    lines = run_script("train.py", *options, cwd=tmp_path).stderr.splitlines()
    (best,) = [line for line in lines if line.startswith("lowest ")]
    assert best.startswith("lowest dev/loss ") and best.endswith(" at step 6: runs/mine/checkpoints/best.pt")
    assert lines[-2:] == ["curves: tensorboard --logdir runs", "summary: runs/mine/summary.html"]


@pytest.mark.parametrize("place", ["write_or_say_why", "closing_lines"])
def test_a_signal_after_the_last_step_finds_a_complete_run(place, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.chdir(tmp_path)
    words = ["dlcourse train", "run_dir=run", "runner.max_steps=2"]
    with monkeypatch.context() as context:
        context.setattr(sys, "argv", words)
        context.setattr(closing, place, interrupted)
        with pytest.raises(SystemExit) as end:
            train.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 128 + signal.SIGTERM
    assert said == "interrupted after the last step: run is complete; its page: dlcourse report run"
    Path("run", "summary.html").unlink(missing_ok=True)
    monkeypatch.setattr(sys, "argv", ["dlcourse train", "resume=run"])
    train.main()
    assert "run is complete" in capsys.readouterr().out and Path("run", "summary.html").exists()


def test_a_sweep_ends_with_the_commands_that_take_its_folder(tmp_path):
    done = run_script("train.py", "-m", "seed=0,1", "runner.max_steps=2", cwd=tmp_path)
    (sweep,) = tmp_path.glob("runs/points/*")
    ends = [f"next: dlcourse {command} {sweep.relative_to(tmp_path)}" for command in ("compare", "sheet")]
    assert done.returncode == 0 and done.stderr.splitlines()[-2:] == ends and done.stderr.count("next: ") == 2
    assert len(list(tmp_path.glob("runs/points/*/*/summary.html"))) == 2
