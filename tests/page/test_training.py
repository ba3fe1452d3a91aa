"""New runs of the page, and how fast they are."""

import time

from dlcourse.page.training import NewFolders, Pace


def test_pauses_do_not_count(monkeypatch):
    now = iter([0.0, 10.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    pace = Pace()
    pace.add(1, 100)
    assert pace.describe(900) == {}
    pace.pause(8.0)
    pace.add(2, 200)
    assert pace.describe(800) == {"rate": 0.5, "left": 16.0}


def test_a_folder_is_given_once(tmp_path):
    folders = NewFolders()
    (tmp_path / "me_2").mkdir()
    assert [folders.make(tmp_path / "me").name for _ in range(3)] == ["me", "me_3", "me_4"]
