"""A weaker style transfer from a run or from two images."""

import re
import shutil

import pytest
from PIL import Image

from conftest import run_script, small_overrides
from dlcourse.images.files import open_image


def picture(angle: int) -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").rotate(angle * n) for n in (1, 2, 3)]).resize((60, 44))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of a half transparent content, and images."""
    folder = tmp_path_factory.mktemp("blend")
    content = picture(90)
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    content.save(folder / "content.png")
    picture(180).save(folder / "other.png")
    picture(90).resize((30, 22)).save(folder / "small.png")
    picture(90).resize((60, 20)).save(folder / "wide.png")
    words = ["content=content.png", "dataset.keep_alpha=true", "model.weights=random", "run_dir=runs/a"]
    done = run_script("train.py", *small_overrides("style_transfer_offline", 2), *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    points = run_script("train.py", "runner.max_steps=1", "run_dir=points", cwd=folder)
    assert points.returncode == 0, points.stderr
    return folder


def blend(folder, *words):
    done = run_script("blend.py", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return open_image(folder / done.stdout.strip(), keep_alpha=True)


def result_of(folder):
    return open_image(sorted((folder / "runs" / "a" / "images").glob("*.png"))[-1], keep_alpha=True)


@pytest.mark.long
def test_a_run_is_blended_with_its_content_and_keeps_its_transparency(folder):
    result = result_of(folder)
    assert result.mode == "RGBA"
    assert blend(folder, "runs/a", "output=same.png").tobytes() == result.tobytes()
    none = blend(folder, "luminance=0", "color=0", "latest", "output=none.png")
    content = open_image(folder / "content.png", keep_alpha=True).resize(result.size, Image.Resampling.LANCZOS)
    assert none.tobytes() == content.tobytes()
    grey = blend(folder, "run=runs/a", "color=0", "output=grey.png")
    assert grey.getchannel("A").tobytes() == result.getchannel("A").tobytes()
    assert grey.tobytes() not in (none.tobytes(), result.tobytes())
    assert "icc_profile" in Image.open(folder / "grey.png").info


def test_two_images_are_blended(folder):
    half = blend(folder, "small.png", "small.png", "luminance=0.5", "output=small_half.png")
    assert half.tobytes() == open_image(folder / "small.png").tobytes()
    scaled = blend(folder, "other.png", "small.png", "scaled.png", "luminance=0", "color=0")
    assert scaled.tobytes() == open_image(folder / "other.png").resize((30, 22), Image.Resampling.LANCZOS).tobytes()
    end = blend(folder, "content.png", "output=end.png", "other.png")
    assert end.tobytes() == open_image(folder / "other.png").tobytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "nope: not a run; give a run's folder or latest, or two images, CONTENT RESULT"),
        (["other.png"], "other.png: a file, not a run; of two images, dlcourse blend CONTENT RESULT"),
        (["points"], "points: its dataset is Points; only a style transfer has content and style images"),
        (["other.png", "nope.png"], "result=nope.png: no such file"),
        (["nope.png", "other.png"], "content=nope.png: no such file"),
        (
            ["wide.png", "other.png"],
            "wide.png has 60 x 20 pixels, other.png 60 x 44 pixels; content and result must have one shape",
        ),
        (["runs/a", "luminance=1.5"], "luminance must be from 0 (the content) to 1 (the result), got 1.5"),
        (["runs/a", "color=null"], "color must be from 0 (the content) to 1 (the result), got null"),
        (["runs/a", "luminance=", "color=0"], "luminance=: no value is given; give one, or leave luminance out"),
        (["runs/a", "run=points"], "runs/a: run=points names another run; give one of them"),
        (["a", "b", "c"], "c: output=new.png names another output; give one of them"),
        (["a", "b", "output=new.png", "c", "d"], "c: output=new.png names another output"),
        ([], "run: no value given; the words are RUN, or CONTENT RESULT [OUTPUT]"),
        (["runs/a", "strength=0.5"], "strength: no such key; did you mean luminance?"),
        (["runs/a", "output=other.png"], "output=other.png: is there already; choose another name"),
    ],
)
def test_what_cannot_be_blended_is_told(words, message, folder):
    given = words if any(word.startswith("output=") for word in words) else [*words, "output=new.png"]
    done = run_script("blend.py", *given, cwd=folder)
    assert done.returncode == 1 and f"error: {message}" in done.stderr
    assert not (folder / "new.png").exists()


def test_a_content_of_another_shape_or_a_huge_size_in_the_config_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "runs" / "a" / "config.yaml"
    config.write_text(re.sub("content_size: .*", "content_size: 1000000000", config.read_text()))
    assert blend(tmp_path, "runs/a", "output=1.png").tobytes() == result_of(tmp_path).tobytes()
    picture(90).resize((60, 20)).save(tmp_path / "content.png")
    done = run_script("blend.py", "runs/a", "output=new.png", cwd=tmp_path)
    assert done.returncode == 1 and "error: content=content.png, scaled, has " in done.stderr
