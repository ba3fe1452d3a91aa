"""The last lines of a training, and that what they propose runs."""

import shlex

import pytest

from conftest import EVERY_STEP, run_script, small_overrides


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


def test_a_sweep_has_no_last_lines_for_each_run(tmp_path):
    done = run_script("train.py", "-m", "seed=0,1", "runner.max_steps=2", cwd=tmp_path)
    assert done.returncode == 0 and "next: " not in done.stderr
    assert len(list(tmp_path.glob("runs/points/*/*/summary.html"))) == 2
