"""A run's images become a GIF, WebP or video with all of them, in order, in their own colours."""

import argparse
import os
import sys
import weakref

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from conftest import run_script
from dlcourse.cli import animate as script
from dlcourse.errors import UserError
from dlcourse.reports import animation
from dlcourse.reports.animation import HOLD, thin_out, write_animation
from dlcourse.reports.runs import images_of

COLORS = {9: (250, 20, 30), 10: (20, 200, 40), 100: (30, 40, 220), 2000: (240, 230, 10)}


@pytest.fixture
def run_dir(tmp_path):
    """A run whose images are written in no order, each with 200 shades of a colour of its own."""
    folder = tmp_path / "run" / "images"
    folder.mkdir(parents=True)
    for step in (100, 9, 2000, 10):
        shades = np.linspace(0.3, 1, 200)[None, :, None] * np.array(COLORS[step])
        Image.fromarray(shades.repeat(90, 0).astype(np.uint8)).save(folder / f"decision_map_{step:07d}.png")
    return tmp_path / "run"


def frames_of(path, kind="GIF"):
    with Image.open(path) as file:
        assert file.format == kind and file.info["loop"] == 0
        return [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(file)]


def test_frames_come_in_the_order_of_steps_with_their_own_colours(run_dir):
    name, images = images_of(run_dir, None)
    assert name == "decision_map" and list(images) == [9, 10, 100, 2000]
    write_animation(images, run_dir / "out.gif", seconds=2)
    frames = frames_of(run_dir / "out.gif")
    assert [duration for _, duration in frames] == [500, 500, 500, 500 + 1000 * HOLD]
    for (frame, _), path in zip(frames, images.values(), strict=True):
        original = np.asarray(Image.open(path)).astype(int)
        assert frame.shape[1] == 200 and frame.shape[0] > 90
        assert np.abs(frame[:90] - original).mean() < 1.5
        assert (frame[90:] == 255).mean() > 0.5 and frame[90:].min() < 100  # a white strip with dark letters


def test_a_webp_has_the_same_frames_as_a_gif(run_dir):
    _, images = images_of(run_dir, None)
    for name in ("out.gif", "out.WEBP"):
        write_animation(images, run_dir / name, seconds=2)
    for (webp, shown), (gif, duration) in zip(
        frames_of(run_dir / "out.WEBP", "WEBP"), frames_of(run_dir / "out.gif"), strict=True
    ):
        assert shown == duration and np.abs(webp.astype(int) - gif).mean() < 4


@pytest.mark.parametrize("height", [90, 89])  # with the caption's strip of 22: an even and an odd one
def test_a_video_plays_everywhere_and_shows_the_frames_in_their_colours(run_dir, height):
    _, images = images_of(run_dir, None)
    for path in images.values():
        with Image.open(path) as image:
            image.crop((0, 0, 199, height)).save(path)
    write_animation(images, run_dir / "out.mp4", seconds=2)
    with av.open(str(run_dir / "out.mp4")) as container:
        (stream,) = container.streams
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 200, 112)
        assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (1, 1, 1, 1)
        assert stream.average_rate == 2 and container.duration == pytest.approx(1e6 * (2 + HOLD), rel=0.01)
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(stream)]
    assert len(frames) == len(images) + 4  # the last one stays two seconds longer
    for frame, path in zip(frames, [*images.values()] + 4 * [images[2000]], strict=True):
        with Image.open(path) as image:
            assert np.abs(frame[:height, :199] - np.asarray(image)).mean() < 4
        assert (frame[height:] > 240).mean() > 0.5 and frame[height:].min() < 100
        assert frame[:, 199].mean(-1).min() > 200  # the column that makes the width even: white, its colour blurred


def test_without_pyav_a_video_tells_how_to_get_it(run_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        UserError, match=r"^an \.mp4 needs PyAV, which is not installed: pip install 'dlcourse\[video\]'$"
    ):
        write_animation(images_of(run_dir, None)[1], run_dir / "out.mp4", seconds=1)
    write_animation(images_of(run_dir, None)[1], run_dir / "out.webp", seconds=1)
    assert sorted(path.name for path in run_dir.iterdir()) == ["images", "out.webp"]


@pytest.mark.parametrize("name", ["out", "out.avi", "new/out.png"])
def test_another_suffix_is_refused(run_dir, name):
    with pytest.raises(UserError, match=rf"{name}: the name of an animation must end in one of \.gif, \.webp, \.mp4$"):
        write_animation(images_of(run_dir, None)[1], run_dir / name, seconds=1)
    assert [path.name for path in run_dir.iterdir()] == ["images"]


def test_the_step_is_written_beneath(run_dir):
    _, images = images_of(run_dir, None)
    write_animation({1: images[9], 8: images[9]}, run_dir / "out.gif", seconds=1)
    (first, _), (second, _) = frames_of(run_dir / "out.gif")
    assert (first[:90] == second[:90]).all() and (first[90:] != second[90:]).any()


def test_images_of_different_sizes_and_a_single_one(run_dir):
    Image.new("RGB", (120, 150), "red").save(run_dir / "images" / "decision_map_0003000.png")
    _, images = images_of(run_dir, None)
    write_animation(images, run_dir / "all.gif", seconds=1)
    assert {frame.shape for frame, _ in frames_of(run_dir / "all.gif")} == {(150 + 22, 200, 3)}
    write_animation({3000: images[3000]}, run_dir / "one.gif", seconds=1)
    ((frame, duration),) = frames_of(run_dir / "one.gif")
    assert tuple(frame[50, 60]) == (255, 0, 0)


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_one_image_after_the_other_is_in_memory(run_dir, monkeypatch, suffix):
    found, most, read = [], [], animation.load_image

    def opened(path):
        found.append(weakref.ref(image := read(path)))
        most.append(sum(one() is not None for one in found))
        return image

    monkeypatch.setattr(animation, "load_image", opened)
    write_animation(images_of(run_dir, None)[1], run_dir / f"out.{suffix}", seconds=1)
    assert len(most) == 4 and max(most) <= 2  # the first one is held to tell the size


def test_large_images_become_frames_that_a_video_can_have(run_dir):
    for path in images_of(run_dir, None)[1].values():
        Image.new("RGB", (6000, 30), "red").save(path)
    write_animation(images_of(run_dir, None)[1], run_dir / "out.gif", seconds=1)
    with Image.open(run_dir / "out.gif") as film:
        assert film.width == 4096 and film.convert("RGB").getpixel((4095, 10)) == (255, 0, 0)


def test_more_frames_than_fit_into_memory_are_refused_but_for_a_video(run_dir, monkeypatch):
    monkeypatch.setattr("dlcourse.images.animation.MAX_HELD", 4 * 200 * 112 - 1)
    _, images = images_of(run_dir, None)
    for suffix in ("gif", "webp"):
        with pytest.raises(UserError, match=f"out.{suffix}: 4 frames of 200 x 112 pixels are more than fit"):
            write_animation(images, run_dir / f"out.{suffix}", seconds=1)
    write_animation(images, run_dir / "out.mp4", seconds=1)
    assert sorted(path.name for path in run_dir.iterdir()) == ["images", "out.mp4"]


@given(count=st.integers(1, 500), most=st.integers(2, 60))
def test_thinning_keeps_the_order_and_both_ends(count, most):
    steps = list(range(0, 10 * count, 10))
    kept = thin_out(steps, most)
    assert len(kept) == min(count, most) and kept == sorted(set(kept))
    assert kept[0] == steps[0] and kept[-1] == steps[-1]


def test_no_frame_is_shorter_than_viewers_can_show(run_dir):
    _, images = images_of(run_dir, None)
    write_animation(images, run_dir / "fast.gif", seconds=0.1)
    assert [duration for _, duration in frames_of(run_dir / "fast.gif")] == [50, 50 + 1000 * HOLD]


def test_a_failure_leaves_the_old_file_and_nothing_else(run_dir, monkeypatch):
    (run_dir / "out.gif").write_bytes(b"old")
    (run_dir / "images" / "decision_map_0000500.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(UserError, match=r"decision_map_0000500\.png: not an image"):
        write_animation(images_of(run_dir, None)[1], run_dir / "out.gif", seconds=1)
    (run_dir / "images" / "decision_map_0000500.png").unlink()

    def full_disk(self, file, *_, **__):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match=r"out\.gif: cannot be written \(No space left on device\)"):
        write_animation(images_of(run_dir, None)[1], run_dir / "out.gif", seconds=1)
    assert (run_dir / "out.gif").read_bytes() == b"old"
    assert sorted(path.name for path in run_dir.iterdir()) == ["images", "out.gif"]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_seconds_are_refused(seconds, run_dir):
    with pytest.raises(UserError, match=r"--seconds must be in \(0, 600\]"):
        write_animation(images_of(run_dir, None)[1], run_dir / "out.gif", seconds)


def test_the_kind_is_named_where_there_are_several(run_dir):
    Image.new("RGB", (9, 9)).save(run_dir / "images" / "confusion_0000009.png")
    with pytest.raises(UserError, match="several kinds of images; say which: confusion, decision_map"):
        images_of(run_dir, None)
    assert images_of(run_dir, "confusion")[0] == "confusion"
    with pytest.raises(UserError, match="no images called faces; there are confusion, decision_map"):
        images_of(run_dir, "faces")


def test_a_run_without_images_is_told_so(tmp_path):
    with pytest.raises(UserError, match="no images"):
        images_of(tmp_path, None)


def test_the_command_writes_beside_the_images_or_elsewhere(run_dir):
    done = run_script("animate.py", "run", cwd=run_dir.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "run/decision_map.gif\n", "")
    output = run_dir.parent / "a" / "b.gif"
    script.animate(argparse.Namespace(run=run_dir, name="decision_map", output=output, seconds=5.0))
    assert output.read_bytes() == (run_dir / "decision_map.gif").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such run folder"),
        ([], "the following arguments are required: RUN (--help tells more)"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments, words, tmp_path):
    done = run_script("animate.py", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {words}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["animate", "doctor", "check_gradients", "find_lr", "sheet", "style_frames"])
def test_help_answers_without_torch(name, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = run_script(f"{name}.py", "--help", cwd=tmp_path)
    assert done.returncode == 0 and name in done.stdout, done.stderr
