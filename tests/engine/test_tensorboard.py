"""What a person sees in TensorBoard, in a real browser."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.parse import quote

import pytest

from conftest import run_script, small_overrides

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian: apt-get install chromium)"),
]
SECONDS = 60


def train(folder, *arguments):
    done = run_script("train.py", *arguments, "device=cpu", cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A classifier that was killed after step 300 and went on from step 200, and a StyleGAN."""
    folder = tmp_path_factory.mktemp("runs")
    every = ["runner.log_every=20", "runner.evaluate_every=100", "runner.visualize_every=100"]
    train(folder, "run_dir=points", "runner.max_steps=300", "runner.checkpoint_every=100", *every)
    (folder / "points" / "checkpoints" / "step_0000300.pt").unlink()
    train(folder, "resume=points", "runner.max_steps=400")
    train(folder, *small_overrides("stylegan_faces_tiny", 4), "run_dir=faces")
    return folder


def get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def address(runs):
    """A TensorBoard that has read the runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(runs), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                found = get(f"{address}/data/plugin/scalars/tags")
            except OSError:
                found = {}
            if {"test/loss"} <= found.get("points", {}).keys() and "perf/steps_per_second" in found.get("faces", {}):
                break
            time.sleep(0.3)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def page(address):
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1300})
        page.set_default_timeout(SECONDS * 1e3)
        yield page
        browser.close()


def test_curves_go_forward_only(address):
    for tag, expected in {"train/loss": range(20, 401, 20), "dev/loss": range(100, 401, 100)}.items():
        points = get(f"{address}/data/plugin/scalars/scalars?run=points&tag={quote(tag, safe='')}")
        assert [step for _, step, _ in points] == list(expected)


def test_cards_have_the_last_value_in_their_table(address, page, runs):
    last = json.loads((runs / "points" / "metrics.jsonl").read_text().splitlines()[-1])
    page.goto(f"{address}/?tagFilter={quote('^(train|dev)/loss$')}#timeseries")
    for tag in ("train/loss", "dev/loss"):
        card = page.locator("scalar-card", has_text=tag)
        card.locator("tb-data-table-content-row").first.wait_for()
        row = card.locator("tb-data-table-content-row", has_text="points").inner_text().split()
        assert "400" in row
        assert any(re.fullmatch(r"0\.\d+", word) and abs(float(word) - last[tag]) < 1e-3 for word in row), row


@pytest.mark.parametrize(("run", "groups"), [("points", ["dev", "images"]), ("faces", ["gan", "images"])])
def test_what_one_wants_to_see_comes_first(address, run, groups):
    scalars = get(f"{address}/data/plugin/scalars/tags")[run]
    images = get(f"{address}/data/plugin/images/tags")[run]
    histograms = get(f"{address}/data/plugin/histograms/tags").get(run, {})
    assert sorted({tag.partition("/")[0] for tag in {**scalars, **images, **histograms}})[:2] == groups


def test_train_and_dev_share_a_chart(address, page):
    page.goto(f"{address}/#custom_scalars")
    page.locator("tf-custom-scalar-multi-line-chart-card").first.wait_for(state="attached")
    page.get_by_text("gan/score").first.wait_for(state="attached")
    cards = page.locator("tf-custom-scalar-multi-line-chart-card")
    for title, curves in {"loss": 3, "accuracy": 3, "gan/loss": 2, "gan/score": 2, "perf/milliseconds": 10}.items():
        card = cards.filter(has=page.get_by_text(title, exact=True))
        card.get_by_text(f"Matches ({curves})").wait_for(state="attached")  # loss: train, dev, test


def test_every_run_is_one_row_of_hyper_parameters(address, page):
    page.goto(f"{address}/#hparams")
    rows = page.locator("tf-hparams-table-view vaadin-grid-cell-content")
    rows.get_by_text("points", exact=True).first.wait_for(state="attached")
    words = [text.strip() for text in rows.all_inner_texts()]
    assert words.count("points") == words.count("faces") == 1


def test_images_are_shown(address, page):
    page.goto(f"{address}/#images")
    for tag in ("images/decision_map", "images/fakes"):
        image = page.locator("tf-image-loader", has_text=tag).locator("img").first
        image.wait_for(state="attached")
        deadline = time.monotonic() + SECONDS
        while not (width := image.evaluate("image => image.naturalWidth")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert width > 0, tag
