"""Where a result cannot be written, a command says so before its work, and leaves nothing behind."""

import importlib
import re
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

import dlcourse.classifier.demonstrations  # noqa: F401  # what is replaced below
import dlcourse.reports.runs  # noqa: F401
from conftest import compose
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.stylegan.sampling.sampler import check_output

IN_A_FILE = r"cannot be written \(file is a file, not a folder\)"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "w.pt").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    for name in ("photo.png", "style.png"):
        Image.linear_gradient("L").convert("RGB").save(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    yield tmp_path
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("file/a.png", IN_A_FILE),
        ("file/b/a.png", IN_A_FILE),
        ("/proc/no/a.png", r"cannot be written \(/proc: "),
        ("folder", "is a folder"),
        ("/dev/null", "no regular file"),
        ("x" * 250, "a name of more than 239 bytes"),
        (f"{'ä' * 128}/a.png", "a name of more than 239 bytes"),
        (f"{'ä' * 300}", "a name of more than 239 bytes"),
    ],
)
def test_files_that_cannot_be_written(path, words, here):
    with pytest.raises(UserError, match=f"^output=.: .*{words}"):
        outputs.check_file(Path(path), "output=.")


def test_files_that_can_be_written(here):
    for path in ("photo.png", "new/er/a.png", "folder/a.png", "x" * 239, "file.d/a"):
        outputs.check_file(Path(path), "")
    outputs.check_folder(here / "folder" / ".." / "new", "")
    with pytest.raises(UserError, match=r"^output=a: must end in one of \.png, \.gif$"):
        outputs.check_file(Path("a"), "output=a", (".png", ".gif"))


def test_a_name_that_is_taken_by_any_kind_of_result_gets_a_number(tmp_path):
    path = tmp_path / "samples" / "grid_psi0.7.png"
    assert outputs.unused(path) == path
    path.parent.mkdir()
    path.with_suffix(".pt").touch()
    assert outputs.unused(path).name == "grid_psi0.7_2.png"
    (path.parent / "grid_psi0.7_2").mkdir()
    assert outputs.unused(path).name == "grid_psi0.7_3.png"
    assert outputs.unused(path.parent / "grid_psi0.8.png").name == "grid_psi0.8.png"
    assert outputs.unused(tmp_path / "samples").name == "samples_2"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["sampler=edit", "seeds=w.pt", "output=w.png"], "w.pt is read here and would be over"),
        (["sampler=edit", "seeds=[1,w.pt]", "output=w.jpg"], "w.pt is read here and would be over"),
        (["sampler=edit", "output=a.gif"], r"must end in one of \.jpeg, .*or be a folder"),
        (["sampler=edit", "output=file/a.png"], IN_A_FILE),
        (["sampler=edit", "output=faces.png"], "faces.pt is read here and would be over"),
        (["output=file.png", "singles=true"], r"output=file\.png: cannot be written \(file is a file, not a folder\)"),
        (["sampler=mean_image", "output=file/"], IN_A_FILE),
        (["sampler=grid", "output=a.mp4"], r"must end in one of"),
        (["sampler=noise_walk", "output=folder.mp4"], r"output=folder\.mp4: folder\.png: is a folder"),
        (["sampler=interpolate", f"output={'x' * 250}.gif"], "a name of more than 239 bytes"),
    ],
)
def test_a_sampler_looks_before_it_draws(overrides, words, here, monkeypatch):
    sample = importlib.import_module("dlcourse.cli.sample")
    monkeypatch.setattr("dlcourse.stylegan.interop.files.load_generator", refuse_to_work)
    monkeypatch.setattr("dlcourse.stylegan.interop.locate.newest", lambda path: path)
    cfg = OmegaConf.create(compose("checkpoint=faces.pt", *overrides, config_name="sample"))
    with pytest.raises(UserError, match=words):
        sample.sample(cfg)


def test_a_video_without_pyav_is_refused_before_it_is_drawn(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    sampler = build(compose("sampler=interpolate", config_name="sample")["sampler"], "sampler")
    with pytest.raises(UserError, match="an .mp4 needs PyAV"):
        check_output(sampler, Path("walk.mp4"), False, [])
    check_output(sampler, Path("walk.gif"), False, [])


def refuse_to_work(*_, **__):
    raise AssertionError("the work has begun")


FILE = Path("file")
ARGPARSE = {  # script -> its function, its arguments, and where its work begins
    "animate": (
        "animate",
        {"run": FILE, "name": None, "output": FILE / "a.gif"},
        "dlcourse.reports.animation.write_animation",
    ),
    "sheet": ("make_sheet", {"runs": [], "output": FILE / "a.png"}, "dlcourse.reports.runs.find_runs"),
    "compare": ("compare", {"runs": [], "output": FILE}, "dlcourse.reports.runs.find_runs"),
    "report": ("report", {"run": FILE, "output": FILE / "a"}, "dlcourse.cli.report.load_task"),
    "demonstrate": (
        "draw_demonstrations",
        {"names": ["softmax"], "output": FILE},
        "dlcourse.cli.demonstrate.demonstrate",
    ),
    "bundle_checkpoint": (
        "bundle",
        {"source": FILE, "target": FILE / "a.pt"},
        "dlcourse.engine.checkpoint.Checkpoint.load",
    ),
    "export_checkpoint": (
        "export_checkpoint",
        {"checkpoint": FILE, "target": FILE / "a.pkl"},
        "dlcourse.stylegan.interop.files.load_pretrained",
    ),
}


@pytest.mark.parametrize("script", ARGPARSE)
def test_a_report_looks_before_it_reads(script, here, monkeypatch):
    function, arguments, work = ARGPARSE[script]
    module = importlib.import_module(f"dlcourse.cli.{script}")
    monkeypatch.setattr(work, refuse_to_work)
    monkeypatch.setattr("dlcourse.reports.runs.images_of", lambda run, name: ("map", {}))
    with pytest.raises(UserError, match=IN_A_FILE):
        getattr(module, function)(Namespace(**arguments))


@pytest.mark.parametrize(
    ("target", "words"),
    [("no/a.pt", "^no: no such folder"), ("folder.png", "exists"), ("x" * 250, "a name of")],
)
def test_an_import_looks_before_it_reads(target, words, here, monkeypatch):
    monkeypatch.setattr("dlcourse.stylegan.interop.files.load_pretrained", refuse_to_work)
    with pytest.raises(UserError, match=words):
        importlib.import_module("dlcourse.cli.import_checkpoint").import_checkpoint(
            Namespace(source=[FILE], target=Path(target), resolution=None)
        )


def test_a_bundle_does_not_replace_what_it_is_made_of(here, monkeypatch):
    monkeypatch.setattr("dlcourse.engine.checkpoint.Checkpoint.load", refuse_to_work)
    with pytest.raises(UserError, match=r"^folder/\.\./file: is what is read here"):
        importlib.import_module("dlcourse.cli.bundle_checkpoint").bundle(
            Namespace(source=FILE, target=Path("folder/../file"))
        )


HYDRA = {  # script -> overrides, and where its work begins
    "evaluate": (["checkpoint=file", "output=file"], "dlcourse.stylegan.interop.files.load_generator"),
    "find_lr": (["output=file/a.png"], "dlcourse.cli.run_folders.build_classifier"),
    "prepare_dataset": (["dataset.root=.", "output=file/a.png"], "dlcourse.datasets.image_folder.ImageFolder.levels"),
    "style_frames": (
        ["experiment=style_transfer_offline", "frames=.", "output=file/a"],
        "dlcourse.style_transfer.video.FrameSequence.images",
    ),
}


@pytest.mark.parametrize("script", HYDRA)
def test_a_command_looks_before_it_works(script, here, monkeypatch):
    overrides, work = HYDRA[script]
    module = importlib.import_module(f"dlcourse.cli.{script}")
    monkeypatch.setattr(work, refuse_to_work)
    cfg = OmegaConf.create(compose(*overrides, config_name=script))
    with pytest.raises(UserError, match=IN_A_FILE):
        getattr(module, script)(cfg)


def test_a_search_looks_before_its_first_trial(here, monkeypatch):
    search = importlib.import_module("dlcourse.cli.search")
    monkeypatch.setattr("dlcourse.search.study.open_study", refuse_to_work)
    settings = build(compose("search.folder=file/a", config_name="search")["search"], "search")
    with pytest.raises(UserError, match=re.escape("search.folder=file/a: cannot be written (file is a file")):
        search.take_part(settings, "name", Path("file/a"), {}, [], None)
