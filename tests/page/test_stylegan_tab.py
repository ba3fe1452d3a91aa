"""The StyleGAN tab's requests, with the bundled generator; its command draws the same image to the last bit."""

import io
import json
import shlex
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.cli import explore
from dlcourse.engine.checkpoint import Checkpoint, save_checkpoint
from dlcourse.engine.run_folder import newest, path_for
from dlcourse.files.locations import STYLEGAN_FACES
from dlcourse.page.stylegan import tab as stylegan
from dlcourse.page.stylegan import walks
from dlcourse.page.tabs import Tabs
from page_client import client_of

PROJECTION = "dlcourse.stylegan.projection.Projection"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def ask(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Tabs(None, "cpu", "fp32", explore.compose, explore.train_run) as tabs:
            yield client_of(tabs.routes(), tabs.uploads)


def pixels(response):
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.data)).convert("RGB"))


STATES = [
    {"seeds": [{"seed": 3}]},
    {"seeds": [{"seed": 3}, {"seed": 12}], "weights": [[0, 0, 0.35, 1, 1, 1, -0.5, 2, 0, 0.123456789]], "psi": 1.05},
    {"seeds": [{"seed": 1}], "edits": [[0, 1.5, 0, 4], [2, -0.25, 4, 10]], "noise": 7, "noise_strength": 0.5},
    {"seeds": [{"seed": 2}], "noise": "none", "cutoff": 4, "psi": -0.3},
]


def test_what_is_described(ask):
    found = ask("stylegan", {}).json
    assert found["networks"] == ["bundled faces"] and found["resolution"] == 64
    ranges = [layer["range"] for layer in found["layers"]]
    assert ranges == ["coarse"] * 4 + ["middle"] * 4 + ["fine"] * 2
    assert found["components"] == sorted(found["components"], reverse=True) and len(found["components"]) == 20


@pytest.mark.parametrize("state", STATES)
def test_the_command_draws_the_same_image(ask, folder, state):
    shown = pixels(ask("stylegan/image", {"state": state}))
    words = shlex.split(ask("stylegan/command", {"state": state}).json["command"])
    assert words[:2] == ["dlcourse", "sample"] and words[-1] == "output=image.png"
    output = folder / "image.png"
    output.unlink(missing_ok=True)
    run_script("sample.py", *words[2:], cwd=folder)
    assert np.array_equal(shown, np.asarray(Image.open(output).convert("RGB")))
    assert np.array_equal(shown, pixels(ask("stylegan/save", {"state": state, "kind": "png"})))


def test_a_saved_latent_is_a_seed(ask, folder):
    state = STATES[1]
    (folder / "mine.pt").write_bytes(ask("stylegan/save", {"state": state, "kind": "pt"}).data)
    run_script("sample.py", "sampler=layer_mixing", "seeds=mine.pt", "output=again.png", cwd=folder)
    assert np.array_equal(np.asarray(Image.open(folder / "again.png")), pixels(ask("stylegan/image", {"state": state})))


def test_a_labelled_image_has_its_command_above(ask):
    bare = pixels(ask("stylegan/save", {"state": STATES[0], "kind": "png"}))
    labelled = pixels(ask("stylegan/save", {"state": STATES[0], "kind": "labelled"}))
    assert labelled.shape[1] == 512 and labelled.shape[0] > 512 + 20
    assert np.array_equal(labelled[-512::8, ::8], bare)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"psi": 11}, "psi must be a number from -10 to 10, got 11"),
        ({"seeds": [{"seed": -1}]}, "seed must be a whole number"),
        ({"seeds": [{"seed": "/etc/passwd"}]}, "seed must be a whole number"),
        ({"seeds": [{"latent": 0}]}, "latent must be a text"),
        ({"seeds": [{"latent": "me"}]}, "latent: there is no projection called 'me'"),
        ({"seeds": [{"latent": "../mine"}]}, "latent: there is no projection called '../mine'"),
        ({"seeds": [{"seed": 1}] * 21}, "seeds must be a list of at most 20 objects"),
        ({"weights": [[1] * 10]}, "weights must have a row for each seed but the first, so 0, got 1"),
        ({"edits": [[20, 1, 0, 4]]}, "edits: components are 0 to 19 here"),
        ({"edits": [[0, 1, 0, 11]]}, "layers 0 to 9"),
        ({"edits": "x"}, "edits must be"),
        ({"weights": {}}, "weights must be"),
        ({"noise": "loud"}, "noise must be one of stored, none, got 'loud'"),
        ({"cutoff": 11}, "cutoff must be a whole number from 0 to 10"),
        ({"class": 3}, "this generator knows no classes"),
        ({"network": "runs/other"}, "another page has opened bundled faces"),
    ],
)
def test_states_that_fit_no_image(ask, changes, message):
    response = ask("stylegan/image", {"state": STATES[0] | changes})
    assert response.status_code == 400 and message in response.json["error"]


def events(response):
    return [json.loads(line) for line in response.text.splitlines() if line]


def test_a_walk_is_a_file(ask):
    body = {"states": STATES[:2], "kind": "gif", "frames": 3, "loop": True}
    found = events(ask("stylegan/walk", body))
    assert found[-1] == {"kind": "gif", "walk": 0} and found[-2] == {"done": 6, "total": 6}
    animation = Image.open(io.BytesIO(ask("stylegan/walk_file", {"walk": 0}).data))
    assert animation.n_frames == 6 and animation.size == (256, 256)
    still = np.asarray(animation.convert("RGB").resize((64, 64), Image.Resampling.NEAREST)).astype(int)
    assert np.abs(still - pixels(ask("stylegan/image", {"state": STATES[0]}))).mean() < 6  # 256 colours


def test_a_noise_loop(ask):
    found = events(ask("stylegan/walk", {"states": STATES[:1], "kind": "webp", "frames": 4}))
    assert found[-1]["kind"] == "webp"
    assert Image.open(io.BytesIO(ask("stylegan/walk_file", {"walk": found[-1]["walk"]}).data)).n_frames == 4
    assert "no animation 99 any more" in ask("stylegan/walk_file", {"walk": 99}).json["error"]


def test_walks_that_are_too_long(ask):
    found = events(ask("stylegan/walk", {"states": STATES[:3], "kind": "gif", "frames": 400}))
    assert found == [{"error": "1200 frames: at most 600 of this size"}]


def test_keys_of_a_walk_are_among_its_frames():
    keys = [(torch.full((2, 3), value), [torch.full((1, 1, 4, 4), value)]) for value in (0.0, 1.0)]
    there_and_back = [float(styles[0, 0]) for styles, _ in walks.between(keys, 2, loop=True)]
    assert there_and_back == [0, 0.5, 1, 0.5]
    assert [float(styles[0, 0]) for styles, _ in walks.between(keys, 2, loop=False)] == [0, 0.5, 1]


def write_projection(folder, latent, checkpoint):
    """A run as experiment=projection leaves it."""
    path_for(folder, 5).parent.mkdir(parents=True)
    save_checkpoint(path_for(folder, 5), 5, {"task": {"_target_": PROJECTION}}, {"latent": latent})
    config = f"checkpoint: {checkpoint}\ntask:\n  _target_: {PROJECTION}\n"
    (folder / "composed.yaml").write_text(config)


def test_projections_are_found_after_a_restart(ask, folder):
    there = folder / stylegan.PROJECTIONS
    saved = torch.load(io.BytesIO(ask("stylegan/save", {"state": STATES[1], "kind": "pt"}).data))
    write_projection(there / "it's mine", saved, "null")
    write_projection(there / "the bundled one's", saved, f"'{STYLEGAN_FACES}'")
    write_projection(there / "other", saved, "runs/other")
    for index, said in enumerate(("[1, 2", '"a\\0b"', '"\\ud800"', "[" * 3000, "1" + ":1" * 400 + ".5", "7")):
        write_projection(there / f"odd{index or ''}", saved, said)
    for name in ("odd,name", "odd${x}", "odd.pt"):
        write_projection(there / name, saved, "null")
    write_projection(there / "damaged", {}, "null")
    write_projection(there / "sweep" / "inside", saved, "null")
    write_projection(there / "begun", saved, "null")
    next((there / "begun").glob("*/*.pt")).unlink()
    (there / "link").symlink_to(there / "it's mine")
    (there / "it's mine/metrics.jsonl").write_text(
        '{"train/psnr": 9}\n{"step": 5, "train/psnr": 27, "result/psnr": 28.5}\n'
    )
    (there / "damaged/metrics.jsonl").write_text("[" * 10**5)
    found = ask("stylegan", {}).json
    assert found["psnr"] == {"it's mine": 28.5, "the bundled one's": None, "damaged": None}
    assert set(found["latents"]) == set(found["psnr"])
    draw = lambda name: ask("stylegan/image", {"state": {"seeds": [{"latent": name}]}})
    for name in ("it's mine", "the bundled one's"):
        assert np.array_equal(pixels(draw(name)), pixels(ask("stylegan/image", {"state": STATES[1]})))
    assert "neither a run of experiment=projection nor a file with a w" in draw("damaged").json["error"]
    assert "other was found with another network, runs/other" in draw("other").json["error"]
    assert "odd was found with another network, which is unknown" in draw("odd").json["error"]
    for name in ("inside", "sweep", "begun", "link", "../projection/other"):
        assert "there is no projection" in draw(name).json["error"]
    shutil.rmtree(there)


def project(ask, steps):
    """The number of an upload of a face, the face, and the events of its projection."""
    image = ask("stylegan/image", {"state": STATES[0]})
    number = ask("upload", None, data=image.data).json["upload"]
    return pixels(image), events(ask("stylegan/project", {"upload": number, "steps": steps}))


@pytest.mark.long
def test_projection_finds_a_generated_face_and_stands_for_a_seed(ask, folder):
    shown, (begun, *found, last) = project(ask, 300)
    assert all({"step", "total", "values", "image"} <= event.keys() for event in found)
    first, final = (found[place]["values"]["psnr"] for place in (0, -1))
    assert final >= 28 and final > first + 5 and found[-1]["step"] == 300
    drawn = pixels(ask("stylegan/image", {"state": {"seeds": [{"latent": last["latent"]}]}}))
    difference = (drawn.astype(float) - shown) / 255
    assert -10 * np.log10((difference**2).mean()) == pytest.approx(final, abs=0.3)
    words = shlex.split(begun["command"])
    assert words[:2] == ["dlcourse", "train"]
    done = run_script("train.py", *words[2:], "run_dir=again", cwd=folder)
    assert done.returncode == 0, done.stderr
    one, other = (Checkpoint.load(newest(folder / run)).state for run in (begun["folder"], "again"))
    assert torch.equal(one["latent"]["w"], other["latent"]["w"])


@pytest.mark.long
def test_a_projection_that_is_stopped_is_a_run_that_goes_on(ask, folder):
    image = ask("stylegan/image", {"state": STATES[0]})
    number = ask("upload", None, data=image.data).json["upload"]
    shown = []
    for line in ask("stylegan/project", {"upload": number, "steps": 200}).iter_encoded():
        shown.append(json.loads(line) if line.strip() else {})
        if shown[-1].get("step", 0) > 3 and len(shown) > 4:
            ask("stylegan/stop", {})
    stopped = [event for event in shown if "step" in event][-1]["step"]
    run = folder / next(event["folder"] for event in shown if "folder" in event)
    assert 3 < stopped < 200 and shown[-1] == {"latent": run.name} and newest(run) == path_for(run, stopped)
    assert (run / "images" / f"image_{stopped:07d}.png").is_file()
    done = run_script("train.py", f"resume={run}", cwd=folder)
    assert done.returncode == 0 and newest(run) == path_for(run, 200), done.stderr
