"""Every command that a page, a config or a program names runs, reduced, and leaves what is said of it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from conftest import EVERY_STEP, IMAGES, ROOT, SMALL, SMALL_GAN, compose
from dlcourse.engine.build import build
from documented import PAGES, everywhere, filled, quick, quick_training, values_of
from films import write_film
from warm import warm

COMMANDS = everywhere()
NOT_RUN = {  # command -> why; those of Hydra are composed
    r"scripts/submit\.py": "needs SLURM; tests/cli/test_submit.py sends a job to this machine",
    r"torchrun |\bdevices=2\b": "tests/engine/test_processes.py trains by several processes, started both ways",
    r"scripts/explore\.py": "serves until it is ended; tests/page has its tests",
    r"benchmarks/page\.py": "it needs a browser",
    r"tensorboard ": "serves until it is ended; tests/engine/test_tensorboard.py reads what it would show",
    r"runner\.profile=true": "tests/engine/test_profiling.py profiles runs of every system",
    r"evaluation=inception": "Inception's weights are not downloaded",
    r"--rosinality CLONE": "needs a clone of rosinality/style-based-gan-pytorch",
    r"benchmarks/fast_style_transfer\.py": "it needs another program, in an environment of its own",
    r"benchmarks/style_transfer\.py.* --(large|to-loss)": "2048 pixels, or 300 evaluations, whatever else is given",
    r"scripts/demonstrate\.py( \w+)?$": "tests/classifier/test_demonstrations.py draws each of them",
}
# several processes each: ten seconds to minutes
SLOW = r"benchmarks/(neighbours|shape|startup|style_transfer|stylegan_sampling|stylegan_training|sweep_overhead)\.py"
LEAVES = {  # command -> what it leaves in the folder where it runs, or prints
    r"search\.py": ["runs/search/*/trial_0000", "runs/search/*/trials.csv", "runs/search/*/search.png"],
    r"search\.db": ["search.db"],
    r"compare\.py": ["*/curves.png", "*/table.csv"],
    r"sheet\.py": ["sheet.png"],
    r"output=(walk|noise)\.(mp4|gif)": ["walk.*|noise.*", "walk.png|noise.png"],
    r"style_frames\.py": ["painted/2.png|C.mp4", "painted/flicker.json|C_frames/painted/flicker.json"],
    r"import_checkpoint\.py.*ffhq": ["checkpoints/ffhq.pt"],
    r"export_checkpoint\.py": ["*.pkl"],
    r"bundle_checkpoint\.py.*attributes": ["checkpoints/face_attributes.pt"],
    r"train\.py -m .*optimizer=sgd,momentum,adam ": ["runs/points/*/1_*/config.yaml"],
}


def reason_not_to_run(command):
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, command)), None)


def once(commands):
    """Those that are not the same when they are filled in and reduced."""
    return list({" ".join(quick(filled(command))): command for command in reversed(commands)}.values())[::-1]


RUN = once([command for command in COMMANDS if not reason_not_to_run(command)])
MARKED = [pytest.param(c, marks=[pytest.mark.slow] if re.match(SLOW, c) else [], id=c) for c in RUN]
COMPOSED = [c for c in once(COMMANDS) if reason_not_to_run(c) and re.match(r"scripts/(train|sample|evaluate)\.py", c)]
SWEEPS = [command for command in RUN if command.startswith("scripts/train.py -m ")]


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """What the placeholders stand for."""
    folder = tmp_path_factory.mktemp("things")
    for name, angle in (("A", 0), ("B", 90), ("PHOTO", 180)):
        Image.linear_gradient("L").convert("RGB").rotate(angle).resize((60, 44)).save(folder / f"{name}.jpg")
    write_film(folder / "A.mp4", 2)
    (folder / "frames").mkdir()
    for number in (1, 2):
        Image.radial_gradient("L").convert("RGB").rotate(number).resize((60, 44)).save(folder / f"frames/{number}.png")
    rows = "".join(f"{x},{y},{'red' if x > y else 'blue'}\n" for x in range(8) for y in range(8))
    (folder / "POINTS.csv").write_text(f"x1,x2,label\n{rows}")
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for path in sorted(IMAGES.rglob("*.jpg")):
            archive.write(path, Path(path.parent.name, f"{path.parent.parent.name}_{path.name}"))
    short = " ".join([*EVERY_STEP, "runner.max_steps=2"])
    paint = f"experiment=style_transfer_offline {' '.join(SMALL['style_transfer_offline'])}"
    paint = paint.replace("style_size=44", "style_size=44,40") + " objective.content_weight=0.001,0.01"
    for command in (
        f"scripts/train.py run_dir=points {short}",
        f"scripts/train.py experiment=cats run_dir=classes {short} {' '.join(SMALL['cats'])}",
        f"scripts/train.py -m optimizer=sgd,momentum {short} hydra.sweep.dir=optimizers",
        f"scripts/train.py experiment=stylegan_faces_tiny run_dir=gan {short} {' '.join(SMALL_GAN)}",
        f"scripts/train.py -m {paint} {short} hydra.sweep.dir=paintings",
        "scripts/export_checkpoint.py gan official.pkl",
        "scripts/import_checkpoint.py official.pkl imported.pt",
        "scripts/train.py experiment=projection checkpoint=gan target=PHOTO.jpg runner.max_steps=1 run_dir=found",
    ):
        done = warm().run(shlex.split(command), folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    (folder / "painting").symlink_to(sorted((folder / "paintings").glob("0_*"))[0])
    return folder


@pytest.mark.long
@pytest.mark.parametrize("command", MARKED)
def test_a_command_runs(command, things, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(things / "points", tmp_path / "copy")
    command = filled(command, things=things, images=IMAGES, copy="copy", root=ROOT)
    done = warm().run(quick(command), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr and "Traceback" not in done.stderr
    for pattern, left in LEAVES.items():
        if re.search(pattern, command) and not {"--help", "--cfg"} & set(shlex.split(command)):
            for either in left:
                assert any(list(tmp_path.glob(one)) for one in either.split("|")), f"{either} is not there"


@pytest.mark.parametrize("command", COMPOSED, ids=str)
def test_a_command_that_is_not_run_composes(command):
    program, *words = shlex.split(filled(command, things="there", images="there", copy="there", root=ROOT))
    compose(*words, config_name=Path(program).stem)


@pytest.mark.long
@pytest.mark.parametrize("command", SWEEPS, ids=str)
def test_every_value_of_a_sweep_takes_its_steps(command, things):
    """Each value once, the other keys at their first; the first two are run above."""
    words = shlex.split(filled(command, things=things, images=IMAGES, copy="", root=ROOT))[2:]
    first, *others = ([values_of(word)[0] for word in words], *map(values_of, words))
    more = quick_training(dict(word.split("=", 1) for word in first))
    swept = {values[0].partition("=")[0] for values in others if len(values) > 1}
    more = [word for word in more if word.partition("=")[0] not in swept]
    more += ["dataset.faces.num_images=1000"] if "experiment=batch_size" in first else []
    for place, values in enumerate(others):
        key = values[0].partition("=")[0]
        for value in values[2:]:
            overrides = [*first[:place], f"{key}={value}", *first[place + 1 :]]
            config = compose(*(word for word in [*overrides, *more] if not word.startswith("hydra")))
            torch.manual_seed(config["seed"])
            task = build(config["task"], "task")
            task.setup(torch.device("cpu"))
            for _ in range(2):
                metrics = task.step() | task.evaluate()
            assert metrics and all(image.ndim == 4 for image in task.visualize().values())


@pytest.mark.long
def test_the_demo_runs(tmp_path):
    """With trainings of eight steps."""
    python = tmp_path / "python"
    small = "dataset.content_size=44 dataset.style_size=44"
    style, other = f'*style_t*) set -- "$@" {small} runner.max_steps=8;;', '*train*) set -- "$@" runner.max_steps=8;;'
    fast = f'case "$*" in {style} {other} esac'
    python.write_text(f'#!/bin/sh\n{fast}\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    demo = subprocess.run(
        ["sh", ROOT / "scripts" / "demo.sh"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": "./python", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    page = tmp_path / demo.stdout.splitlines()[-1].removeprefix("Open in a browser: ")
    shown = re.findall(r'(?:src|href)="([^"]+)"', page.read_text())
    assert len(shown) == 7 and all((page.parent / path).is_file() for path in shown)


def test_something_was_found():
    places = set(COMMANDS.values())
    assert len(COMMANDS) > 150 and len(RUN) > 130
    assert {"README.md", "docs/classifier.md", "configs/search.yaml", "scripts/sheet.py"} <= places
    for pattern in (*NOT_RUN, *LEAVES):
        assert any(re.search(pattern, filled(command)) for command in COMMANDS), f"{pattern} is of no command"


def test_programs_that_are_named_are_there():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "checkpoints" / "README.md"]
    named = set(re.findall(r"(?:`|^)dlcourse (\w+)", "\n".join(path.read_text() for path in pages), re.MULTILINE))
    programs = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert len(named) > 15 and named <= programs, named - programs


def test_documented_targets_of_make_are_there():
    pages = "\n".join(path.read_text() for path in (*PAGES, ROOT / "CONTRIBUTING.md"))
    named = set(re.findall(r"make (\w[\w-]*)", "\n".join(re.findall(r"`make [^`]*`|^make .*", pages, re.M))))
    assert {"demo", "test", "test-all", "setup", "check", "test-slow"} <= named
    for target in named:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def test_keys_that_are_named_are_there():
    known = {"sampler.features.weights"}  # of a group within a group
    for path in (ROOT / "configs").rglob("*.yaml"):
        text = path.read_text()
        is_whole = path.parent.name == "configs" or "@package _global_" in text
        known |= set(keys_of(yaml.safe_load(text), "" if is_whole else f"{path.parent.name}."))
    groups = {path.name for path in (ROOT / "configs").iterdir() if path.is_dir()} | {"search", "sequence"}
    named = rf"(?<![\w./+-])((?:{'|'.join(groups)})(?:\.[a-z_0-9]+)+)(?![\w(/])"
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "configs").rglob("*.yaml")]
    helps = re.findall(r".*help=.*", "\n".join(path.read_text() for path in (ROOT / "src/dlcourse/cli").glob("*.py")))
    found = set(re.findall(named, "\n".join([*(path.read_text() for path in pages), *helps])))
    found = {key for key in found if not key.endswith((".db", ".json", ".png", ".py"))}
    assert len(found) > 80 and found <= known, found - known


def keys_of(node, prefix):
    for name, value in node.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from keys_of(value, f"{prefix}{name}.")
