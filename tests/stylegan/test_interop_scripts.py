"""Import and export as people type them."""

import importlib.util

import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.engine import checkpoint
from dlcourse.stylegan.interop.files import load_pretrained
from stylegan_files import DATA, arrays, assert_close, tiny_official_pickle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interop")
    (folder / "official.pkl").write_bytes(tiny_official_pickle(lod=0.5))
    return folder


@pytest.fixture(scope="module")
def imported(folder):
    return run_script("import_checkpoint.py", "official.pkl", "imported.pt", cwd=folder)


def test_import_prints_what_it_found(imported):
    assert imported.returncode == 0, imported.stderr
    lines = [line.split() for line in imported.stdout.splitlines()]
    assert imported.stdout.startswith("official.pkl: official StyleGAN pickle\n")
    assert lines[1] == ["network", "resolution", "layers", "classes", "parameters"]
    assert lines[2] == ["generator_ema", "32", "8", "linear,", "8", "styled", "0", "77", "644"]
    assert lines[4] == ["discriminator", "32", "7", "convolutions,", "2", "linear", "0", "70", "385"]
    assert imported.stdout.splitlines()[-1] == "imported.pt"


def test_imported_checkpoint_is_drawn_from(folder, imported):
    saved = checkpoint.Checkpoint.load(folder / "imported.pt")
    assert saved.step == 0 and saved.state.keys() == {"generator", "discriminator", "generator_ema"}
    origin = saved.config["imported"]
    assert (origin["file"], origin["format"]) == ("official.pkl", "official StyleGAN pickle")
    assert origin["notes"][0].startswith("level of detail 0.5: above 16x16")
    done = run_script("sample.py", "checkpoint=imported.pt", "seeds=0-3", "output=grid.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "grid.png") as image:
        assert image.width > 64
    again, expected = load_pretrained(folder / "imported.pt"), arrays("stylegan_official_tiny.npz")
    with torch.no_grad():
        assert_close(again.generator_ema(expected["z"]), expected["img_psi1_const"])


def test_import_says_how_gaps_were_filled(folder):
    arguments = (str(DATA / "rosinality_tiny.model"), "rosinality.pt", "--resolution", "32")
    done = run_script("import_checkpoint.py", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    assert notes == [
        "- generator_ema: no noise images; 8 drawn from seed 0",
        "- generator_ema: no average of w; estimated from 10000 latents of seed 0",
        "- generator: not in the file; the other generator stands for it",
    ]
    parts = checkpoint.Checkpoint.load(folder / "rosinality.pt").config["model"]["generator"]["parts"]
    assert parts == {"_target_": "dlcourse.stylegan.networks.variants.rosinality_generator"}
    refused = run_script("export_checkpoint.py", "rosinality.pt", "rosinality.pkl", cwd=folder)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "parts of its own, which the official layout cannot hold" in refused.stderr
    assert not (folder / "rosinality.pkl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("grid_of.png", "new.pt"), "error: grid_of.png: a PNG image, not a checkpoint"),
        (("official.pkl", "official.pkl"), "error: official.pkl exists already; choose another name or remove it"),
        (("official.pkl", "no/new.pt"), "error: no: no such folder"),
        (
            ("official.pkl", "new.pt", "--resolution", "64"),
            "error: official.pkl: its resolution is 32, so resolution must",
        ),
        (
            ("official.pkl", "new.pt", "--resolution", "12"),
            "error: official.pkl: its resolution is 32, so resolution must",
        ),
        (("official.pkl",), "error: the following arguments are required: TARGET"),
    ],
)
def test_mistakes_end_in_one_line(folder, arguments, message):
    Image.new("RGB", (8, 8)).save(folder / "grid_of.png")
    done = run_script("import_checkpoint.py", *arguments, cwd=folder)
    assert done.returncode == 1 and done.stderr.startswith(message) and done.stderr.count("\n") == 1
    assert not (folder / "new.pt").exists()


def test_files_that_belong_together_make_one_checkpoint(folder):
    shadow, discriminator = (str(DATA / f"GAN_{name}_3_8.pth") for name in ("GEN_SHADOW", "DIS"))
    content = torch.load(shadow, weights_only=True)
    content["truncation.avg_latent"] += 1
    torch.save(content, folder / "GAN_GEN_3_8.pth")
    done = run_script("import_checkpoint.py", shadow, discriminator, "GAN_GEN_3_8.pth", "whole.pt", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "took the generator's average of w" in done.stdout and "not in the file" not in done.stdout
    state = checkpoint.Checkpoint.load(folder / "whole.pt").state
    assert torch.equal(state["generator_ema"]["w_avg"], content["truncation.avg_latent"])
    twice = run_script("import_checkpoint.py", shadow, shadow, "twice.pt", cwd=folder)
    assert twice.returncode == 1 and twice.stderr == "error: two of the files hold a generator_ema\n"


def test_export_to_an_official_pickle(folder, imported):
    done = run_script("export_checkpoint.py", "imported.pt", "back.pkl", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "172 variables equal to the last bit" in done.stdout
    bad = run_script("export_checkpoint.py", "imported.pt", "back.png", cwd=folder)
    assert bad.returncode == 1 and bad.stderr == "error: back.png: the name must end in .pkl or .onnx\n"


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnx", "onnxscript", "onnxruntime"))), reason="needs the extra onnx"
)
def test_export_to_onnx(folder):
    path = str(DATA / "mmgen_tiny.pth")
    done = run_script("export_checkpoint.py", path, "mmgen.onnx", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "images within" in done.stdout and (folder / "mmgen.onnx").stat().st_size > 50_000
