"""A wrong path is told before torch is imported, by every command."""

import json
import subprocess
import sys

import pytest

from dlcourse.cli.main import COMMANDS
from dlcourse.style_transfer.named_images import NAMED_INITS
from dlcourse.style_transfer.task import INITS

PROGRAM = """
import contextlib, importlib, io, json, sys
for command in json.load(sys.stdin):
    name, *words = command
    sys.argv = [f"dlcourse {name}", *words]
    said, status = io.StringIO(), 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            importlib.import_module(f"dlcourse.cli.{name}").main()
        except SystemExit as end:
            status = end.code
    print(json.dumps([status, said.getvalue(), [one for one in HEAVY if one in sys.modules]]), flush=True)
"""
HEAVY = ["torch", "torchvision", "matplotlib", "optuna"]
STYLE, GAN, CATS = "experiment=style_transfer_offline", "experiment=stylegan_faces_tiny", "experiment=cats"
NO_RUN = "nope: no such run folder or checkpoint file"
NO_IMAGES = "dataset.root=nope: no such folder or zip file"
MISTAKES = [  # a command line, and its error message
    (["train", "resume=nope"], "resume=nope: not a run; there is no such folder"),
    (["train", "resume=latest"], "latest: no run in runs here"),
    (["train", STYLE, "content=nope.jpg"], "content=nope.jpg: no such file"),
    (["train", STYLE, "content=text.jpg"], "content=text.jpg: not an image that can be read"),
    (["train", STYLE, "style=[painting,nope.jpg]"], "style=nope.jpg: no such file"),
    (["train", STYLE, "dataset.style_regions=[left,nope.png]"], "dataset.style_regions=nope.png: no such file"),
    (["train", STYLE, "dataset.content_mask=."], "dataset.content_mask=.: is a folder, not a file"),
    (["train", STYLE, "task.init=nope.jpg"], "task.init=nope.jpg: no such file"),
    (["train", STYLE, "model.weights=nope"], "model.weights=nope: no such file (nor imagenet, edges, "),
    (["train", STYLE, "output=nope/C.jpg"], "output=nope/C.jpg: no such folder as nope; make it first"),
    (["train", "dataset=points_file", "dataset.path=nope.csv"], "dataset.path=nope.csv: no such file"),
    (["train", "dataset=points_file"], "dataset.path: no value given; set dataset.path=..."),
    (["train", CATS, "dataset.root=nope"], NO_IMAGES),
    (["train", GAN, "dataset=image_folder", "dataset.root=nope"], NO_IMAGES),
    (["train", "experiment=adain_style", "dataset.root=nope"], NO_IMAGES),
    (["train", "experiment=adain_style", "dataset.styles=nope"], "dataset.styles=nope: no such folder or zip file"),
    (["train", GAN, "init_from=nope"], f"init_from={NO_RUN}"),
    (["train", "resume=old"], "content=gone.jpg: no such file; relative paths of a run begin in the folder where"),
    (["sample", "nope"], NO_RUN),
    (["sample", "latest:cats"], "latest:cats: no run in runs/cats here"),
    (["sample", "empty"], "empty: not a run with a checkpoint (no checkpoints/step_*.pt in it)"),
    (["sample", "seeds=[0,nope.pt]"], "seeds=nope.pt: no such file"),
    (["train", "experiment=projection", "target=nope.jpg"], "target=nope.jpg: no such file"),
    (["train", "experiment=projection", "checkpoint=nope"], "checkpoint=nope: no such run folder or checkpoint file"),
    (["train", "experiment=projection", "task.init=nope.pt"], "task.init=nope.pt: no such file"),
    (["sample", "sampler=edit", "sampler.attributes=nope.csv"], "sampler.attributes=nope.csv: no such file"),
    (["evaluate", "nope"], NO_RUN),
    (["explore", "nope"], NO_RUN),
    (["explore", "port=0"], "port must be a whole number from 1 to 65535, got 0"),
    (["evaluate", "nope", "evaluation.extractor.weights=nope"], f"evaluation.extractor.weights={NO_RUN}"),
    (["evaluate", "empty", "dataset=image_folder", "dataset.root=nope"], NO_IMAGES),
    (["prepare_dataset", "dataset.root=nope"], NO_IMAGES),
    (["stylize", "nope.jpg", "mosaic"], "content=nope.jpg: no such file"),
    (["stylize", "seascape", "empty"], "style=empty: no images in it ("),
    (["stylize", "seascape", "text.jpg"], "style=text.jpg: not an image that can be read"),
    (["stylize", "seascape", "mosaic", "decoder=nope"], f"decoder={NO_RUN}"),
    (["stylize", "seascape", "mosaic", "decoder=5"], "decoder=5: no such run folder or checkpoint file"),
    (["stylize", "seascape", "null"], "style must be the path of an image or a folder, got null"),
    (
        ["train", STYLE, "output=C.webp", "dataset.content_size=[40,16384]"],
        "output=C.webp: a .webp holds at most 16383",
    ),
    (["train", "experiment=adain_style", "task.batch_size=0"], "task.batch_size must be at least 1, got 0\n"),
    (["train", "experiment=face_attributes", "task.batch_size=-1"], "task.batch_size must be at least 1, got -1\n"),
    (["blend", "nope", "output=C.jpg"], "nope: not a run; give a run's folder or latest, or two images"),
    (["blend", "old", "output=text.jpg"], "output=text.jpg: is there already"),
    (["style_frames", STYLE, "frames=nope", "output=new"], "frames=nope: no such folder"),
    (["style_frames", STYLE, "frames=empty", "output=new", "style=nope"], "style=nope: no such file"),
    (["compare", "nope"], "nope: no run there or below"),
    (["sheet", "nope"], "nope: no run there or below"),
    (["animate", "nope"], "nope: no such run folder"),
    (["report", "nope"], NO_RUN),
    (["report", "latest"], "argument RUN: latest: no run in runs here"),
    (["predict", "nope", "0,0"], NO_RUN),
    (["predict", "empty", "nope.jpg"], "nope.jpg: no such image, folder or .zip"),
    (["predict", "empty", "nope.csv"], "nope.csv: no such file"),
    (["predict", "text.jpg", "old"], "text.jpg: not a run; the run comes first: dlcourse predict old text.jpg"),
    (["predict", "empty", "old"], "empty: not a run; the run comes first: dlcourse predict old empty"),
    (["predict", "empty", "-dash.png"], "-dash.png: a word with a dash is an option; for the file, write ./-dash.png"),
    (["predict", "old", "–output", "x"], "–output: an option begins with two hyphens: --output"),
    (["find_lr", CATS, "dataset.root=nope"], NO_IMAGES),
    (["check_gradients", CATS, "dataset.root=nope"], NO_IMAGES),
    (["search", CATS, "dataset.root=nope", "optimizer=adam,sgd"], NO_IMAGES),
    (["import_checkpoint", "nope", "new.pt"], NO_RUN),
    (["export_checkpoint", "nope", "new.onnx"], NO_RUN),
    (["bundle_checkpoint", "nope", "new.pt"], NO_RUN),
]
WITHOUT_INPUT = {"demonstrate", "doctor", "submit"}  # the job of submit looks


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    place = tmp_path_factory.mktemp("here")
    (place / "text.jpg").write_text("no image")
    (place / "-dash.png").touch()
    (place / "empty").mkdir()
    (place / "old" / "checkpoints").mkdir(parents=True)
    (place / "old" / "checkpoints" / "step_0000001.pt").touch()
    nodes = ["device: cpu", "devices: 1", "model: {}", "runner: {}", "seed: 0", "content: gone.jpg"]
    data = "dataset: {_target_: dlcourse.style_transfer.dataset.ContentAndStyles, content: '${content}'}"
    (place / "old" / "composed.yaml").write_text("\n".join([*nodes, data, "task: {dataset: '${dataset}'}", ""]))
    before = sorted(place.rglob("*"))
    program = PROGRAM.replace("HEAVY", repr(HEAVY))
    asked = json.dumps([words for words, _ in MISTAKES])
    done = subprocess.run([sys.executable, "-c", program], input=asked, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(place.rglob("*")) == before
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_wrong_path_is_told_before_anything_large_is_imported(number, answers):
    status, said, loaded = answers[number]
    assert status == 1 and said.startswith(f"error: {MISTAKES[number][1]}") and said.count("\n") == 1, said
    assert not loaded


def test_every_command_is_among_them():
    assert set(COMMANDS) - {words[0] for words, _ in MISTAKES} == WITHOUT_INPUT


def test_the_names_that_are_no_paths_are_those_of_the_task():
    assert set(NAMED_INITS) == set(INITS)
