"""The pages in docs keep their word: every command on them runs (for a few steps), every file and symbol exists."""

import itertools
import re
import shlex
import subprocess
import sys

import pytest
import torch

from conftest import PICTURES, ROOT, SMALL, compose, small_overrides
from dlcourse.build import build
from dlcourse.reports.demonstrations import SUMMARIES

PAGE = "".join((ROOT / "docs" / name).read_text() for name in ("course.md", "stylegan.md", "style_transfer.md"))
COMMANDS = re.findall(r"`python ((?:scripts|benchmarks)/[^`]+)`", PAGE)
TRAININGS = [
    line for line in COMMANDS if line.startswith("scripts/train.py") and "RUN" not in line and "--cfg" not in line
]
DEMONSTRATIONS = [line.split()[1] for line in COMMANDS if line.startswith("scripts/demonstrate.py")]
OTHERS = [line for line in COMMANDS if line not in TRAININGS and "demonstrate" not in line]
FEWER = {
    "scripts/search.py": ["search.trials=3", "runner.max_steps=20"],
    "scripts/find_lr.py": ["dataset.faces.num_images=200", "steps=50"],
    "benchmarks/neighbours.py": ["--seconds=0", "--rounds=1", "dataset.resolution=8", "runner.num_threads=1"],
    "benchmarks/stylegan_sampling.py": ["--resolutions=16", "--batches=1", "--rounds=1", "--repeats=2", "--threads=1"],
    "benchmarks/stylegan_training.py": ["--resolutions=16", "--batches=4", "--rounds=1", "--threads=1"],
    "benchmarks/time_split.py": ["--batch-size=8"],
}  # what makes a command quick


def variants(command):
    """The overrides of a training; of a sweep, each value once, the others at their first."""
    words = [word for word in shlex.split(command)[1:] if word != "-m"]
    lists = [re.split(r",(?![^\[{]*[\]}])", word) for word in words]
    choices = [[first, *(f"{first.partition('=')[0]}={value}" for value in rest)] for first, *rest in lists]
    if not choices:
        yield []
    for changed, options in enumerate(choices):
        for option in options if changed == 0 else options[1:]:
            yield [option if place == changed else other[0] for place, other in enumerate(choices)]


def test_variants_of_a_sweep():
    found = list(variants("scripts/train.py -m a=1,2 b=[],[2] c={d:1,e:2}"))
    assert found == [["a=1", "b=[]", "c={d:1,e:2}"], ["a=2", "b=[]", "c={d:1,e:2}"], ["a=1", "b=[2]", "c={d:1,e:2}"]]


def experiment_of(overrides):
    return next((word.partition("=")[2] for word in overrides if word.startswith("experiment=")), "points")


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_a_program_runs_and_says_true_shapes(program, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(program, names)
    said = re.findall(r"^ *(\w+) = .*# .*?(\([\d, ]+\))", program, re.MULTILINE)
    assert len(said) == 3 and all(str(tuple(names[name].shape)) == shape for name, shape in said)


@pytest.fixture(scope="module")
def points_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("points") / "points.csv"
    rows = itertools.product(range(8), range(8))
    path.write_text("x1,x2,label\n" + "".join(f"{x},{y},{'red' if x > y else 'blue'}\n" for x, y in rows))
    return path


@pytest.mark.parametrize("command", TRAININGS)
def test_a_training_takes_its_steps(command, points_csv):
    text = command.replace("PICTURES", str(PICTURES)).replace("POINTS.csv", str(points_csv))
    text = text.replace(" content=A.jpg style=B.jpg", "")
    for overrides in variants(text):
        experiment = experiment_of(overrides)
        small = small_overrides(experiment, 2) if SMALL.get(experiment) else ["runner.max_steps=2"]
        if "dataset=face_attributes" in overrides:
            small = ["dataset.faces.num_images=80", "dataset.faces.resolution=8", "task.batch_size=16"]
        config = compose(*overrides, *small)
        torch.manual_seed(config["seed"])
        task = build(config["task"], "task")
        task.setup(torch.device("cpu"))
        for _ in range(2):
            metrics = task.step() | task.evaluate()
        assert metrics and all(image.ndim == 4 for image in task.visualize().values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    quick = ["runner.max_steps=10", "runner.log_every=1", "runner.evaluate_every=5", "runner.visualize_every=5"]
    execute(f"scripts/train.py run_dir={folder} {' '.join(quick)}", folder.parent)
    return folder


def execute(command, cwd):
    script, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *words, *FEWER.get(script, [])],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", OTHERS)
def test_another_command_ends_well_and_says_something(command, run, tmp_path):
    if not torch.cuda.is_available():
        command = command.replace("--device cuda", "--device cpu")
    assert execute(command.replace("RUN", str(run)).replace("PICTURES", str(PICTURES)), tmp_path)


def test_every_demonstration_has_its_line():
    assert set(DEMONSTRATIONS) == set(SUMMARIES)


def test_every_row_of_the_course_has_its_line():
    counts = {"E": 5, "M": 11, "T": 6, "B": 6, "O": 14, "V": 6, "R": 9, "I": 6, "C": 11, "N": 9, "S": 16}
    mentioned = set(re.findall(r"\b[EMTBOVRICNS]\d+\b", PAGE))
    for letter, first, last in re.findall(r"\b([EMTBOVRICNS])(\d+)-[EMTBOVRICNS]?(\d+)\b", PAGE):
        mentioned |= {f"{letter}{number}" for number in range(int(first), int(last) + 1)}
    assert {f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)} <= mentioned


def test_files_and_symbols_exist():
    cells = re.findall(r"\[[\w.]+\]\(\.\./([^)#]+)\)((?:,? `[\w.]+`)*)", PAGE)
    assert len(cells) > 30
    for path, symbols in cells:
        text = (ROOT / path).read_text()
        for symbol in re.findall(r"`([\w.]+)`", symbols):
            for part in symbol.split("."):
                assert re.search(rf"^\s*(class|def) {part}\b|^{part}\b", text, re.MULTILINE), f"{path}: {part}"
