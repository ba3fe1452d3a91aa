"""Nothing is imported that a command does not need: a run waits for neither Matplotlib nor torchvision."""

import subprocess
import sys

import pytest

from conftest import ROOT, small_overrides

CODE = (
    "import sys, runpy; sys.argv = sys.argv[1:]\n"
    "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
    "finally: print(*sys.modules)"
)
HEAVY = {"matplotlib", "torchvision", "scipy", "sklearn", "pandas", "tensorflow"}


def modules_after(*arguments, cwd):
    command = [sys.executable, "-c", CODE, str(ROOT / "scripts" / "train.py"), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", [["--help"], ["--cfg", "job"]], ids=" ".join)
def test_help_and_the_config_come_without_torch_numpy_and_tensorboard(option, tmp_path):
    found = modules_after(*option, cwd=tmp_path)
    assert "hydra" in found
    assert not found & (HEAVY | {"torch", "numpy", "PIL", "tensorboard", "tqdm"})


@pytest.mark.long
@pytest.mark.parametrize(
    "experiment", ["points", pytest.param("style_transfer_offline", marks=pytest.mark.slow), "stylegan_faces_tiny"]
)
def test_a_run_imports_no_library_that_it_does_not_use(experiment, tmp_path):
    found = modules_after(*small_overrides(experiment, 2), "device=cpu", "run_dir=run", cwd=tmp_path)
    assert {"torch", "tensorboard"} <= found
    assert not found & HEAVY
