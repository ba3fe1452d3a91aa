"""The style-transfer tab: its images are those of the commands that it shows; one that is stopped is kept."""

import io
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import run_script
from dlcourse.cli import explore
from dlcourse.engine import run_folder
from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.page.fields import Fields
from dlcourse.page.style_transfer.settings import PRESETS
from dlcourse.page.style_transfer.tab import StyleTransferTab
from dlcourse.page.uploads import Uploads
from dlcourse.page.worker import Worker
from page_client import client_of

PAIR = {"content": {"builtin": "seascape"}, "styles": [{"builtin": "mosaic"}]}
SMALL = {"content_size": 64, "style_size": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def tab(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        worker = Worker()
        yield StyleTransferTab(Uploads(Path("uploads")), worker, "cpu", "fp32", explore.compose, explore.train_run)
        worker.close()


@pytest.fixture(scope="module")
def ask(tab):
    return client_of(tab.routes(), tab.uploads)


@pytest.fixture(scope="module")
def uploads(tab):
    """The numbers of a photograph with transparency, and of a mask and its opposite."""
    photo = Image.merge("RGB", [Image.radial_gradient("L").rotate(90 * n) for n in range(3)]).resize((120, 90))
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    half = Image.linear_gradient("L").point(lambda value: 255 * (value > 100))
    images = {"a photo.png": photo, "mask.png": half, "other.png": half.point(lambda value: 255 - value)}
    return {name: tab.uploads.keep(image, name)["upload"] for name, image in images.items()}


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def run_command(line, folder):
    """Run a command that the page shows, `dlcourse COMMAND ...`; returns what it said."""
    program, name, *words = shlex.split(line)
    assert program == "dlcourse"
    done = run_script(f"{name}.py", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def events_of(events):
    return [event for event in events if event]


def last_image(run):
    return np.asarray(open_image(sorted((run / "images").iterdir())[-1]))


def test_what_can_be_chosen(ask):
    found = ask("style_transfer", {}).json
    assert [preset["name"] for preset in found["presets"]] == list(PRESETS)
    assert found["presets"][0]["steps"] == 150 and found["presets"][1]["content_size"] == 512
    assert [image["builtin"] for image in found["images"]] == ["seascape", "painting", "mosaic"]
    assert all(image["image"].startswith("data:image/png;base64,") for image in found["images"])


def test_every_preset_is_an_experiment_that_needs_no_download(tab):
    for name, words in PRESETS.items():
        assert tab.presets.compose("train", words)["model"]["weights"] in ("edges", "orthogonal"), name


def test_uploads_are_described_by_number(ask, uploads):
    found = ask("style_transfer/uploads", {"uploads": [uploads["a photo.png"], 999]}).json["images"]
    assert [image["file"] for image in found] == ["a_photo.png"] and found[0]["size"] == [120, 90]


def test_uploads_that_come_together_get_numbers_of_their_own(tmp_path):
    uploads, image = Uploads(tmp_path), Image.new("RGB", (20, 20))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: uploads.keep(image, "mask.png"), range(24)))
    assert sorted(answer["upload"] for answer in answers) == [*range(24)]
    assert all(Path(uploads.path(answer["upload"])).name == answer["file"] for answer in answers)


FAST = [
    {},
    {"strength": 0.4, "grain": 1.5, "colors": "keep_chroma", "style_size": 512},
    {"styles": [{"builtin": "mosaic", "weight": 2}, {"builtin": "painting"}]},
    {"styles": [{"builtin": "mosaic"}, {"builtin": "painting"}], "regions": ["mask.png", "other.png"]},
    {"content": {"upload": "a photo.png"}, "regions": ["mask.png"]},
]


@pytest.mark.parametrize("changes", FAST)
def test_the_command_paints_the_same_at_once(ask, folder, uploads, changes):
    body = PAIR | SMALL | changes
    if "upload" in body["content"]:
        body["content"] = {"upload": uploads["a photo.png"]}
    body["regions"] = [uploads[name] for name in body.get("regions", [])]
    (folder / "painted.png").unlink(missing_ok=True)
    run_command(ask("style_transfer/stylize", body).json["command"], folder)
    saved = pixels(ask("style_transfer/save", body).data)
    assert np.array_equal(saved, np.asarray(open_image(folder / "painted.png", keep_alpha=True)))


def test_what_the_painter_knows_of_a_style_is_of_these_settings(ask):
    first, second = [PAIR | SMALL | {"style_size": size} for size in (64, 256)]
    before = pixels(ask("style_transfer/save", first).data)
    assert not np.array_equal(pixels(ask("style_transfer/save", second).data), before)
    assert np.array_equal(pixels(ask("style_transfer/save", first).data), before)


def test_the_content_is_shown_at_its_size(ask):
    assert pixels(ask("style_transfer/content", PAIR | SMALL).data).shape == (48, 64, 3)


def test_the_command_says_only_what_is_not_the_presets_own(ask):
    line = lambda **settings: ask("style_transfer/command", PAIR | settings).json["command"].replace(" device=cpu", "")
    begin = "dlcourse train experiment=style_transfer_offline content=seascape style=mosaic"
    assert line() == line(preset="offline", steps=150, content_weight=None) == begin
    assert line(content_weight=30.0, steps=20, init="noise") == (
        f"{begin} objective.content_weight=30 runner.max_steps=20 task.init=noise"
    )
    assert "model.weights=edges 'objective.style_layers=[relu1_1" in line(preset="gatys")


@pytest.mark.long
def test_the_command_paints_the_same_by_gradient_descent(tab, ask, folder, uploads):
    settings = {"steps": 3, "init": "noise", "seed": 4, "content_mask": uploads["mask.png"]}
    body = PAIR | SMALL | settings | {"content": {"upload": uploads["a photo.png"]}}
    first, *events, last = events_of(tab.paint(Fields(body)))
    assert last == {"done": True, "step": 3, "total": 3} and events[-1]["image"].startswith("data:image/jpeg")
    points = [point for event in events for point in event["points"]]
    assert [point[0] for point in points] == [1, 2, 3] and all(len(point) == 4 for point in points)
    assert first["command"] == ask("style_transfer/command", body).json["command"]
    run_command(f"{first['command']} run_dir=by_hand", folder)
    assert np.array_equal(last_image(folder / first["folder"]), last_image(folder / "by_hand"))
    assert run_folder.has_begun(folder / first["folder"])  # as resume= and TensorBoard need it


@pytest.fixture(scope="module")
def stopped(tab):
    """A run of nine steps that was stopped in the middle: its number, its events, its folder."""
    events = []
    for event in tab.paint(Fields(PAIR | SMALL | {"steps": 40})):
        events += [event] if event else []
        if event and event.get("step") and len(events) == 3:
            tab.order(Fields({"order": "stop"}))
    return events[0]["run"], events, Path(events[0]["folder"])


def test_a_painting_that_is_stopped_keeps_its_best_image(stopped, folder):
    _, events, run = stopped
    step = events[-1]["step"]
    assert events[-1]["done"] and 0 < step < 40
    assert run_folder.step_of(run_folder.newest(folder / run)) == step
    assert (folder / run / "images" / f"image_{step:07d}.png").exists()


def test_a_page_that_is_loaded_anew_finds_the_run(ask, stopped, folder):
    number, events, run = stopped
    found = ask("style_transfer/run", {"run": number}).json
    assert {key: found[key] for key in events[0]} == events[0]
    assert (found["content"], found["styles"], found["is_on"]) == ("seascape", ["mosaic"], False)
    assert found["step"] == found["points"][-1][0] == found["strip"][-1]["step"] == events[-1]["step"]
    assert all(found[key].startswith("data:image/jpeg") for key in ("image", "before"))
    assert ask("style_transfer", {}).json["runs"][number]["folder"] == str(run)


@pytest.mark.long
def test_it_goes_on_to_the_same_image(tab, stopped, folder):
    number, events, run = stopped
    later = events_of(tab.go_on(Fields({"run": number})))
    assert later[1]["step"] == events[-1]["step"] + 1 and later[-1]["step"] == 40
    run_command(f"{events[0]['command']} run_dir=in_one_go", folder)
    assert np.array_equal(last_image(folder / run), last_image(folder / "in_one_go"))


def test_one_that_is_on_does_not_go_on_twice(tab):
    events = tab.paint(Fields(PAIR | SMALL | {"steps": 500}))
    number = next(events)["run"]
    next(event for event in events if event and "image" in event)
    with pytest.raises(UserError, match="is being painted"):
        tab.go_on(Fields({"run": number}))
    assert tab.runs[number].is_on and tab.runs[number].total == 500
    events.close()
    assert not tab.runs[number].is_on


@pytest.mark.long
def test_one_that_has_ended_takes_as_many_steps_again(tab, folder):
    begun, *_ = events_of(tab.paint(Fields(PAIR | SMALL | {"steps": 3})))
    again, *later, last = events_of(tab.go_on(Fields({"run": begun["run"]})))
    assert (later[0]["step"], last["step"], again["total"]) == (4, 6, 6)
    run_command(f"{again['command']} run_dir=six_steps", folder)
    assert np.array_equal(last_image(folder / begun["folder"]), last_image(folder / "six_steps"))


@pytest.mark.parametrize("shares", [{}, {"luminance": 0.7, "color": 0}, {"color": 0.25}])
def test_the_command_blends_the_same(tab, ask, stopped, folder, shares):
    body = {"run": stopped[0]} | shares
    (folder / "blended.png").unlink(missing_ok=True)
    run_command(ask("style_transfer/blend", body).json["command"], folder)
    saved = pixels(ask("style_transfer/result", body).data)
    assert np.array_equal(saved, np.asarray(open_image(folder / "blended.png", keep_alpha=True)))


def test_the_job_ends_with_its_page(tab, folder):
    events = tab.paint(Fields(PAIR | SMALL | {"steps": 5000}))
    run = Path(next(events)["folder"])
    while "step" not in (next(events) or {}):
        pass
    number = Fields({"run": len(tab.runs) - 1})
    assert tab.describe_run(number)["is_on"] and "image" not in tab.describe_run(number)
    events.close()
    assert not tab.describe_run(number)["is_on"] and "image" in tab.describe_run(number)
    assert run_folder.all_of(folder / run)  # a checkpoint
    assert not tab.worker.lock.locked()


@pytest.mark.long
def test_a_pause_holds_it_until_it_plays(tab):
    events = tab.paint(Fields(PAIR | SMALL | {"steps": 30}))
    while not (step := (next(events) or {}).get("step")):
        pass
    tab.order(Fields({"order": "pause"}))
    quiet = 0
    while quiet < 3:  # heartbeats
        event = next(events)
        quiet, step = (0, event["step"]) if event else (quiet + 1, step)
    assert step < 30
    tab.order(Fields({"order": "play"}))
    assert events_of(events)[-1]["step"] == 30


BAD = {
    "stylize": [
        {"content": {"builtin": "/etc/passwd"}},
        {"content": {"upload": 99}},
        {"content": {"upload": "x.png"}},
        {"content": "seascape"},
        {"styles": [{}]},
        {"styles": [{"builtin": "mosaic"}] * 7},
        {"styles": [{"builtin": "mosaic", "weight": 0}]},
        {"strength": 1.5},
        {"content_size": 5000},
        {"colors": "blue"},
        {"regions": [-1]},
    ],
    "paint": [
        {"preset": "nothing"},
        {"steps": 0},
        {"steps": "many"},
        {"content_weight": -1},
        {"init": "../a.png"},
        {"seed": 2**40},
        {"content_mask": True},
    ],
    "order": [{"order": "dance"}],
    "go_on": [{"run": 99}, {"run": -1}],
    "blend": [{"run": 99}],
    "run": [{"run": 99}, {"run": "0"}],
}


@pytest.mark.parametrize(("name", "changes"), [(name, one) for name, several in BAD.items() for one in several])
def test_other_values_are_refused(tab, ask, name, changes):
    before = len(tab.runs)
    response = ask(f"style_transfer/{name}", PAIR | changes)
    assert response.status_code == 400 and response.json["error"]
    assert len(tab.runs) == before


def test_a_mistake_of_the_run_itself_is_told(tab, uploads):
    body = PAIR | SMALL | {"regions": [uploads["mask.png"], uploads["other.png"]]}
    with pytest.raises(UserError, match="style_regions must be one for each of 1 styles"):
        events_of(tab.paint(Fields(body)))
