"""A network of the playground that is kept is the run that its command makes."""

import shlex
from pathlib import Path

import pytest
from test_playground import POINTS, state_of

from conftest import assert_same, run_script
from dlcourse.cli.explore import compose, train_run
from dlcourse.engine.checkpoint import load_newest
from dlcourse.engine.run_folder import all_of
from dlcourse.errors import UserError
from dlcourse.page.fields import Fields
from dlcourse.page.playground.kept_runs import KeptRuns
from dlcourse.page.playground.tab import PlaygroundTab
from dlcourse.page.worker import Worker


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    yield KeptRuns(PlaygroundTab(Worker(), compose), worker, train_run)
    worker.close()


@pytest.mark.long
def test_a_network_that_is_kept_is_that_of_the_command(kept, tmp_path):
    state = state_of(data="own", own=POINTS, dropout=0.2, batch_size=5, steps=60)
    first, *events, last = [event for event in kept.keep(Fields({"state": state})) if event]
    assert last == {"done": True} and events[-1] == {"step": 60, "total": 60}
    run = Path(first["folder"])
    assert run.parent == Path("runs/points") and run.name.endswith("_page") and (run / "summary.html").exists()
    words = shlex.split(kept.tab.command(Fields({"state": state}))["command"])
    assert run_script("train.py", *words[2:], "run_dir=run", cwd=tmp_path).returncode == 0
    assert_same(load_newest(run).state, load_newest(tmp_path / "run").state)


def test_one_whose_page_is_closed_ends_with_a_checkpoint(kept):
    events = kept.keep(Fields({"state": state_of(steps=100_000)}))
    run = Path(next(events)["folder"])
    step = next(event for event in events if event and event.get("step", 0) > 5)["step"]
    events.close()
    (path,) = all_of(run)
    assert step <= int(path.stem[5:]) < 100_000


def test_what_is_no_network_is_refused(kept):
    with pytest.raises(UserError, match="must be"):
        next(kept.keep(Fields({"state": state_of(hidden="8")})))
