"""How fast a run is that the page watches."""

import time

from dlcourse.page.training import Pace


def test_pauses_do_not_count(monkeypatch):
    now = iter([0.0, 10.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    pace = Pace()
    pace.add(1, 100)
    assert pace.describe(900) == {}
    pace.pause(8.0)
    pace.add(2, 200)
    assert pace.describe(800) == {"rate": 0.5, "left": 16.0}
