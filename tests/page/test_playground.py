"""The playground trains what dlcourse train trains, and its lessons end as they say."""

import base64
import json
import re
import shlex
import time
from multiprocessing import Pipe

import pytest
import torch

from conftest import ROOT, assert_same, run_script
from dlcourse.cli.explore import compose
from dlcourse.engine.checkpoint import load_newest
from dlcourse.errors import UserError
from dlcourse.page.fields import Fields
from dlcourse.page.playground.job import Training, train
from dlcourse.page.playground.options import overrides_of
from dlcourse.page.playground.tab import PRESETS, PlaygroundTab
from dlcourse.page.playground.view import GRID, SHOWN, THIN, View
from dlcourse.page.worker import Orders, Worker

STATIC = ROOT / "src" / "dlcourse" / "page" / "static"
LESSONS = json.loads(PRESETS.read_text(encoding="utf-8"))
USUAL, LESSON = LESSONS["usual"], {one["id"]: one for one in LESSONS["presets"]}
POINTS = [[index / 10, (index * index % 7) / 7, index % 2] for index in range(20)]
HARD = {  # everything that draws random numbers or looks at evaluations
    "dropout": {"dropout": 0.5, "scheduler": "plateau", "optimizer": "momentum", "lr": 0.3, "steps": 400},
    "batch norm, noise": {"norm": "batch", "input_noise": 0.1, "data": "flower", "batch_size": 30, "steps": 200},
    "l-bfgs": {"optimizer": "lbfgs", "lr": 1, "batch_size": 0, "l2": 0.001, "data": "rings", "steps": 50},
}


def state_of(**changes) -> dict:
    return USUAL | {"own": []} | changes


def config_of(**changes) -> dict:
    return compose("train", overrides_of(Fields(state_of(**changes)), compose))


def run(config: dict, **about) -> list[dict]:
    """The events of a training to its end, in this process."""
    events: list[dict] = []
    ours, theirs = Pipe()
    with ours, theirs:
        given = {"plane": None, "colors": None, "is_paused": False, "speed": 0} | about
        train(events.append, Orders(theirs), config=config, **given)
    json.dumps(events, allow_nan=False)
    return events


@pytest.mark.parametrize("changes", HARD.values(), ids=list(HARD))
def test_the_weights_are_those_of_the_runner(changes, tmp_path):
    """Also if the page looks at them all the time."""
    config = config_of(**changes)
    theirs, ours = Training(config), Training(config)
    theirs.runner.checkpoint_every = theirs.runner.keep_best = None
    theirs.runner.train(theirs.task, tmp_path, config)
    view = View(ours.task, None, None)
    while not ours.is_over():
        ours.advance()
        if ours.step % 7 == 0:
            view.now()
    for name, part in theirs.task.state().items():
        assert_same(part.state_dict(), ours.task.state()[name].state_dict(), name)


def test_the_command_trains_the_same_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tab = PlaygroundTab(Worker(), compose)
    state = state_of(data="own", own=POINTS, dropout=0.2, batch_size=5, steps=60)
    words = shlex.split(tab.command(Fields({"state": state, "keep": True}))["command"])
    assert words[:2] == ["dlcourse", "train"]
    done = run_script("train.py", *words[2:], "run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    training = Training(compose("train", words[2:]))
    while not training.is_over():
        training.advance()
    assert_same(load_newest(tmp_path / "run").state["model"], training.task.model.state_dict())


def test_the_command_names_only_what_is_changed():
    assert overrides_of(Fields(state_of()), compose) == [
        "model.hidden=[8,8]",
        "model.activation=tanh",
        "model.init=xavier",
        "optimizer.lr=0.01",
        "task.batch_size=32",
        "device=cpu",
        "runner.max_steps=3000",
    ]
    words = overrides_of(Fields(state_of(data="rings", optimizer="sgd", num_train=400, batch_size=0)), compose)
    assert words[:2] == ["dataset=rings", "optimizer=sgd"] and "dataset.num_train=400" not in words
    assert not any(word.startswith("optimizer.lr") for word in words)  # 0.01 is sgd's own


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "file"},
        {"hidden": [8] * 9},
        {"hidden": [101]},
        {"hidden": "8"},
        {"activation": "gelu"},
        {"lr": float("nan")},
        {"lr": 0},
        {"lr": True},
        {"seed": -1},
        {"steps": 1e9},
        {"batch_size": None},
        {"data": "own", "own": [[0, 0, 6]]},
        {"data": "own", "own": [[0, 0]]},
        {"data": "own", "own": [[0, float("inf"), 0]]},
        {"data": "own", "own": [[0, 0, 0]] * 2001},
        {"data": "own", "own": {"x": 1}},
    ],
)
def test_other_values_are_refused_in_one_line(changes):
    with pytest.raises(UserError, match="must be") as told:
        overrides_of(Fields(state_of(**changes)), compose)
    assert "\n" not in str(told.value)


def test_what_an_event_holds():
    events = run(config_of(hidden=[12, 3], steps=40, num_train=50))
    first, last = events[0], events[-1]
    assert first["step"] == 0 and first["gradients"] == [None] * 3
    assert len(first["train_points"]) == 50 and first["sizes"] == [50, 1000, 4000]
    assert [one["color"] for one in first["classes"]] == [0, 1, 2]
    assert last["step"] == last["total"] == 40 and last["is_last"] and 0 <= last["results"]["test/accuracy"] <= 1
    assert len(base64.b64decode(last["map"])) == 3 * GRID**2
    sizes = [len(base64.b64decode(one)) for one in last["units"]]
    assert sizes == [SHOWN * (GRID // THIN) ** 2, 3 * (GRID // THIN) ** 2]
    assert [(len(one), len(one[0])) for one in last["weights"]] == [(SHOWN, 2), (3, SHOWN), (3, 3)]
    assert all(norm > 0 for norm in last["gradients"])


def test_the_map_is_upright_and_in_the_classes_colours():
    (event,) = run(config_of(steps=600))[-1:]
    pixels = torch.frombuffer(bytearray(base64.b64decode(event["map"])), dtype=torch.uint8).reshape(GRID, GRID, 3)
    assert pixels[5, 10].tolist() == pytest.approx([0xD5, 0x5E, 0], abs=40)  # above sqrt(x): left, high
    assert pixels[-6, -10].tolist() == pytest.approx([0, 0x72, 0xB2], abs=40)  # below x^2: right, low


def test_pause_step_and_stop():
    """In the real process; a second training ends the first."""
    worker = Worker()
    tab = PlaygroundTab(worker, compose)
    order = lambda number, word: tab.order(Fields({"training": number, "order": word}))
    try:
        begin = lambda number: tab.train(Fields({"state": state_of(steps=100_000), "training": number, "paused": True}))
        first = begin(1)
        assert next(event for event in first if event)["step"] == 0
        order(2, "play")  # of another page: it is not heard
        order(1, "step")
        assert next(event for event in first if event)["step"] == 1
        order(1, "play")
        time.sleep(0.3)
        order(1, "pause")
        steps = []
        while event := next(first):
            steps.append(event["step"])
        assert len(steps) > 1 and steps[-1] > 10
        second = begin(3)
        assert list(first) == []
        assert next(event for event in second if event)["step"] == 0
        second.close()
        assert worker.lock.acquire(timeout=5)
    finally:
        worker.process.kill()


def test_the_speed_is_kept():
    begin = time.monotonic()
    run(config_of(steps=20), speed=40)
    assert 0.45 < time.monotonic() - begin < 3


def no_lesson(last):
    raise AssertionError("say here how the lesson ends")


ENDS = {  # as the lesson's sentence says
    "three_colors": lambda last: last["dev"]["accuracy"] >= 0.97,
    "no_hidden_layer": lambda last: 0.90 < last["dev"]["accuracy"] < 0.95,
    "rings_without": lambda last: 0.4 < last["dev"]["accuracy"] < 0.6,
    "rings_with": lambda last: last["dev"]["accuracy"] >= 0.95,
    "zeros": lambda last: last["gradients"] == [0, 0, 0] and 0.28 < last["dev"]["accuracy"] < 0.4,
    "lr_too_large": lambda last: last["train"]["loss"] > 5,
    "lr_too_small": lambda last: last["train"]["loss"] > 0.5,
    "deep_sigmoid": lambda last: max(last["gradients"][:3]) < 1e-4 and 0.4 < last["dev"]["accuracy"] < 0.6,
    "deep_relu": lambda last: last["dev"]["accuracy"] > 0.94 and max(last["gradients"]) < 100 * min(last["gradients"]),
    "deep_batch_norm": lambda last: last["dev"]["accuracy"] > 0.9,
    "overfitting": lambda last: (
        last["train"]["accuracy"] > 0.985
        and last["dev"]["loss"] > 1
        and last["results"]["test/accuracy"] > last["dev"]["accuracy"]
    ),
    "l2": lambda last: last["dev"]["loss"] < 0.35 and last["results"]["test/accuracy"] > 0.96,
    "dropout": lambda last: last["dev"]["loss"] < 0.6,
    "input_noise": lambda last: last["dev"]["loss"] < 0.4,
    "sgd": lambda last: last["train"]["loss"] > 0.1,
    "momentum": lambda last: last["train"]["loss"] < 0.08,
    "adam": lambda last: last["train"]["loss"] < 0.05,
}
QUICK = ("rings_without", "zeros")


@pytest.mark.parametrize(
    "lesson", [one if one in QUICK else pytest.param(one, marks=pytest.mark.long) for one in LESSON]
)
def test_lessons_end_as_they_say(lesson):
    last = run(config_of(**LESSON[lesson]["state"]))[-1]
    shown = {key: last[key] for key in ("train", "dev", "gradients", "results")}
    assert ENDS.get(lesson, no_lesson)(last), shown


@pytest.mark.parametrize("lesson", LESSON.values(), ids=list(LESSON))
def test_lessons_are_told_in_both_languages_and_lead_to_the_docs(lesson):
    for language in ("en", "zh"):
        file, heading = lesson["see"][language]
        assert f"\n## {heading}\n" in (ROOT / file).read_text(encoding="utf-8")
        assert lesson["title"][language] and lesson["text"][language]
    assert re.search("[\u4e00-\u9fff]", lesson["text"]["zh"])
