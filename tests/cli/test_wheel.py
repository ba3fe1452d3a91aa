"""The wheel holds what an installation needs, and works far from the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT], check=True)
    (path,) = folder.glob("dlcourse-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of programs of an environment that has the wheel, and all other packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", *options]
    subprocess.run([*pip, wheel], check=True)
    packages = [path for path in sys.path if path.endswith("-packages")]
    (site / "others.pth").write_text("\n".join(packages))
    return folder / "bin"


def run(program, *words, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_it_holds_the_package_its_configs_checkpoints_and_licence_and_nothing_else(wheel):
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    expected = {name.removeprefix("src/") for name in tracked if name.startswith("src/dlcourse/")}
    expected |= {f"dlcourse/{name}" for name in tracked if name.startswith(("configs/", "checkpoints/"))}
    expected -= {name for name in expected if name.startswith("dlcourse/checkpoints/") and name.endswith(".py")}
    assert found == expected and {"dlcourse/py.typed", "dlcourse/checkpoints/stylegan_faces.pt"} <= found
    licences = {name.rpartition("/")[2] for name in zipfile.ZipFile(wheel).namelist() if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}
    decoder = zipfile.ZipFile(wheel).getinfo("dlcourse/checkpoints/adain_decoder.pt")
    assert decoder.file_size < 5e6 and wheel.stat().st_size - decoder.compress_size < 17e6


@pytest.mark.long
def test_what_is_installed_works_in_any_folder(installed, tmp_path):
    program = installed / "dlcourse"
    assert "  train " in run(program, cwd=tmp_path)
    assert "optimizer:" in run(program, "train", "--cfg", "job", cwd=tmp_path)
    (image,) = run(program, "sample", "seeds=0-3", cwd=tmp_path).split()
    assert (tmp_path / image).is_file()
    run(program, "train", "runner.max_steps=20", cwd=tmp_path)
    assert list(tmp_path.glob("runs/points/*/checkpoints/step_0000020.pt"))
    code = "from dlcourse.stylegan.metrics import extractors as e; e.FaceFeatures(None); print(e.__file__)"
    assert run(installed / "python", "-c", code, cwd=tmp_path).startswith(str(installed.parent))
