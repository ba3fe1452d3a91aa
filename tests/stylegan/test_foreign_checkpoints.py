"""Checkpoints that others made: read alike by every command, cut down, started from, and never written beside."""

import resource
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from conftest import compose, run_script
from dlcourse.cli import animate, export_checkpoint, import_checkpoint, run_folders
from dlcourse.engine import checkpoint
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.reports.runs import results_folder
from dlcourse.stylegan.interop import onnx_export
from dlcourse.stylegan.interop.files import load_generator, load_pretrained, start_networks
from dlcourse.stylegan.networks.layers import downscale, upscale
from dlcourse.stylegan.sampling.sampler import Result, save_result
from stylegan_files import DATA, tiny_official_pickle

SIZES = {"resolution": 16, "num_classes": 0, "channel_base": 64, "channel_max": 16}
GENERATOR = {
    "_target_": "dlcourse.stylegan.networks.generator.Generator",
    **SIZES,
    "z_dim": 8,
    "w_dim": 8,
    "mapping_layers": 2,
}
DISCRIMINATOR = {"_target_": "dlcourse.stylegan.networks.discriminator.Discriminator", **SIZES}


def own_file(path: Path, **changes) -> Path:
    torch.manual_seed(1)
    model = {"generator": GENERATOR | changes, "discriminator": DISCRIMINATOR | changes}
    networks = {name: build(node) for name, node in model.items()}
    state = {name: network.state_dict() for name, network in networks.items()}
    checkpoint.save_checkpoint(path, 1, {"model": model}, state | {"generator_ema": state["generator"]})
    return path


@contextmanager
def disk_of(size: int):
    """Files of more bytes cannot be written: an error as of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- cutting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"channels": [16, 16, 12, 4]}])
def test_our_own_networks_are_cut_down_too(tmp_path, changes):
    whole = load_pretrained(own_file(tmp_path / "a.pt", **changes))
    import_checkpoint.import_checkpoint(Namespace(source=[tmp_path / "a.pt"], target=tmp_path / "b.pt", resolution=8))
    small = load_pretrained(tmp_path / "b.pt")
    assert small.config["generator"]["resolution"] == small.config["discriminator"]["resolution"] == 8
    z, images = torch.randn(2, 8), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(small.generator_ema(z), downscale(whole.generator_ema(z, lod=1.0), 2))
        torch.testing.assert_close(
            small.discriminator(images), whole.discriminator(upscale(images, 2), lod=1.0), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("resolution", [0, -8, 4, 7, 12, 32])
def test_what_they_cannot_be_cut_to_is_refused(tmp_path, resolution):
    (tmp_path / "official.pkl").write_bytes(tiny_official_pickle())
    for path, whole in ((own_file(tmp_path / "a.pt"), 16), (tmp_path / "official.pkl", 32)):
        if resolution != whole:
            with pytest.raises(UserError, match=f"its resolution is {whole}, so resolution must be a power of two"):
                load_pretrained(path, resolution)


# --- to begin with ----------------------------------------------------------------------------------------------------


def stylegan(*overrides: str):
    return OmegaConf.create(compose("experiment=stylegan_faces_tiny", *overrides))


def test_a_training_begins_with_networks_of_anybody(tmp_path):
    (tmp_path / "official.pkl").write_bytes(tiny_official_pickle())
    for path, roles in (
        (tmp_path / "official.pkl", ["discriminator", "generator", "generator_ema"]),
        (DATA / "GAN_GEN_SHADOW_3_8.pth", ["generator", "generator_ema"]),  # the average stands for both
    ):
        cfg, pretrained = run_folders.with_networks_of(path, stylegan("dataset.resolution=32"))
        node = OmegaConf.to_container(cfg.model)
        generator, discriminator = build(node["generator"]), build(node["discriminator"])
        parts = {"generator": generator, "discriminator": discriminator, "generator_ema": build(node["generator"])}
        assert start_networks(pretrained, path, parts) == roles
        expected = load_generator([path]).averaged_generator
        with torch.no_grad():
            z = torch.randn(1, expected.z_dim)
            assert torch.equal(parts["generator_ema"](z), expected(z))


@pytest.mark.parametrize(
    ("changes", "overrides", "message"),
    [
        (
            {},
            ["dataset.resolution=16", "dataset.num_classes=2"],
            "networks of 0 classes, where the data has 2; set",
        ),
        (
            {"num_classes": 3},
            ["dataset.resolution=16"],
            "networks of 3 classes, where the data has 0; set",
        ),
        (
            {},
            ["dataset.resolution=8"],
            "networks of 16 pixels; set dataset.resolution=16, or cut them down",
        ),
        ({}, ["dataset.resolution=32"], "networks of 16 pixels; set dataset.resolution=16$"),
    ],
)
def test_networks_for_other_data_are_refused_before_anything_is_made(tmp_path, changes, overrides, message):
    path = own_file(tmp_path / "a.pt", **changes)
    with pytest.raises(UserError, match=f"^init_from={path}: {message}"):
        run_folders.with_networks_of(path, stylegan(*overrides))


def test_other_experiments_have_no_networks_to_begin_with(tmp_path):
    with pytest.raises(UserError, match="for StyleGAN"):
        run_folders.with_networks_of(own_file(tmp_path / "a.pt"), OmegaConf.create(compose()))
    with pytest.raises(UserError, match="there is no generator in it"):
        run_folders.with_networks_of(DATA / "GAN_DIS_3_8.pth", stylegan("dataset.resolution=32"))
    with pytest.raises(UserError, match="there is no generator in it"):
        load_generator([DATA / "GAN_DIS_3_8.pth"])


# --- where results go -------------------------------------------------------------------------------------------------


def test_a_foreign_checkpoint_is_drawn_from_and_nothing_is_left_beside_it(tmp_path):
    theirs, here = tmp_path / "theirs", tmp_path / "here"
    theirs.mkdir()
    here.mkdir()
    (theirs / "rosinality.model").write_bytes((DATA / "rosinality_tiny.model").read_bytes())
    for path in ("official.pkl", "checkpoints/step_0000001.pt"):
        (theirs / path).parent.mkdir(exist_ok=True)
        (theirs / path).write_bytes(tiny_official_pickle())
    before = sorted(theirs.rglob("*"))
    done = run_script("sample.py", "checkpoint=../theirs/official.pkl", "seeds=0-1", cwd=here)
    assert done.returncode == 0 and done.stdout == "samples/grid_official_seeds0-1_psi0.7.png\n", done.stderr
    assert (here / done.stdout.strip()).is_file() and sorted(theirs.rglob("*")) == before
    assert results_folder(theirs / "checkpoints" / "step_0000001.pt", "samples") == Path("samples")  # no run around it


def test_what_was_filled_in_is_said(capsys):
    load_generator([DATA / "rosinality_tiny.model"])
    assert "no noise images; " in capsys.readouterr().err


def test_nobody_writes_through_a_link_out_of_a_run(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").touch()
    path = own_file(run / "checkpoints" / "step_0000001.pt")
    assert results_folder(path, "report") == run / "report"
    (run / "images").mkdir()
    for step in (1, 2):
        Image.new("RGB", (8, 8)).save(run / "images" / f"fakes_{step:07d}.png")
    (tmp_path / "elsewhere").mkdir()
    for link in (run / "report", run / "images" / "link", run / "fakes.gif"):
        link.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UserError, match=f"{link}: a link that leaves the run's folder"):
            results_folder(path, "report")
        with pytest.raises(UserError, match=f"{link}: a link that leaves the run's folder"):
            animate.animate(Namespace(run=run, name="fakes", output=None, seconds=1.0))
        link.unlink()
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- whole or not at all ----------------------------------------------------------------------------------------------


def exported(source: Path, target: Path) -> None:
    export_checkpoint.export_checkpoint(Namespace(checkpoint=source, target=target))


def test_what_a_full_disk_leaves_does_not_stand_in_the_way(tmp_path, monkeypatch):
    path = own_file(tmp_path / "a.pt")
    before = sorted(tmp_path.iterdir())
    with disk_of(8192):
        with pytest.raises(UserError, match="a.pkl: cannot be written .File too large"):
            exported(path, tmp_path / "a.pkl")
        with pytest.raises(UserError, match="b.pt: cannot be written .File too large"):
            import_checkpoint.import_checkpoint(Namespace(source=[path], target=tmp_path / "b.pt", resolution=None))
        found = {"w": torch.zeros(100_000)}
        with pytest.raises(UserError, match="photo.pt: cannot be written .File too large"):
            save_result(Result(Image.new("RGB", (8, 8)), found=found), tmp_path / "photo.png", False)
    (tmp_path / "photo.png").unlink()
    monkeypatch.setattr(onnx_export, "write_onnx", lambda generator, file: half_written(file))
    with pytest.raises(UserError, match="a.onnx: cannot be written .No space left"):
        exported(path, tmp_path / "a.onnx")
    assert sorted(tmp_path.iterdir()) == before
    exported(path, tmp_path / "a.pkl")
    with pytest.raises(UserError, match="a.pkl exists already"):
        exported(path, tmp_path / "a.pkl")


def half_written(file: Path) -> None:
    file.write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_the_official_layout_says_what_it_cannot_hold(tmp_path):
    path = own_file(tmp_path / "a.pt", channels=[16, 16, 12, 4])
    with pytest.raises(UserError, match="generator has channels of its own, which the official layout .*onnx"):
        exported(path, tmp_path / "a.pkl")
    assert not (tmp_path / "a.pkl").exists()
