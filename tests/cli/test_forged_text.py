"""Files whose names and content speak to the terminal, given to every command that prints what files say."""

import importlib
import json
import os
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from conftest import ROOT
from dlcourse.cli import command_line  # noqa: F401  # here: imported by a command, it would take over the signals and streams of a process
from dlcourse.engine import checkpoint
from stylizers import write_decoder

FORGED = "x\x1b[2J\r\nerror: all is well\u2028\u202e"


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)


def runs(folder):
    """Two runs, which differ in a key of a forged name and value and have logged a forged metric."""
    for name in ("a", "b"):
        run = folder / f"{FORGED}{name}"
        image(run / "images" / f"{FORGED}_1.png")
        image(run / "images" / "other_1.png")
        config = {"task": {FORGED: f"{FORGED}{name}"}, "seed": 0}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        (run / "metrics.jsonl").write_text(json.dumps({"step": 1, f"loss{FORGED}": 1.0}) + "\n")
    return [str(run) for run in folder.iterdir()]


def compared(folder):
    return [*runs(folder), "--output", str(folder / "out")]


def no_network(folder):
    config = {
        "task": {"_target_": "dlcourse.classifier.task.Classification", FORGED: 1},
        "model": {"generator": {FORGED: 1}},
    }
    path = folder / FORGED / "a.pt"
    path.parent.mkdir()
    checkpoint.save_checkpoint(path, 1, config, {FORGED: {}, "generator_ema": {FORGED: torch.zeros(1)}})
    return str(path)


def foreign(folder):
    torch.save({FORGED: torch.zeros(1)}, folder / "a.pt")
    return str(folder / "a.pt")


def classes(folder):
    for name in (f"{FORGED}1", f"{FORGED}2"):
        image(folder / "root" / name / "a.png")
    (folder / "root" / f"{FORGED}1" / f"{FORGED}.png").write_text("no image")
    return [f"dataset.root={folder / 'root'}", "dataset.resolution=8", "dataset.min_size=1"]


def frames(folder):
    (folder / "frames").mkdir()
    (folder / "frames" / f"{FORGED}.png").write_text("no image")
    return ["experiment=style_transfer_offline", f"frames={folder / 'frames'}", f"output={folder / 'out'}"]


def broken_class(folder):
    root = folder / "root"
    image(root / "fine" / "a.png")
    (root / FORGED).mkdir()
    (root / FORGED / f"{FORGED}.png").write_text("no image")
    return ["experiment=cats", f"dataset.root={root}"]


def pair(folder):
    write_decoder(folder / "decoder.pt")
    (folder / f"{FORGED}.png").write_text("no image")
    return [os.fspath(folder / f"{FORGED}.png"), "mosaic", f"decoder={folder / 'decoder.pt'}"]


def attributes(folder):
    (folder / "a.csv").write_text(f'seed,"{FORGED}"\n1,1\n2,1\n')
    return ["sampler=edit", f"sampler.attributes={folder / 'a.csv'}"]


COMMANDS = {
    "compare.py": compared,
    "sheet.py": lambda folder: [*runs(folder), "--rows", "nothing"],
    "animate.py": lambda folder: runs(folder)[:1],
    "report.py": lambda folder: [no_network(folder)],
    "predict.py": lambda folder: [no_network(folder), FORGED],
    "stylize.py": pair,
    "blend.py": lambda folder: [runs(folder)[0], f"output={folder / 'c.png'}"],
    "bundle_checkpoint.py": lambda folder: [no_network(folder), str(folder / "b.pt")],
    "import_checkpoint.py": lambda folder: [foreign(folder), str(folder / "b.pt")],
    "export_checkpoint.py": lambda folder: [foreign(folder), str(folder / "b.pkl")],
    "demonstrate.py": lambda folder: [FORGED],
    "sample.py": attributes,
    "explore.py": lambda folder: [f"checkpoint={foreign(folder)}"],
    "evaluate.py": lambda folder: [f"checkpoint={foreign(folder)}"],
    "prepare_dataset.py": lambda folder: [*classes(folder), "dataset.num_classes=2", "dataset.cache=null"],
    "style_frames.py": frames,
    "find_lr.py": broken_class,
    "check_gradients.py": broken_class,
    "train.py": broken_class,
}


def test_no_command_is_missing():
    others = {"submit.py", "doctor.py", "search.py"}  # search: as train.py
    known = {path.name for path in (ROOT / "scripts").glob("*.py")}
    assert known - others == set(COMMANDS)


@pytest.mark.parametrize("script", COMMANDS)
def test_what_files_say_is_shown_and_not_obeyed(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *map(os.fspath, COMMANDS[script](tmp_path))])
    try:
        importlib.import_module(f"dlcourse.cli.{script.removesuffix('.py')}").main()
    except SystemExit as end:
        assert end.code == 1
    shown = "".join(capsys.readouterr())
    assert "x\\x1b[2J\\r\\nerror: all is well\\u2028\\u202e" in shown
    assert all(line.isprintable() for line in shown.split("\n"))
    assert not any(line.startswith("error: all") for line in shown.split("\n"))
