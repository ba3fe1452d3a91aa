"""How fast the page answers, in a real headless Chromium.

    pip install -e '.[browser]'; apt-get install chromium
    python benchmarks/page.py                 # the bundled faces, the playground, a style transfer
    python benchmarks/page.py --large         # and a generator of 1024 x 1024 pixels with random weights
    python benchmarks/page.py --chromium PATH

`ready` is from the start of the command to the first answer. `slider to image` is from a key on a brush to the moment
when the new image is painted on the page's canvas; `network alone` is the bare generator in the same minute, the lower
limit. `drag` moves a brush 60 times in a second. The playground trains its first network, and a map is a painting of
the decision map. Beside other work on the machine all of it takes longer.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page, sync_playwright

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.engine.memory import keep_freed_memory
from dlcourse.files.locations import CHECKPOINTS
from dlcourse.stylegan.interop.files import load_generator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.synthesis import constant_weights
from dlcourse.stylegan.sampling.seeds import Seed
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

ROOT = Path(__file__).resolve().parent.parent
PAPER: dict[str, Any] = {
    "resolution": 1024,
    "z_dim": 512,
    "w_dim": 512,
    "channel_base": 8192,
    "channel_max": 512,
    "num_classes": 0,
}
# Notes when something is painted on the canvas that a selector finds, as milliseconds of the page's clock
WATCH = """
(selector) => {
  window.painted = [];
  for (const name of ["drawImage", "putImageData"]) {
    const paint = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...rest) {
      paint.apply(this, rest);
      if (this.canvas.matches(selector)) window.painted.push([performance.now(), this.canvas.width]);
    };
  }
}
"""
ONE_KEY = """
async (key) => {
  const brush = document.querySelector(".sg-brush:nth-of-type(6)"), count = window.painted.length;
  const begin = performance.now();
  brush.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  while (window.painted.length === count) await new Promise(requestAnimationFrame);
  const first = window.painted[count];
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const last = window.painted.at(-1);
  return [first[0] - begin, first[1], last[0] - begin, last[1]];
}
"""


@contextmanager
def served(*words: str) -> Iterator[tuple[str, float]]:
    """The page's address, and the seconds from the start of the command to its first answer."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        command = [sys.executable, "-P", "-m", "dlcourse.cli.main", "explore", *words, "browser=false", "port=8765"]
        environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            yield address, time.perf_counter() - begin
        finally:
            server.terminate()
            server.wait()


def opened(browser: Any, address: str, tab: str, selector: str) -> Page:
    """The page with a tab, whose canvas is watched from the start."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, bypass_csp=True)
    page.add_init_script(f"({WATCH})({selector!r})")
    page.goto(f"{address}#{tab}")
    page.wait_for_function("window.painted.length > 0", timeout=60_000)
    page.wait_for_timeout(2000)
    return page


def brushes(browser: Any, address: str) -> None:
    """From a key to the image, with the bundled generator."""
    page = opened(browser, address, "stylegan", ".sg-image")
    keys = ["ArrowRight", "ArrowLeft"] * 20
    times = sorted(page.evaluate(ONE_KEY.replace("1500", "150"), key)[0] for key in keys)
    median, p90 = statistics.median(times), times[int(0.9 * len(times))]
    print(f"slider to image: median {median:.0f} ms, p90 {p90:.0f} ms; network alone {network_alone():.0f} ms")
    box = page.locator(".sg-brush").nth(5).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.down()
    count = page.evaluate("window.painted.length")
    for move in range(60):
        page.mouse.move(box["x"] + box["width"] * (0.05 + 0.9 * move / 60), box["y"] + 5)
        page.wait_for_timeout(1000 / 60)
    page.mouse.up()
    last_move = page.evaluate("performance.now()")
    page.wait_for_timeout(1500)
    painted = page.evaluate(f"window.painted.slice({count})")
    settled = max(0.0, painted[-1][0] - last_move)
    print(f"drag: 60 moves, {len(painted)} images, settled {settled:.0f} ms after the last move")
    page.close()


def network_alone() -> float:
    """The median milliseconds of the bundled generator for one image."""
    keep_freed_memory()
    generator = load_generator([CHECKPOINTS / "stylegan_faces.pt"]).averaged_generator.requires_grad_(False)
    generator = generator.to(memory_format=torch.channels_last)
    synthesizer = Synthesizer(classes=None, truncation_psi=0.7, truncation_cutoff=None, batch_size=1)
    times = []
    with constant_weights(generator):
        for _ in range(30):
            begin = time.perf_counter()
            synthesizer.images(generator, [Seed(3)])
            times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def large(browser: Any) -> None:
    """A generator of 1024 x 1024 pixels with random weights: the first sight of a moved brush, and the full image."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        node = {"_target_": "dlcourse.stylegan.networks.generator.Generator", **PAPER}
        path = Path(folder, "large.pt")
        state = {"generator_ema": Generator(**PAPER).state_dict()}
        save_checkpoint(path, 0, {"model": {"generator": node}}, state)
        with served(str(path)) as (address, ready):
            page = opened(browser, address, "stylegan", ".sg-image")
            found = [page.evaluate(ONE_KEY.replace("1500", "6000"), key) for key in ["ArrowRight", "ArrowLeft"] * 5]
            first, size, full, whole = (statistics.median(column) for column in zip(*found, strict=True))
            print(f"1024 pixels: ready {ready:.1f} s, first sight of {size:.0f} pixels after {first:.0f} ms, ", end="")
            print(f"the {whole:.0f} pixels after {full:.0f} ms")
            page.close()


def playground(browser: Any, address: str) -> None:
    """Updates and painted decision maps in a second, while the first network trains."""
    page = opened(browser, address, 'playground={"steps":100000}', ".pg-map")
    page.get_by_role("button", name=re.compile("Play", re.IGNORECASE)).first.click()
    page.wait_for_timeout(1500)
    begin, before = page.evaluate("[window.painted.length, performance.now()]"), steps_of(page)
    page.wait_for_timeout(4000)
    end, after = page.evaluate("[window.painted.length, performance.now()]"), steps_of(page)
    seconds = (end[1] - begin[1]) / 1000
    print(f"playground: {(after - before) / seconds:.0f} updates/s, {(end[0] - begin[0]) / seconds:.1f} maps/s")
    page.close()


def steps_of(page: Page) -> int:
    """The number of updates that the page shows."""
    found = re.search(r"step ([\d,]+) of", page.locator(".pg-counter").inner_text())
    assert found is not None
    return int(found[1].replace(",", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--large", action="store_true", help="also a generator of 1024 x 1024 pixels")
    arguments = parser.parse_args()
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        with served() as (address, ready):
            print(f"ready: {ready:.1f} s")
            brushes(browser, address)
            playground(browser, address)
        if arguments.large:
            large(browser)
        browser.close()


if __name__ == "__main__":
    main()
