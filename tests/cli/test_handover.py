"""`output=` of a style transfer: the result where the user wants it, never over another file."""

import shutil

import pytest
from PIL import Image

from conftest import run_script, small_overrides
from dlcourse.images.files import open_image

SMALL = [*small_overrides("style_transfer_offline", 2), "model.weights=random", "run_dir=run"]


def train(tmp_path, *words):
    return run_script("train.py", *words, cwd=tmp_path)


def last_image(tmp_path):
    return open_image(sorted((tmp_path / "run" / "images").glob("*.png"))[-1], keep_alpha=True)


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A finished run that wrote C.png and C_strip.png, and what it said."""
    folder = tmp_path_factory.mktemp("painted")
    done = train(folder, *SMALL, "output=C.png", "strip=true")
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


@pytest.fixture
def run(painted, tmp_path):
    shutil.copytree(painted[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_result_and_the_strip_are_written_and_named(painted):
    folder, said = painted
    result, strip = open_image(folder / "C.png"), open_image(folder / "C_strip.png")
    assert result.tobytes() == last_image(folder).tobytes()
    assert strip.width > 3 * result.width and "icc_profile" in Image.open(folder / "C.png").info
    lines = said.splitlines()
    assert "output=C.png" in lines[0]
    at = lines.index("result: C.png")
    assert lines[at + 1] == "strip: C_strip.png" and lines[at + 2].startswith("images: ")


def test_a_run_that_goes_on_keeps_what_is_there(run):
    before = (run / "C.png").read_bytes()
    done = train(run, "resume=run", "runner.max_steps=4")
    assert "result: C_2.png" in done.stderr and "strip: C_2_strip.png" in done.stderr
    assert (run / "C.png").read_bytes() == before
    assert open_image(run / "C_2.png").tobytes() == last_image(run).tobytes()


@pytest.mark.long
def test_a_complete_run_writes_what_is_missing_or_asked_for(run):
    assert "result" not in train(run, "resume=run").stderr
    for path in run.glob("C*.png"):
        path.unlink()
    assert "result: C.png" in train(run, "resume=run").stderr
    assert "result: D.jpg" in train(run, "resume=run", "output=D.jpg").stderr
    again = train(run, "resume=run", "output=D.jpg")
    assert again.returncode == 1
    assert "error: output=D.jpg: is there already; choose another name, such as D_2.jpg" in again.stderr


@pytest.mark.long
def test_a_strangers_run_writes_nothing_outside_of_this_folder(run, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "C.png"
    composed = run / "run" / "composed.yaml"
    composed.write_text(composed.read_text().replace("output: C.png", f"output: {outside}"))
    done = train(run, "resume=run", "runner.max_steps=4")
    assert done.returncode == 0 and not outside.exists()
    assert f"output={outside}: is not in this folder, and so written only if it is typed again" in done.stderr
    assert f"result: {outside}" in train(run, "resume=run", f"output={outside}").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["output=no/C.jpg"], "output=no/C.jpg: no such folder as no; make it first, or choose another"),
        (["output=C.gif"], "output=C.gif: must end in one of .jpeg, .jpg, .png, .tif, .tiff, .webp"),
        (["output=C"], "output=C: must end in one of "),
        (["output=A.jpg"], "output=A.jpg: is there already; choose another name, such as A_2.jpg"),
        (
            ["output=B.jpg", "strip=true"],
            "output=B.jpg: B_strip.jpg is there already; choose another name, such as B_2.jpg",
        ),
        (["output=link.jpg"], "output=link.jpg: is there already"),
        (["strip=true"], "strip=true: the strip is written beside the result; give output=PATH.jpg as well"),
        (["output=C.jpg", "strip=3"], "strip must be true or false, got 3"),
        (["experiment=points", "output=C.jpg"], "output=C.jpg: output plays no part here; it is for style transfer"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_run(words, message, tmp_path):
    (tmp_path / "A.jpg").touch()
    (tmp_path / "B_strip.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("nowhere.jpg")
    before = sorted(tmp_path.iterdir())
    small = [] if words[0].startswith("experiment=") else SMALL
    done = train(tmp_path, *small, *words)
    assert done.returncode == 1 and f"error: {message}" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.long
def test_runs_of_a_sweep_and_of_a_search_do_not_share_a_file(tmp_path):
    small = [word for word in SMALL if not word.startswith("run_dir")]
    done = train(tmp_path, "-m", *small, "seed=0,1", "output=C.jpg")
    told = "every run of the sweep would write this; name a key that differs in it: 'output=C_${KEY}.jpg'"
    assert told in done.stderr
    done = train(tmp_path, "-m", *small, "seed=0,1", "output=C_${seed}.jpg")
    assert done.returncode == 0 and {path.name for path in tmp_path.glob("*.jpg")} == {"C_0.jpg", "C_1.jpg"}
    done = run_script("search.py", *small, "task.init=content,noise", "output=D.jpg", cwd=tmp_path)
    assert "error: output=D.jpg: every trial would write this; leave it out" in done.stderr
