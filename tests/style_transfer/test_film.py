"""dlcourse style_frames with a video: it goes on after an interruption, and nothing of another film is mixed in."""

import json

import hydra
import pytest
from test_style_frames import SMALL

from conftest import CONFIGS, run_script
from dlcourse.cli import style_frames
from dlcourse.errors import UserError
from dlcourse.images import video_files
from dlcourse.images.files import open_image
from dlcourse.images.video_files import open_video
from dlcourse.style_transfer import film
from films import film_facts, sound_of, write_film

FEW = [*SMALL, "steps_first=3", "steps_next=1"]


def style(source, output, *overrides):
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("style_frames", [*FEW, f"frames={source}", f"output={output}", *overrides])
    style_frames.style_frames(cfg)


def test_a_video_keeps_its_times_and_its_sound_and_is_upright(tmp_path, capsys):
    source, output = write_film(tmp_path / "A.mp4", 4, rotation=90), tmp_path / "new" / "B.mp4"
    style(source, output)
    (rate, size, times), (new_rate, new_size, new_times) = film_facts(source), film_facts(output)
    assert (new_rate, new_times) == (rate, times) and sound_of(output) == sound_of(source)
    assert size == (64, 48) and new_size == (24, 32)
    folder = tmp_path / "new" / "B_frames"
    with open_video(output) as video:
        for number, image in enumerate(video.images(), 1):
            difference = abs(mean_of(image) - mean_of(open_image(folder / "painted" / f"{number:05}.png")))
            assert difference < 4
    assert 0 < json.loads((folder / "painted" / "flicker.json").read_text())["ratio"]
    assert capsys.readouterr().out.endswith(f"times as much\n{output}\n")


def mean_of(image):
    return sum(image.convert("L").tobytes()) / (image.width * image.height)


def test_an_interrupted_command_goes_on_to_the_same_video(tmp_path, capsys, monkeypatch):
    source = write_film(tmp_path / "A.mp4", 4)
    style(source, tmp_path / "whole.mp4")
    paint, calls = style_frames.paint, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return paint(*args)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(style_frames, "paint", interrupted)
        style(source, tmp_path / "part.mp4")
    assert not (tmp_path / "part.mp4").exists()
    assert len(list((tmp_path / "part_frames" / "painted").glob("*.png"))) == 2
    assert "interrupted; the same command goes on" in capsys.readouterr().err
    style(source, tmp_path / "part.mp4")
    assert "skipped 2 of 4 frames" in capsys.readouterr().err
    assert (tmp_path / "part.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_frames_of_another_video_are_not_taken(tmp_path):
    source, output = write_film(tmp_path / "A.mp4", 2), tmp_path / "B.mp4"
    style(source, output)
    output.unlink()
    write_film(source, 2, rotation=180)
    with pytest.raises(UserError, match=r"B_frames/frames: is there already, of another video than \S*A.mp4; choose"):
        style(source, output)


def test_a_broken_or_endless_video_leaves_nothing(tmp_path, monkeypatch):
    source = write_film(tmp_path / "A.mp4", 60, movflags="faststart")
    monkeypatch.setattr(film, "MOST_FRAMES", 50)
    with pytest.raises(UserError, match=r"^frames=\S*A.mp4: has more than 50 frames; cut it$"):
        style(source, tmp_path / "B.mp4")
    source.write_bytes(source.read_bytes()[:8000])
    with pytest.raises(UserError, match=r"^frames=\S*A.mp4: a broken video \(it ends after "):
        style(source, tmp_path / "B.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["A.mp4"]


def test_what_does_not_fit_together_is_told_before_anything_is_written(tmp_path):
    source = write_film(tmp_path / "A.mp4", 2)
    (tmp_path / "there.mp4").touch()
    for name, words in {
        "B": r"output=\S*B: must end in \.mp4, because frames=\S*A\.mp4 is a video$",
        "B.mov": r"output=\S*B\.mov: must end in \.mp4, because frames=\S*A\.mp4 is a video$",
        "there.mp4": r"output=\S*there\.mp4: is there already; choose another name$",
        "A.mp4": r"output=\S*A\.mp4: is there already; choose another name$",
        "there.mp4/B.mp4": r"output=\S*B\.mp4: cannot be written \(\S*there\.mp4 is a file, not a folder\)$",
    }.items():
        with pytest.raises(UserError, match=words):
            style(source, tmp_path / name)
    with pytest.raises(UserError, match=r"output=\S*B\.mp4: must be a folder, because frames=\S* is one$"):
        style(tmp_path, tmp_path / "B.mp4")
    with pytest.raises(UserError, match=r"^output: no value given; set output=\.\.\.$"):
        style(source, "null")
    (tmp_path / "text.mp4").write_text("no video")
    for name, words in {"text": "not a video that can be read (.mp4, ", "no": "no such file"}.items():
        done = run_script("style_frames.py", *FEW, f"frames={name}.mp4", "output=B.mp4", cwd=tmp_path)
        assert done.returncode == 1 and done.stderr.startswith(f"error: frames={name}.mp4: {words}")
        assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.mp4", "text.mp4", "there.mp4"]


def test_a_video_that_changes_meanwhile_is_told(tmp_path, monkeypatch):
    source = write_film(tmp_path / "A.mp4", 2)
    repaint = video_files.repaint
    monkeypatch.setattr(film, "repaint", lambda path, *rest: repaint(write_film(path, 3), *rest))
    with pytest.raises(UserError, match=r"^frames=\S*A\.mp4: has changed since it was taken apart$"):
        style(source, tmp_path / "B.mp4")
    assert not (tmp_path / "B.mp4").exists()
