"""Videos are read upright and in their colours, and written with the times and the sound of the first."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from dlcourse.errors import UserError
from dlcourse.images import video_files
from dlcourse.images.animation import save_animation
from dlcourse.images.video_files import count_frames, even, is_video, open_video, repaint
from films import RATE, film_facts, sound_of, write_film


def images_of(path):
    with open_video(path) as video:
        return list(video.images())


def mean(image, box):
    return np.asarray(image.crop(box)).mean((0, 1))


@pytest.mark.parametrize("rate", [RATE, Fraction(25)])
def test_times_rate_and_sound_stay_to_the_last_bit(rate, tmp_path):
    source, output = write_film(tmp_path / "a.mp4", rate=rate), tmp_path / "b.mp4"
    repaint(source, output, ImageOps.invert)
    assert film_facts(output) == film_facts(source) and film_facts(output)[0] == rate
    assert sound_of(output) == sound_of(source) and len(sound_of(source)) > 5
    assert count_frames(output) == count_frames(source) == 6
    for before, after in zip(images_of(source), images_of(output), strict=True):
        assert np.abs(np.asarray(after).astype(int) - np.asarray(ImageOps.invert(before))).mean() < 4
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}


def test_frames_at_irregular_times_stay_there_and_times_that_mkv_rounds_become_regular(tmp_path):
    phone = write_film(tmp_path / "phone.mp4", times=[0, 20, 41, 60, 141, 300, 301], sound=None)
    repaint(phone, tmp_path / "out.mp4", lambda image: image)
    assert film_facts(tmp_path / "out.mp4")[2] == pytest.approx(film_facts(phone)[2], abs=1 / 600)
    repaint(write_film(tmp_path / "a.mkv", sound=None), tmp_path / "b.mp4", lambda image: image)
    rate, _, times = film_facts(tmp_path / "b.mp4")
    assert rate == RATE and times == [round(float(number / RATE), 6) for number in range(6)]


def test_sound_that_an_mp4_does_not_hold_becomes_aac(tmp_path):
    source = write_film(tmp_path / "a.mov", sound="pcm_s16le", count=30)
    repaint(source, tmp_path / "b.mp4", lambda image: image)
    with av.open(str(tmp_path / "b.mp4")) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    assert len(heard) / 48000 == pytest.approx(30 / RATE, abs=0.05)
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum.argmax() * 48000 / len(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_frames_are_upright(rotation, tmp_path):
    (flat, *_), (turned, *_) = (
        images_of(write_film(tmp_path / f"{angle}.mp4", rotation=angle)) for angle in (0, rotation)
    )
    assert np.abs(mean(flat, (4, 4, 28, 20)) - (250, 20, 20)).max() < 12
    assert turned.tobytes() == flat.rotate(rotation, expand=True).tobytes()
    repaint(tmp_path / f"{rotation}.mp4", tmp_path / "out.mp4", lambda image: image)
    assert film_facts(tmp_path / "out.mp4")[1] == turned.size
    assert images_of(tmp_path / "out.mp4")[0].size == turned.size  # and is not turned twice


def test_pixels_that_are_not_square_become_so(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), "red"))))
        container.mux(stream.encode(None))
    assert [image.size for image in images_of(tmp_path / "a.mp4")] == [(128, 48)]


def test_an_animation_is_read_in_its_colours(tmp_path):
    colors = [(200, 30, 90), (10, 120, 240)]
    save_animation((Image.new("RGB", (32, 32), color) for color in colors), [40, 40], tmp_path / "a.mp4")
    for image, color in zip(images_of(tmp_path / "a.mp4"), colors, strict=True):
        assert np.abs(mean(image, (0, 0, 32, 32)) - color).max() < 4


def test_an_odd_size_is_made_even_by_repeating_the_edge():
    image = Image.linear_gradient("L").convert("RGB").resize((5, 3))
    pixels = np.asarray(even(image))
    assert pixels.shape == (4, 6, 3) and (pixels[:3, :5] == np.asarray(image)).all()
    assert (pixels[:, 5] == pixels[:, 4]).all() and (pixels[3] == pixels[2]).all()


def text(path):
    path.write_text("no video")


def playlist(path):
    write_film(path.with_name("other.mkv"))
    path.write_text("ffconcat version 1.0\nfile other.mkv\n")


def truncated(path):
    data = write_film(path, count=60, movflags="faststart").read_bytes()
    path.write_bytes(data[: len(data) // 2])


def without_index(path):
    data = write_film(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def only_sound(path):
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(bytes(8820))
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "mono"
        with av.open(str(path.with_suffix(".wav"))) as wav:
            for frame in wav.decode(audio=0):
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.touch(), "an empty file"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (text, "not a video that can be read (.mp4, "),
        (playlist, "not a video that can be read (.mp4, "),
        (without_index, "not a video that can be read (.mp4, "),
        (truncated, "a broken video (it ends after "),
        (only_sound, "has no video in it"),
    ],
)
def test_what_is_no_whole_video_is_told_and_nothing_written(make, reason, tmp_path):
    path = tmp_path / "a.mp4"
    make(path)
    before = sorted(tmp_path.iterdir())
    for read in (count_frames, lambda path: repaint(path, tmp_path / "b.mp4", lambda image: image)):
        with pytest.raises(ValueError) as told:
            read(path)
        assert str(told.value).startswith(f"{path}: {reason}") and "\n" not in str(told.value)
    assert sorted(tmp_path.iterdir()) == before


def test_frames_beyond_the_limit_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4")
    monkeypatch.setattr(video_files, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(ValueError, match=r"a\.mp4: refused as too large \(64 x 48; at most 0 million pixels, 65536 p"):
        count_frames(path)


def test_painted_images_of_several_sizes_and_an_error_of_the_painter_leave_nothing(tmp_path):
    source, sizes = write_film(tmp_path / "a.mp4"), iter([32, 32, 34, 34, 34, 34])
    with pytest.raises(ValueError, match=r"a\.mp4: its frames have several sizes"):
        repaint(source, tmp_path / "b.mp4", lambda image: image.resize((next(sizes), 32)))
    with pytest.raises(ZeroDivisionError):
        repaint(source, tmp_path / "b.mp4", lambda image: 1 / 0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_without_pyav_it_tells_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcourse.images.animation.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^a video needs PyAV, which is not installed: pip install 'dlcourse\[video"):
        count_frames(tmp_path / "a.mp4")
    assert is_video("A.MOV") and not is_video("A.gif")
