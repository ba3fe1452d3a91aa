"""A video in one style: steadier than frames alone, resumable, and one network for all of it."""

import json
from pathlib import Path

import hydra
import pytest
import torch
from PIL import Image

from conftest import CONFIGS, VGG_FILE, compose, run_script
from dlcourse.cli import style_frames
from dlcourse.engine.build import build
from dlcourse.engine.runner import Runner
from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.nn.vgg import VGG
from dlcourse.style_transfer.demo_images import IMAGES
from dlcourse.style_transfer.frames import frames_in
from dlcourse.style_transfer.video import FrameSequence, content_size, flicker, of_one_size

SMALL = ["experiment=style_transfer_untrained", "dataset.content_size=32", "dataset.style_size=32"]
SMALL += [f"model.weights={VGG_FILE}", "task.smallest_size=16", "task.steps_per_scale=5", "device=cpu"]
SMALL += ["steps_first=30", "steps_next=10"]


def write_frames(folder, count=3, shift=4, names="{}.png"):
    """A pan over an image; a shift of 0 lets it stand still."""
    folder.mkdir()
    image = IMAGES["seascape"]()
    for index in range(count):
        left = shift * index
        image.crop((left, 0, left + 256, 192)).resize((64, 48)).save(folder / names.format(index + 8))
    return folder


def style(folder, output, *overrides):
    arguments = [*SMALL, f"frames={folder}", f"output={output}", *overrides]
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("style_frames", arguments)
    style_frames.style_frames(cfg)
    return json.loads((output / "flicker.json").read_text())


def bytes_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_flicker_is_the_mean_change_of_a_value():
    start = torch.full((3, 2, 2), 0.5)
    half_of_it = start.clone()
    half_of_it[:, :1] += 0.25
    assert flicker([start]) == 0 and flicker([start, start, start]) == 0
    assert flicker([start, half_of_it]) == pytest.approx(0.125)
    assert flicker(iter([start, half_of_it, half_of_it])) == pytest.approx(0.0625)


def test_frames_are_in_natural_order_and_nothing_else_is_one(tmp_path, capsys):
    folder = write_frames(tmp_path / "frames", 4)
    (folder / ".9.png.1.tmp").touch()
    (folder / "notes.txt").touch()
    (folder / "12.png").mkdir()
    (folder / "@eaDir").touch()
    (tmp_path / "secret.png").write_bytes((folder / "8.png").read_bytes())
    (folder / "7.png").symlink_to(tmp_path / "secret.png")
    assert [path.name for path in frames_in(folder)] == ["8.png", "9.png", "10.png", "11.png"]
    FrameSequence(str(folder), str(tmp_path / "out"), 1, 1, from_last=True)
    said = capsys.readouterr().err
    assert "skipped 1 files" in said and "  7.png: a link that leaves the folder" in said


@pytest.mark.long
def test_frames_that_begin_with_the_last_image_flicker_less_than_those_from_noise(tmp_path, capsys):
    folder = write_frames(tmp_path / "frames")
    steady = style(folder, tmp_path / "steady", "task.init=noise")
    alone = style(folder, tmp_path / "alone", "task.init=noise", "from_last=false")
    assert steady["images"] < 0.8 * alone["images"]
    assert steady["frames"] == alone["frames"] == flicker(of_one_size(frames_in(folder), 32)) > 0
    assert steady["ratio"] == pytest.approx(steady["images"] / steady["frames"])
    images = [tmp_path / "steady" / f"{number}.png" for number in (8, 9, 10)]
    assert steady["images"] == flicker(of_one_size(images, None))
    assert {path.name for path in (tmp_path / "steady").iterdir()} == {
        *(path.name for path in images),
        "flicker.json",
        "settings.json",
    }
    assert open_image(images[0]).size == (32, 24)
    assert (
        f"flicker: {steady['images']:.4f}; of the frames themselves {steady['frames']:.4f}" in capsys.readouterr().out
    )


@pytest.mark.long
def test_where_nothing_moves_nothing_flickers(tmp_path):
    folder = write_frames(tmp_path / "frames", shift=0)
    steady = style(folder, tmp_path / "steady", "task.init=noise", "steps_first=100")
    alone = style(folder, tmp_path / "alone", "task.init=noise", "from_last=false")
    assert steady["frames"] == 0 and steady["ratio"] is None
    assert steady["images"] < 0.02 and steady["images"] < 0.2 * alone["images"]


@pytest.mark.long
def test_the_network_is_drawn_and_calibrated_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(VGG, "calibrate", spy(calls, "calibrate", VGG.calibrate))
    monkeypatch.setattr(VGG, "__init__", spy(calls, "draw", VGG.__init__))
    style(write_frames(tmp_path / "frames"), tmp_path / "images")
    assert calls == ["draw", "calibrate"]


def spy(calls, name, function):
    def call(*args, **kwargs):
        calls.append(name)
        return function(*args, **kwargs)

    call.__wrapped__ = function  # its signature is looked at
    return call


def test_steps_are_as_many_as_asked_for_and_only_the_first_has_coarse_scales(tmp_path, monkeypatch):
    sizes = []
    step = Runner.step

    def noted(self, task, number):
        metrics = step(self, task, number)
        sizes.append((number, int(metrics["progress/size"])))
        return metrics

    monkeypatch.setattr(Runner, "step", noted)
    style(write_frames(tmp_path / "frames", 2), tmp_path / "images", "steps_first=12", "steps_next=2")
    assert sizes == [*enumerate([16] * 5 + [23] * 5 + [32] * 2), (0, 32), (1, 32)]


@pytest.mark.long
@pytest.mark.parametrize("task", ["style_transfer", "style_transfer_untrained"])
def test_an_interrupted_command_goes_on_to_the_same_bytes(task, tmp_path, capsys):
    folder = write_frames(tmp_path / "frames")
    whole, part = tmp_path / "whole", tmp_path / "part"
    style(folder, whole, f"experiment={task}")
    part.mkdir()
    for name in ("8.png", "settings.json"):
        (part / name).write_bytes((whole / name).read_bytes())
    assert "skipped" not in capsys.readouterr().err
    style(folder, part, f"experiment={task}")
    assert bytes_in(part) == bytes_in(whole)
    shown = capsys.readouterr().err
    assert "skipped 1 of 3 frames" in shown and "2/3" in shown and "1/3" not in shown
    times = {path: path.stat().st_mtime_ns for path in part.glob("*.png")}
    style(folder, part, f"experiment={task}")
    assert "skipped 3 of 3 frames" in capsys.readouterr().err
    assert times == {path: path.stat().st_mtime_ns for path in part.glob("*.png")}


@pytest.mark.long
def test_the_first_frame_is_what_train_paints(tmp_path):
    folder = write_frames(tmp_path / "frames", 1)
    overrides = ["experiment=style_transfer", "model.weights=random", "steps_first=4"]
    style(folder, tmp_path / "images", *overrides)
    config = compose(*SMALL[1:-2], *overrides[:2], f"content={folder / '8.png'}", "runner.max_steps=4")
    runner = build(config["runner"], "runner")
    torch.manual_seed(config["seed"])
    task = build(config["task"], "task")
    runner.prepare(task)
    runner.train(task, tmp_path / "run", config)
    (trained,) = (tmp_path / "run" / "images").glob("image_*4.png")
    assert open_image(trained).tobytes() == open_image(tmp_path / "images" / "8.png").tobytes()


def sequence(folder, output="out", **changes):
    return FrameSequence(str(folder), str(output), **{"steps_first": 1, "steps_next": 1, "from_last": True} | changes)


def test_mistakes_of_a_sequence_are_named(tmp_path):
    folder = write_frames(tmp_path / "frames")
    (tmp_path / "empty").mkdir()
    for words, arguments in {
        "frames=nope: no such folder": ("nope",),
        "empty: no images in it": (tmp_path / "empty",),
        r"8.png: must be a folder of images, or a video \(\.mp4, ": (folder / "8.png",),
        "is the frames' own folder; choose another one": (folder, folder / ".." / "frames"),
        "8.png: is a file, not a folder$": (folder, folder / "8.png"),
    }.items():
        with pytest.raises(ValueError, match=words):
            sequence(*arguments)
    for name in ("steps_first", "steps_next"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            sequence(folder, **{name: 0})
    Image.new("RGB", (64, 48)).save(folder / "9.jpg")
    with pytest.raises(ValueError, match=r"9.jpg and 9.png would be the same image"):
        sequence(folder)


def test_a_frame_that_is_broken_or_of_another_size_is_named_before_anything_is_painted(tmp_path):
    folder, output = write_frames(tmp_path / "frames"), tmp_path / "images"
    Image.new("RGB", (128, 96)).save(folder / "9.png")  # as wide to high as the others
    assert flicker(of_one_size(frames_in(folder), 32)) > 0
    Image.new("RGB", (48, 64)).save(folder / "9.png")
    words = r"9.png: has another size; it would be 24 x 32 pixels, \S*8.png 32 x 24$"
    with pytest.raises(UserError, match=words):
        style(folder, output)
    (folder / "9.png").write_bytes((folder / "8.png").read_bytes()[:500])
    with pytest.raises(UserError, match=r"9.png: a broken image"):
        style(folder, output)
    assert not output.exists()


def test_images_of_another_size_are_not_mixed_with_new_ones(tmp_path):
    folder, output = write_frames(tmp_path / "frames"), tmp_path / "images"
    output.mkdir()
    Image.new("RGB", (40, 30)).save(output / "9.png")
    with pytest.raises(UserError, match="9.png: is there already, but not of 32 x 24 pixels; choose another output"):
        style(folder, output)


@pytest.mark.long
def test_frames_of_another_style_are_not_mixed_with_new_ones(tmp_path, capsys):
    folder, output = write_frames(tmp_path / "frames"), tmp_path / "images"
    few = ["steps_first=2", "steps_next=1"]
    Image.new("RGB", (32, 32), (200, 40, 10)).save(tmp_path / "style.png")
    style(folder, output, *few, f"style={tmp_path / 'style.png'}")
    painted, names = bytes_in(output), f"style={tmp_path / 'style.png'}"
    for words, overrides in {
        r"8.png: is there already, painted with style=\S*style.png \(now mosaic\); choose another output": [
            "style=mosaic"
        ],
        r"painted with objective.content_weight=0.01 \(now 0.5\), steps_next=1 \(now 3\); choose": [
            names,
            "objective.content_weight=0.5",
            "steps_next=3",
        ],
    }.items():
        with pytest.raises(UserError, match=words):
            style(folder, output, *few, *overrides)
    style(folder, output, *few, names, "runner.num_threads=1")
    assert "skipped 3 of 3 frames" in capsys.readouterr().err
    Image.new("RGB", (32, 32), (10, 40, 200)).save(tmp_path / "style.png")
    with pytest.raises(UserError, match=r"8.png: is there already, painted with style="):
        style(folder, output, *few, names)
    assert bytes_in(output) == painted


@pytest.mark.long
def test_frames_that_have_changed_and_images_of_unknown_origin_are_named(tmp_path):
    folder, output = write_frames(tmp_path / "frames"), tmp_path / "images"
    few = ["steps_first=2", "steps_next=1"]
    style(folder, output, *few)
    longer = write_frames(tmp_path / "longer", 4)
    (output / "9.png").unlink()
    style(longer, output, *few)  # a sequence may grow, and be in another folder
    Image.new("RGB", (64, 48)).save(longer / "9.png")
    with pytest.raises(UserError, match=r"9.png: is there already, painted from another 9.png; choose another output"):
        style(longer, output, *few)
    (output / "settings.json").write_text("{}")
    with pytest.raises(UserError, match=r"8.png: is there already, and no settings.json says how it was painted; cho"):
        style(folder, output, *few)


def test_other_tasks_and_keys_without_meaning_are_refused(tmp_path):
    folder = write_frames(tmp_path / "frames")
    with pytest.raises(UserError, match="task: Classification paints no content; try experiment=style_transfer_off"):
        content_size(compose())
    with pytest.raises(UserError, match="content=A.jpg: has no meaning here; give frames and output"):
        style(folder, tmp_path / "images", "content=A.jpg")


def test_a_mistake_is_told_in_a_line(tmp_path):
    done = run_script("style_frames.py", *SMALL, "output=out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: frames: no value given; set frames=...\n")
    done = run_script("style_frames.py", *SMALL, "frames=nope", "output=out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: frames=nope: no such folder\n")
    assert list(Path(tmp_path).iterdir()) == []
