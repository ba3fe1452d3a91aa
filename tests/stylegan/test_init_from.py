"""StyleGAN trainings that begin with the networks of another run or file."""

import pytest
import torch
from test_stylegan_training import TINY

from conftest import run_script
from dlcourse.engine import checkpoint, run_folder


def run(*overrides, cwd):
    steps = ["runner.max_steps=2", "runner.log_every=1", "runner.num_threads=1"]
    return run_script("train.py", *TINY, *steps, *overrides, cwd=cwd)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    done = run("run_dir=first", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_can_begin_with_the_networks_of_another(finished):
    done = run("init_from=first", "run_dir=second", "optimizer.lr=1e-30", "task.updates.freeze_d=1", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert "first: discriminator, generator, generator_ema" in done.stderr and "random" not in done.stderr
    states = [checkpoint.Checkpoint.load(run_folder.newest(finished / name)).state for name in ("first", "second")]
    for name in ("synthesis.4x4.conv.weight", "mapping.dense0.weight"):
        assert torch.equal(states[0]["generator"][name], states[1]["generator"][name])
    assert states[1]["reals"] == {"samples_seen": 16}
    again = run_script("train.py", "resume=second", "runner.max_steps=3", "task.growth.batch_size=4", cwd=finished)
    state = checkpoint.Checkpoint.load(run_folder.newest(finished / "second")).state
    assert state["reals"] == {"samples_seen": 20}
    assert again.returncode == 0 and "discriminator, generator" not in again.stderr


def test_a_resumed_run_keeps_its_resolution(finished):
    before = (finished / "first" / "config.yaml").read_text()
    for resolution in (8, 32):
        done = run_script(
            "train.py", "resume=first", "runner.max_steps=3", f"dataset.resolution={resolution}", cwd=finished
        )
        assert done.returncode == 1 and (finished / "first" / "config.yaml").read_text() == before
        assert f": dataset.resolution is 16 there, {resolution} here; a resumed run keeps its model" in done.stderr
    done = run("init_from=first", "run_dir=sixth", cwd=finished)
    assert done.returncode == 0, done.stderr
    before = (finished / "sixth" / "config.yaml").read_text()
    for key, own, other in [("dataset.resolution", 16, 32), ("dataset.num_classes", 0, 8)]:
        done = run_script("train.py", "resume=sixth", "runner.max_steps=3", f"{key}={other}", cwd=finished)
        assert done.stderr == f"error: {key} must be {own}, that of the networks, got {other}\n"
        assert done.returncode == 1 and (finished / "sixth" / "config.yaml").read_text() == before


def test_an_imported_generator_alone_begins_with_a_new_discriminator(finished):
    saved = checkpoint.Checkpoint.load(run_folder.newest(finished / "first"))
    del saved.state["discriminator"], saved.config["model"]["discriminator"]
    checkpoint.save_checkpoint(finished / "generators.pt", 0, saved.config, saved.state)
    done = run("init_from=generators.pt", "run_dir=third", cwd=finished)
    assert done.returncode == 0 and "generators.pt: generator, generator_ema" in done.stderr
    done = run("init_from=generators.pt", "task.updates.freeze_d=1", "run_dir=frozen", cwd=finished)
    assert done.returncode == 0 and "task.updates.freeze_d=1 keeps random weights; give a trained" in done.stderr

    done = run("init_from=generators.pt", "model.discriminator.channel_max=4", "run_dir=fifth", cwd=finished)
    assert done.returncode == 0  # it has an effect: the discriminator is not in the file
    node = checkpoint.Checkpoint.load(run_folder.newest(finished / "fifth")).config["model"]["discriminator"]
    assert node["channel_max"] == 4


@pytest.mark.parametrize("override", ["model.channel_max=4", "model.z_dim=32", "model.generator.w_dim=16"])
def test_sizes_that_are_not_those_of_the_weights_are_refused(finished, override):
    done = run("init_from=first", override, "run_dir=fourth", cwd=finished)
    assert done.returncode == 1 and not (finished / "fourth").exists()
    assert done.stderr == (
        f"error: {override}: plays no part with init_from=first, whose networks stay as they are; "
        f"leave out {override.partition('=')[0]}\n"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["init_from=nowhere"], "error: init_from=nowhere: no such run folder or checkpoint file"),
        (["init_from=first", "dataset.resolution=8"], "networks of 16 pixels; set dataset.resolution=16, or cut them"),
    ],
)
def test_weights_that_cannot_be_taken(finished, overrides, message):
    done = run(*overrides, "run_dir=fourth", cwd=finished)
    assert done.returncode == 1 and message in done.stderr
    assert not (finished / "fourth").exists()
