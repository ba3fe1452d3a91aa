"""One command for all of scripts/*.py: its list, its mistakes, and that it does what they do."""

import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT

MODULES = "import atexit; atexit.register(lambda: print(*sys.modules))"
HEAVY = {"torch", "numpy", "PIL", "tensorboard"}


def dlcourse(*words, cwd, before=""):
    code = f"import sys; from dlcourse.cli.main import main\n{before}\nmain()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-P", "-c", code, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]], ids=str)
def test_the_commands_are_listed_a_line_each_without_a_library(words, tmp_path):
    done = dlcourse(*words, cwd=tmp_path, before=MODULES)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    *listed, modules = done.stdout.splitlines()
    assert not set(modules.split()) & (HEAVY | {"hydra", "omegaconf"})
    names = {line[1] for line in map(re.compile(r"  (\w+) +[A-Z].*\.").fullmatch, listed) if line}
    assert names == {path.stem for path in (ROOT / "scripts").glob("*.py")} - {"bundle_checkpoint"}
    assert max(map(len, listed)) <= 120


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trian", "trian: no such command; did you mean train? dlcourse --help lists them"),
        ("find-rl", "find-rl: no such command; did you mean find_lr? dlcourse --help lists them"),
        ("xyzzy", "xyzzy: no such command; dlcourse --help lists them"),
        ("a\x1b[31m", r"a\x1b[31m: no such command; dlcourse --help lists them"),
        ("../train", "../train: no such command; did you mean train? dlcourse --help lists them"),
        ("seed=1", "seed=1: the command comes first, as in dlcourse train seed=1; dlcourse --help lists the commands"),
    ],
)
def test_another_word_is_refused_in_a_line(word, said, tmp_path):
    done = dlcourse(word, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {said}\n")


def test_hyphens_stand_for_underscores_and_words_go_on_to_the_command(tmp_path):
    done = dlcourse("import-checkpoint", "--resolution", "x", cwd=tmp_path)
    assert done.returncode == 1 and "error: argument --resolution: invalid int value: 'x'" in done.stderr


@pytest.mark.parametrize("option", [["--help"], ["--cfg", "job"]], ids=" ".join)
def test_help_and_the_config_come_without_torch(option, tmp_path):
    done = dlcourse("train", *option, cwd=tmp_path, before=MODULES)
    assert done.returncode == 0 and "optimizer" in done.stdout, done.stderr
    modules = set(done.stdout.splitlines()[-1].split())
    assert "hydra" in modules and not modules & HEAVY
