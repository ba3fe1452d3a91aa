"""The three tabs of the page, and the processes that work for them."""

from pathlib import Path

from dlcourse.engine.memory import keep_freed_memory
from dlcourse.page.app import Handler
from dlcourse.page.commands import Compose, Train
from dlcourse.page.playground.kept_runs import KeptRuns
from dlcourse.page.playground.tab import PlaygroundTab
from dlcourse.page.style_transfer.tab import StyleTransferTab
from dlcourse.page.stylegan.networks import Networks
from dlcourse.page.stylegan.tab import StyleGANTab
from dlcourse.page.uploads import Uploads
from dlcourse.page.worker import Worker

CLOSING = 5.0  # seconds that a job may take for its last checkpoint when the server ends
UPLOADS = Path("runs/explore/uploads")


class Tabs:
    """What the page can do. As a context it ends its processes at the end of the block.

    Args:
        asked: a StyleGAN to open first; None: the bundled one.
        device, precision: of StyleGAN's images.
        compose: (command, overrides) -> its resolved config.
        train: (overrides, watch) -> nothing: what dlcourse train does.
    """

    def __init__(self, asked: Path | None, device: str, precision: str, compose: Compose, train: Train):
        keep_freed_memory()  # every image allocates the same again
        self.uploads = Uploads(UPLOADS)
        self.workers = {name: Worker() for name in ("projection", "style_transfer", "playground", "kept_runs")}
        networks = Networks(asked, device, precision)
        self.stylegan = StyleGANTab(networks, self.uploads, self.workers["projection"], train)
        transfers = self.workers["style_transfer"]
        self.style_transfer = StyleTransferTab(self.uploads, transfers, device, precision, compose, train)
        self.playground = PlaygroundTab(self.workers["playground"], compose)
        self.kept_runs = KeptRuns(self.playground, self.workers["kept_runs"], train)

    def routes(self) -> dict[str, Handler]:
        """What answers which request."""
        tabs = (self.stylegan, self.style_transfer, self.playground, self.kept_runs)
        return {name: handler for tab in tabs for name, handler in tab.routes().items()}

    def __enter__(self) -> "Tabs":
        self.workers["playground"].start()  # torch takes seconds, which its first training need not wait for
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close(CLOSING)
