"""The StyleGAN tab's requests, with the bundled generator; its command draws the same image to the last bit."""

import io
import json
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import run_script
from dlcourse.cli import explore
from dlcourse.page.stylegan import tab as stylegan
from dlcourse.page.stylegan import walks
from dlcourse.page.tabs import Tabs
from page_client import client_of


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
        ({"weights": [[1] * 10]}, "weights must be 0 rows"),
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


def test_projections_are_found_after_a_restart(ask, folder):
    there = folder / stylegan.PROJECTIONS
    there.mkdir(parents=True, exist_ok=True)
    saved = ask("stylegan/save", {"state": STATES[1], "kind": "pt"}).data
    for name in ("mine", "damaged", "other", "odd name"):
        (there / f"{name}.pt").write_bytes(b"no file of tensors" if name == "damaged" else saved)
    (there / "link.pt").symlink_to(there / "mine.pt")
    (there / "mine.json").write_text('{"network": "bundled faces"}')
    (there / "other.json").write_text('{"network": "runs/other"}')
    (there / "damaged.json").write_text("[" * 10**5)
    assert set(ask("stylegan", {}).json["latents"]) == {"mine", "damaged"}
    draw = lambda name: ask("stylegan/image", {"state": {"seeds": [{"latent": name}]}})
    assert np.array_equal(pixels(draw("mine")), pixels(ask("stylegan/image", {"state": STATES[1]})))
    assert "damaged.pt: not a file with a w" in draw("damaged").json["error"]
    assert "other was found with another network, runs/other" in draw("other").json["error"]
    assert all("there is no projection" in draw(name).json["error"] for name in ("odd name", "link"))
    for path in there.iterdir():
        path.unlink()


@pytest.mark.long
def test_projection_finds_a_generated_face_and_stands_for_a_seed(ask):
    image = ask("stylegan/image", {"state": STATES[0]})
    shown = pixels(image)
    number = ask("upload", None, data=image.data).json["upload"]
    found = events(ask("stylegan/project", {"upload": number, "steps": 300}))
    assert all({"step", "total", "psnr", "image"} <= event.keys() for event in found)
    assert found[-1]["psnr"] >= 28 and found[-1]["psnr"] > found[0]["psnr"] + 5
    drawn = pixels(ask("stylegan/image", {"state": {"seeds": [{"latent": found[-1]["latent"]}]}}))
    difference = (drawn.astype(float) - shown) / 255
    assert -10 * np.log10((difference**2).mean()) == pytest.approx(found[-1]["psnr"], abs=0.3)
