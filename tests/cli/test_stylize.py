"""dlcourse stylize: images, folders and sheets by an untrained decoder."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.cli.stylize import results_of
from dlcourse.images.files import open_image
from dlcourse.images.tensors import to_pil_image, to_tensor
from dlcourse.images.video_files import open_video
from dlcourse.style_transfer.colors import luminance
from dlcourse.style_transfer.inputs import COLORS
from dlcourse.style_transfer.painter import FramePainter, Painter
from dlcourse.style_transfer.stylizer import Stylizer, load_stylizer
from films import film_facts, sound_of, write_film
from stylizers import write_decoder

SMALL = ["size=48", "style_size=48", "decoder=decoder.pt"]


@pytest.fixture
def folder(tmp_path):
    write_decoder(tmp_path / "decoder.pt")
    gradient = Image.linear_gradient("L")
    image = Image.merge("RGB", [gradient, gradient.rotate(90), gradient.rotate(180)]).resize((60, 44))
    image.save(tmp_path / "A.png")
    image.rotate(180).save(tmp_path / "B.png")
    image.putalpha(gradient.resize(image.size))
    image.save(tmp_path / "glass.png")
    (tmp_path / "many").mkdir()
    for name in ("1.png", "2.jpg", "2.png"):
        image.convert("RGB").save(tmp_path / "many" / name)
    (tmp_path / "many" / "broken.png").write_text("no image")
    return tmp_path


def stylize(folder, *words):
    return run_script("stylize.py", *words, cwd=folder)


def painted(folder, *words, name):
    done = stylize(folder, *words)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{re.escape(name)}: \d+ x \d+ pixels, \d+\.\d s\n", done.stdout)
    return open_image(folder / name, keep_alpha=True)


def test_an_image_is_painted_as_the_stylizer_does_in_its_own_size_and_not_over_another(folder):
    plain = ["style_size=48", "decoder=decoder.pt", "strength=1", "grain=1"]
    image = painted(folder, "A.png", *plain, "B.png", name="A_B.png")
    stylizer = load_stylizer(folder / "decoder.pt")
    content, style = (to_tensor(open_image(folder / name))[None] for name in ("A.png", "B.png"))
    style = to_tensor(open_image(folder / "B.png").resize((48, 35), Image.Resampling.LANCZOS))[None]
    expected = stylizer(content, [stylizer.style_of([style], [1.0])])
    difference = to_tensor(image) - to_tensor(to_pil_image(expected[0]))
    assert image.size == (60, 44) and float(difference.abs().max()) <= 1 / 255 + 1e-6
    assert painted(folder, "A.png", "B.png", *SMALL, name="A_B_2.png").size == (48, 35)
    again = stylize(folder, "A.png", "B.png", "A_B.png", *SMALL)
    assert again.returncode == 1 and "output=A_B.png: is there already; choose another name" in again.stderr


def test_strength_colours_several_styles_regions_and_transparency(folder):
    full = painted(folder, "A.png", "[B.png,mosaic]", *SMALL, name="A_B_mosaic.png")
    half = painted(folder, "A.png", "[B.png,mosaic]", *SMALL, "strength=0.5", "half.png", name="half.png")
    one = painted(folder, "A.png", "[B.png,mosaic]", *SMALL, "style_weights=[1,3]", "one.png", name="one.png")
    regions = ["style_regions=[left,right]", "output=regions.png"]
    split = painted(folder, "A.png", "[B.png,mosaic]", *SMALL, *regions, name="regions.png")
    assert len({image.tobytes() for image in (full, half, one, split)}) == 4
    kept = painted(folder, "glass.png", "mosaic", *SMALL, "colors=keep_chroma", name="glass_mosaic.png")
    content = to_tensor(open_image(folder / "glass.png", keep_alpha=True).resize(kept.size, Image.Resampling.LANCZOS))
    result = to_tensor(kept)
    assert torch.equal(result[3], content[3])
    chroma = [image[:3] - luminance(image[:3]) for image in (result, content)]
    torch.testing.assert_close(*chroma, atol=1 / 255 + 1e-6, rtol=0)


def test_in_regions_half_precision_paints_nearly_the_same_and_the_rest_stays_as_it_is(folder):
    words = ["A.png", "B.png", *SMALL, "strength=0.5", "style_regions=[left]"]
    exact, half = (
        to_tensor(painted(folder, *words, f"precision={precision}", f"{precision}.png", name=f"{precision}.png"))
        for precision in ("fp32", "bf16")
    )
    assert 0 < float((exact - half).abs().mean()) < 0.01
    content = to_tensor(open_image(folder / "A.png").resize((48, 35), Image.Resampling.LANCZOS))
    for image in (exact, half):
        assert torch.equal(image[..., 31:], content[..., 31:]) and not torch.equal(image[..., :17], content[..., :17])


@pytest.mark.parametrize("colors", COLORS)
def test_outside_of_regions_the_content_stays_whatever_the_colours(colors, folder):
    painter = Painter(str(folder / "decoder.pt"), 1.0, 1.0, 64, 48, None, ["left", "top"], colors)
    image = to_tensor(painter(str(folder / "A.png"), [str(folder / "B.png"), "mosaic"]))
    content = to_tensor(open_image(folder / "A.png").resize((64, 47), Image.Resampling.LANCZOS))
    assert torch.equal(image[:, 31:, 42:], content[:, 31:, 42:])
    assert not torch.equal(image[:, :12, :20], content[:, :12, :20])  # there the regions overlap


def test_an_image_that_is_not_finite_is_not_written(folder):
    saved = torch.load(folder / "decoder.pt")
    saved["state"]["model"]["decoder.quarter_size.0.weight"] *= 1e38
    torch.save(saved, folder / "big.pt")
    write_film(folder / "A.mp4")
    before = sorted(folder.rglob("*"))
    for content, output in (("A.png", "C.png"), ("A.mp4", "C.mp4"), ("many", "out"), ("A.png", "C.png")):
        done = stylize(folder, content, "B.png", output, *SMALL[:-1], "decoder=big.pt")
        assert done.returncode == 1
        assert done.stderr == "error: decoder=big.pt: its image is not finite; its training has diverged\n"
    assert sorted(folder.rglob("*")) == before


def test_files_with_an_equals_sign_in_their_names_are_words_or_values(folder):
    for name in ("a=b.png", "c=d.png", "strength=0.8"):
        (folder / name).write_bytes((folder / "A.png").read_bytes())
    first = painted(folder, "a=b.png", "[c=d.png,B.png]", "1.png", *SMALL, "strength=0.8", name="1.png")
    again = painted(folder, "content=a=b.png", "style=[c=d.png,B.png]", "output=2.png", *SMALL, name="2.png")
    after_key = painted(folder, "content=a=b.png", "[c=d.png,B.png]", "3.png", *SMALL, name="3.png")
    assert first.tobytes() == again.tobytes() == after_key.tobytes()


def test_a_folder_of_contents_goes_on_names_what_is_broken_and_keeps_what_is_there(folder):
    done = stylize(folder, "many", "mosaic", "new/out", *SMALL)
    assert done.returncode == 1
    assert "skipped content=many/broken.png: not an image that can be read" in done.stderr
    assert "error: 1 of 4 images could not be painted; they are named above" in done.stderr
    found = {path.name: path.read_bytes() for path in (folder / "new" / "out").iterdir()}
    assert set(found) == {"1.png", "2.jpg.png", "2.png.png"}
    (folder / "many" / "broken.png").unlink()
    (folder / "new" / "out" / "1.png").unlink()
    done = stylize(folder, "many", "mosaic", "new/out", *SMALL)
    assert done.returncode == 0 and "skipped 2 of 3 images, whose results are there" in done.stderr
    assert done.stdout.startswith("new/out/1.png: 48 x 35 pixels")
    assert (folder / "new" / "out" / "1.png").read_bytes() == found["1.png"]


def test_a_folder_of_styles_is_a_sheet(folder):
    done = stylize(folder, "A.png", "many", *SMALL)
    assert done.returncode == 1 and "skipped style=many/broken.png: not an image" in done.stderr
    sheet = open_image(folder / "A_many.png")
    assert sheet.width > 4 * 48 and sheet.height > 35
    (folder / "many" / "broken.png").unlink()
    assert painted(folder, "A.png", "many", *SMALL, name="A_many_2.png").tobytes() == sheet.tobytes()


def test_a_video_is_painted_with_its_sound_as_its_frames_alone_would_be(folder):
    film = write_film(folder / "A.mp4")
    done = stylize(folder, "A.mp4", "B.png", "B.mp4", "size=64", "style_size=48", "decoder=decoder.pt")
    assert done.returncode == 0, done.stderr
    flicker = r"flicker: 0\.\d{4}; of the frames themselves 0\.\d{4}, \d+\.\d\d times as much\n"
    assert re.fullmatch(flicker + r"B\.mp4: 6 frames, \d+\.\d s\n", done.stdout)
    assert film_facts(folder / "B.mp4") == film_facts(film) and sound_of(folder / "B.mp4") == sound_of(film)
    with open_video(film) as before, open_video(folder / "B.mp4") as after:
        pairs = list(zip(before.images(), after.images(), strict=True))
    for number in (0, 5):
        frame, image = pairs[number]
        frame.save(folder / "frame.png")
        alone = painted(folder, "frame.png", "B.png", *SMALL[1:], "size=64", f"{number}.png", name=f"{number}.png")
        lights = [luminance(to_tensor(one)[None]) for one in (alone, image)]  # an .mp4 halves the colours' size
        assert float((lights[0] - lights[1]).abs().mean()) < 0.015
    again = stylize(folder, "A.mp4", "B.png", "B.mp4", *SMALL)
    assert again.stderr == "error: output=B.mp4: is there already; choose another name, such as B_2.mp4\n"


def test_contents_of_one_name_have_results_of_their_own(tmp_path):
    contents = [tmp_path / name for name in ("a.jpg", "a.png", "a.jpg.webp", "b.png")]
    names = {content.name: result.name for content, result in results_of(contents, tmp_path).items()}
    assert names == {"a.jpg": "a.jpg.png", "a.png": "a.png.png", "a.jpg.webp": "a.jpg.webp.png", "b.png": "b.png"}


def test_an_image_that_is_too_thin_is_skipped_by_name(folder):
    Image.new("RGB", (1, 300)).save(folder / "many" / "thin.png")
    done = stylize(folder, "many", "B.png", "out", *SMALL)
    assert done.returncode == 1
    assert "skipped content=many/thin.png: an image of 1 x 48 pixels is too small for the network" in done.stderr
    assert "size=4800 is enough" in done.stderr and len(list((folder / "out").glob("*.png"))) == 3


@pytest.mark.parametrize("colors", ["style_to_content", "content_to_style"])
def test_strength_0_is_the_content_in_its_own_colours(colors, folder):
    plain, other = (
        Painter(str(folder / "decoder.pt"), 0.0, 1.0, 48, 48, None, [], choice)(str(folder / "A.png"), "mosaic")
        for choice in ("free", colors)
    )
    difference = np.abs(np.asarray(plain, float) - np.asarray(other, float))
    assert difference.mean() < 1


def test_grain_is_how_rough_flat_areas_get(folder):
    halves = Image.new("RGB", (128, 96), "white")
    halves.paste("black", (64, 0, 128, 96))
    halves.save(folder / "halves.png")
    rough = []
    for grain in (0, 1, 2):
        image = Painter(None, 1.0, grain, 128, 96, None, [], "free")(str(folder / "halves.png"), "painting")
        rough.append(np.asarray(image, float)[24:-24, 24:40].std(axis=(0, 1)).mean())
    assert 3 * rough[0] < rough[1] < rough[2]
    for wrong in ("-1", "3.5"):
        done = stylize(folder, "A.png", "B.png", "C.png", f"grain={wrong}")
        assert done.returncode == 1 and done.stderr == f"error: grain must be in [0, 3], got {float(wrong):g}\n"


@pytest.mark.parametrize(("colors", "times"), [("free", 1), ("content_to_style", 1), ("style_to_content", 2)])
def test_the_statistics_of_a_style_are_computed_once_unless_they_depend_on_the_content(
    colors, times, folder, monkeypatch
):
    calls, painter = [], Painter(str(folder / "decoder.pt"), 1.0, 1.0, 32, 32, None, [], colors)
    style_of = Stylizer.style_of
    monkeypatch.setattr(Stylizer, "style_of", lambda *args: calls.append(1) or style_of(*args))
    contents = [str(folder / name) for name in ("A.png", "B.png")]
    painted = [painter(content, "mosaic").tobytes() for content in contents]
    assert len(calls) == times
    anew = [
        Painter(str(folder / "decoder.pt"), 1.0, 1.0, 32, 32, None, [], colors)(content, "mosaic")
        for content in contents
    ]
    assert painted == [image.tobytes() for image in anew]


@pytest.mark.parametrize("colors", ["style_to_content", "content_to_style", "keep_chroma"])
def test_the_statistics_of_a_video_s_style_are_computed_once(colors, folder, monkeypatch):
    calls, painter = [], Painter(str(folder / "decoder.pt"), 1.0, 1.0, 32, 32, None, ["left", "right"], colors)
    style_of = Stylizer.style_of
    monkeypatch.setattr(Stylizer, "style_of", lambda *args: calls.append(1) or style_of(*args))
    paint = FramePainter(painter, [str(folder / "B.png"), "mosaic"])
    with Image.open(folder / "A.png") as image:
        first, second = paint(image.copy()), paint(image.copy())
    assert len(calls) == 2 and first.tobytes() == second.tobytes()  # once for each of two styles
    assert first.tobytes() == painter(str(folder / "A.png"), [str(folder / "B.png"), "mosaic"]).tobytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text.mp4", "B.png"], "content=text.mp4: not a video that can be read (.mp4, "),
        (["nope.mp4", "B.png"], "content=nope.mp4: no such file"),
        (["text.mp4", "many"], "style=many: is a folder; a video is painted in one style, or in a mean of several"),
        (["text.mp4", "B.png", "C.png"], "output=C.png: must end in one of .mp4"),
        (["A.png", "B.png", "C.mp4"], "output=C.mp4: must end in one of .jpeg, "),
        (["nope.png", "B.png"], "content=nope.png: no such file"),
        (["A.png", "nope.png"], "style=nope.png: no such file"),
        (["A.png", "[B.png,many]"], "style=many: is a folder, not a file"),
        (["A.png", "empty"], "style=empty: no images in it ("),
        (["many", "many"], "content=many and style=many: only one of them may be a folder"),
        (["many", "B.png", "many"], "output=many: is the contents' own folder; choose another one"),
        (["many", "B.png", "decoder.pt"], "output=decoder.pt: cannot be written (decoder.pt is a file, not a folder)"),
        (["A.png", "[]"], "style must be the path of an image or a folder, got []"),
        (["A.png", "B.png", "C.gif"], "output=C.gif: must end in one of "),
        (["A.png", "B.png", "decoder=nope"], "decoder=nope: no such run folder or checkpoint file"),
        (["A.png", "B.png", "decoder=A.png"], "decoder=A.png: not a whole checkpoint"),
        (["A.png", "B.png", "C.png", "decoder="], "decoder=: no path is given; for none, decoder=null"),
        (["A.png", "B.png", "C.png", "strength="], "strength=: no value is given; give one, or leave strength out"),
        (["strength=", "A.png", "B.png"], "strength=: no value is given; around the = belong no spaces"),
        (["-A.png", "B.png"], "-A.png: a word with a dash is an option; for the file, write ./-A.png"),
        (
            ["A.png", "B.png", "C.webp", "size=[16384,16]"],
            "output=C.webp: a .webp holds at most 16383 pixels per side, and this image would have 16384; choose .png",
        ),
        (["A.png", "B.png", "size=1000000"], "size=1000000: content=A.png would have 1000000 x "),
        (
            ["A.png", "B.png", "style_size=[9999,99999]"],
            "style_size=[9999, 99999]: style=B.png would have",
        ),
        (["A.png", "B.png", f"{'a' * 300}.png"], f"output={'a' * 300}.png: cannot be written (a name of more than "),
        (["A.png", "B.png", "strength=2"], "strength must be in [0, 1], got 2"),
        (["A.png", "B.png", "size=8"], "size must be at least 16 pixels, or [width, height] of that, got 8"),
        (["A.png", "B.png", "colors=blue"], "colors must be one of free, "),
        (["many", "B.png", "colors=blue"], "colors must be one of free, "),
        (["A.png", "B.png", "style_regions=[nope.png]"], "style_regions=nope.png: no such file"),
        (["A.png", "B.png", "style_weights=[1,2]"], "style_weights must be one for each of 1 styles, got 2"),
        (
            ["A.png", "B.png", "C.png", "D.png"],
            "D.png: neither an option nor key=value; the words are ",
        ),
        (["A.png", "A.png,B.png"], "style=A.png,B.png: no such file; several are 'style=[A.png,B.png]'"),
        (["many", "B.png", "new.png"], "output=new.png: the results of content=many, a folder, need a folder"),
        (["A.png"], "style: no value given; the words are CONTENT STYLE [OUTPUT]"),
        (["A.png", "B.png", "style_regions=[middle]"], "style_regions=middle: no such file (nor left, right, top or"),
        (["A.png", "B.png", "content_size=64"], "content_size: no such key; did you mean size?"),
    ],
)
def test_what_cannot_be_painted_is_told_and_nothing_written(words, message, folder):
    (folder / "empty").mkdir()
    (folder / "text.mp4").write_text("no video")
    (folder / "-A.png").touch()
    before = sorted(folder.rglob("*"))
    decoder = [] if any(word.startswith("decoder=") for word in words) else ["decoder=decoder.pt"]
    done = stylize(folder, *words, *decoder)
    assert done.returncode == 1 and f"error: {message}" in done.stderr
    assert sorted(folder.rglob("*")) == before
