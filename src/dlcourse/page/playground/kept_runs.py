"""Keep the playground's network as a run: train it once more as dlcourse train does, in a folder of its own."""

from datetime import datetime
from pathlib import Path
from typing import Any

from dlcourse.page.app import Events, Handler
from dlcourse.page.commands import Train
from dlcourse.page.fields import Fields
from dlcourse.page.playground.tab import PlaygroundTab
from dlcourse.page.training import TIME, NewFolders, train_as_run
from dlcourse.page.worker import Worker

RUNS = Path("runs/points")


class KeptRuns:
    """Trains what the playground shows, beside the training that one watches there; one at a time."""

    def __init__(self, tab: PlaygroundTab, worker: Worker, train: Train):
        self.tab, self.worker, self.train, self.folders = tab, worker, train, NewFolders()

    def routes(self) -> dict[str, Handler]:
        """What answers which request."""
        return {"playground/keep": self.keep}

    def keep(self, fields: Fields) -> Events:
        """Train what a state says to its last step: {"folder"}, {"step", "total"} ..., {"done"}."""
        state = fields.part("state")
        words = self.tab.overrides(state)
        total = self.tab.compose("train", tuple(words))["runner"]["max_steps"]
        if state.values.get("data") == "own":
            self.tab.write_points(state, is_kept=True)
        folder = self.folders.make(RUNS / f"{datetime.now():{TIME}}_page")
        about: dict[str, Any] = {"train": self.train, "overrides": [*words, f"run_dir={folder}"], "total": total}
        yield {"folder": str(folder)}
        yield from self.worker.events(train_as_run, **about)
        yield {"done": True}
