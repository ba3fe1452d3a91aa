"""One command for all of scripts/*.py: its list, its mistakes, and that it does what they do."""

import importlib
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from dlcourse.cli import command_line

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
    assert done.returncode == 1 and "error: argument --resolution: must be a whole number, got x" in done.stderr


@pytest.mark.parametrize("option", [["--help"], ["--cfg", "job"]], ids=" ".join)
def test_help_and_the_config_come_without_torch(option, tmp_path):
    done = dlcourse("train", *option, cwd=tmp_path, before=MODULES)
    assert done.returncode == 0 and "optimizer" in done.stdout, done.stderr
    modules = set(done.stdout.splitlines()[-1].split())
    assert "hydra" in modules and not modules & HEAVY


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--help", "optimizer"], "optimizer is one of:"),
        (["help", "sample", "truncation_psi"], "truncation_psi=0.7"),
        (["train", "lr=1"], "error: lr: no such key; did you mean optimizer.lr?"),
        (["train", "--lr=0.1"], "keys have no dashes, as in optimizer.lr=0.1 (--help tells more)"),
        (["search", "psi=1"], "error: psi: no such key here; truncation_psi is of dlcourse sample"),
        (["compare", "help"], "example: dlcourse compare"),
        (["help"], "Start here:"),
    ],
    ids=" ".join,
)
def test_what_a_key_means_or_should_be_is_said_without_torch(words, said, tmp_path):
    done = dlcourse(*words, cwd=tmp_path, before=MODULES)
    assert said in done.stdout + done.stderr
    assert not set(done.stdout.splitlines()[-1].split()) & HEAVY


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "RUN", "--top", "x"], "argument --top: must be a whole number, got x"),
        (["report", "RUN", "--top", "-1"], "argument --top: must be at least 0, got -1"),
        (["predict", "RUN", "A", "--uncertain", ""], "argument --uncertain: must be a number, got an empty word"),
        (["animate", "RUN", "--seconds", "nan"], "argument --seconds: must be a number, got nan"),
        (["submit", "--gpus", "1.5"], "argument --gpus: must be a whole number, got 1.5"),
        (["compare", "RUN", "--smooth", "much"], "argument --smooth: must be a number, got much"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_no_number_is_refused_in_plain_words(words, said, tmp_path):
    done = dlcourse(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {said} (--help tells more)\n")


NAMES = sorted(path.stem for path in (ROOT / "scripts").glob("*.py") if path.stem != "bundle_checkpoint")
WITH_OPTIONS = [name for name in NAMES if "add_argument(" in (ROOT / f"src/dlcourse/cli/{name}.py").read_text()]


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_option_is_explained_with_its_default_and_an_example(name, tmp_path, monkeypatch):
    parsers = []
    monkeypatch.setattr(command_line.Parser, "parse_args", lambda self: parsers.append(self))
    monkeypatch.setattr(command_line, "run", lambda *_: None)
    importlib.import_module(f"dlcourse.cli.{name}").main()
    (parser,) = parsers
    text = parser.format_help()
    assert f"example: {parser.prog} " in text and max(map(len, text.splitlines())) <= 106
    for action in parser._actions:
        assert action.help, action.dest
        if action.default not in (None, False, "==SUPPRESS=="):
            assert "default: " in action.help, action.dest


def test_there_are_commands_with_options():
    assert len(WITH_OPTIONS) == 10
