"""The page in a real browser: what a person does and sees in each tab.

DLCOURSE_SCREENSHOTS=FOLDER keeps an image of each tab.
"""

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, run_script
from processes import children_of, is_busy

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian: apt-get install chromium)"),
]
PATIENCE = 60.0  # seconds
PHONE = {"width": 375, "height": 800}
SMALL = {"width": 1000, "height": 800}
REFUSED = "import('/static/api.js').then(({ job }) => job('stylegan/project', { upload: 'x' })).catch((e) => e.message)"
SCREEN = {"width": 1440, "height": 1000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def server(folder):
    command = [sys.executable, "-P", "-m", "dlcourse.cli.main", "explore", "port=8710", "browser=false"]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    begun = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    begun.address = begun.stdout.readline().strip()
    yield begun
    children = children_of(begun.pid)
    begun.send_signal(signal.SIGTERM)
    begun.wait(20)
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(server, browser):
    """A function that opens a tab. At the end: no error in the console, no request to another host."""
    pages, wrong = [], []

    def open_tab(tab, **options):
        context = browser.new_context(viewport=SCREEN, locale="en-US", **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1e3)
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        hosts = ("127.0.0.1", "", None)  # the others are blob: and data:
        page.on("request", lambda one: None if urlsplit(one.url).hostname in hosts else wrong.append(one.url))
        page.goto(f"{server.address}#{tab}")
        pages.append(page)
        return page

    yield open_tab
    for page in pages:
        page.context.close()
    assert not wrong


def until(condition):
    """Wait for it; the page's policy forbids playwright's own way to do so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def screenshot(page, name):
    if folder := os.environ.get("DLCOURSE_SCREENSHOTS"):
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder, f"{name}.jpg"), type="jpeg", quality=88)


def drawn(page, selector=".sg-image"):
    """The canvas's pixels, once they have not changed for half a second."""
    script = f"document.querySelector('{selector}')?.toDataURL()"
    before = None
    for _ in range(int(PATIENCE / 0.5)):
        page.wait_for_timeout(500)
        found = page.evaluate(script)
        if found and found == before:
            return found
        before = found
    raise AssertionError("the image does not rest")


def downloaded(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes()


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_brushes_change_the_image_and_the_command_draws_it(opened, folder):
    page = opened("stylegan")
    first = drawn(page)
    page.get_by_role("button", name="coarse", exact=True).click()
    assert drawn(page) != first
    screenshot(page, "stylegan")
    page.get_by_role("button", name="coarse", exact=True).click()
    assert drawn(page) == first
    brush = page.get_by_role("slider", name=re.compile("^layer 6,"))
    brush.click()
    assert brush.get_attribute("aria-valuenow") == "1" and drawn(page) != first
    page.keyboard.press("Control+z")
    assert drawn(page) == first
    boxes = [page.locator(".sg-brush").nth(index).bounding_box() for index in (6, 9)]
    page.keyboard.down("Shift")
    page.mouse.move(boxes[0]["x"] + 20, boxes[0]["y"] + 8)
    page.mouse.down()
    page.mouse.move(boxes[1]["x"] + 22, boxes[1]["y"] + 8, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert [page.locator(".sg-brush").nth(index).get_attribute("aria-valuenow") for index in range(6, 10)] == ["1"] * 4
    page.get_by_label("ψ").fill("1.1")
    page.get_by_label("direction 2", exact=True).fill("1.5")
    assert drawn(page) != first
    until(lambda: "edits=" in page.get_by_label("the command", exact=True).inner_text())
    words = shlex.split(page.get_by_label("the command", exact=True).inner_text())
    assert run_script("sample.py", *words[2:], cwd=folder).returncode == 0
    assert np.array_equal(pixels(downloaded(page, "image (.png)")), pixels((folder / "image.png").read_bytes()))


def test_a_link_brings_the_image_back(opened):
    page = opened("stylegan")
    page.get_by_role("button", name="fine", exact=True).click()
    shown = drawn(page)
    other = opened(urlsplit(page.evaluate("location.href")).fragment)
    assert drawn(other) == shown
    page.locator(".sg-child").nth(0).click()
    assert drawn(page) != shown


def test_the_children_are_seen_together_with_the_image(opened):
    page = opened("stylegan")
    page.set_viewport_size(SMALL)
    drawn(page)
    image, *children = [part.bounding_box() for part in page.locator(".sg-image, .sg-child").all()]
    assert len(children) == 9
    for box in (image, *children):
        assert box["y"] > 0 and box["y"] + box["height"] < SMALL["height"] and box["width"] > 80


@pytest.mark.parametrize("state", ["[1]", "%%%", '{"seeds": 3, "psi": "x", "weights": [[1, "a"], null], "class": 4}'])
def test_damaged_links_show_an_image(opened, state):
    page = opened(f"stylegan={state}")
    drawn(page)
    assert page.locator(".sg-brush").count() == 10


def test_a_photo_is_found_and_stands_for_a_seed(opened):
    page = opened("stylegan")
    page.get_by_role("button", name="none", exact=True).click()
    drawn(page)
    face = downloaded(page, "image (.png)")
    page.get_by_label("steps").select_option("300")
    page.locator("input[type=file]").set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": face})
    use = page.get_by_role("button", name="as A")
    use.wait_for()
    found = page.get_by_role("group", name=re.compile(r"^me: \d")).get_attribute("aria-label")
    assert float(re.search(r"([\d.]+) dB", found)[1]) >= 30
    use.click()
    drawn(page)
    difference = (pixels(downloaded(page, "image (.png)")).astype(float) - pixels(face)) / 255
    assert -10 * np.log10((difference**2).mean()) >= 29


def test_a_walk_is_shown_and_saved(opened):
    page = opened("stylegan")
    drawn(page)
    page.get_by_label("frames per pair").fill("5")
    page.get_by_role("button", name="make it").click()
    page.locator(".sg-view img").wait_for()
    walk = Image.open(io.BytesIO(downloaded(page, re.compile("^save$"))))
    assert walk.format == "GIF" and walk.n_frames == 10


def test_a_projection_can_be_cancelled(opened, server):
    page = opened("stylegan")
    drawn(page)
    face = downloaded(page, "image (.png)")
    page.get_by_label("steps").select_option("2000")
    page.locator("input[type=file]").set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": face})
    until(lambda: "dB" in page.locator(".sg-working").inner_text())
    page.close()
    until(lambda: not any(is_busy(child) for child in children_of(server.pid)))


def test_a_style_transfer_paints_stops_and_goes_on(opened):
    page = opened("style_transfer")
    page.locator(".st-compare .after[src]").wait_for(state="attached")
    page.get_by_role("button", name="paint by gradient descent").click()
    page.locator(".st-strip img").first.wait_for()
    page.wait_for_timeout(4000)
    screenshot(page, "style_transfer")
    page.get_by_role("button", name="stop", exact=True).click()
    page.get_by_text("the best image is kept").wait_for()
    before = int(re.search(r"step (\d+) of", page.locator("main").inner_text())[1])
    page.get_by_role("button", name="go on").click()
    step = lambda: int(re.search(r"step (\d+) of", page.locator("main").inner_text())[1])
    until(lambda: step() > before)
    page.get_by_role("button", name="stop", exact=True).click()
    page.get_by_text("the best image is kept").wait_for()
    assert pixels(downloaded(page, "save as PNG")).shape[1] == 256


def test_the_playground_learns_three_colours(opened, folder):
    page = opened("playground")
    page.get_by_role("button", name="Play", exact=True).click()
    accuracy = lambda: re.search(r"dev [\d.]+ · ([\d.]+) %", page.locator("main").inner_text())
    until(lambda: accuracy() and float(accuracy()[1]) >= 95)
    screenshot(page, "playground")
    until(lambda: "test" in page.locator(".pg-result").inner_text())  # it has ended
    assert float(accuracy()[1]) >= 97
    command = page.get_by_label("the command", exact=True).inner_text()
    assert run_script("train.py", *shlex.split(command)[2:], "run_dir=same", cwd=folder).returncode == 0
    last = json.loads((folder / "same" / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"{100 * last['dev/accuracy']:.1f}" == accuracy()[1]
    page.get_by_role("button", name="keep as a run").click()
    page.get_by_text("kept in runs/points/").wait_for()
    (kept,) = (folder / "runs/points").glob("*_page/metrics.jsonl")
    assert json.loads(kept.read_text().splitlines()[-1])["dev/accuracy"] == last["dev/accuracy"]


def test_own_points_by_mouse_and_a_table(opened):
    page = opened("playground")
    page.get_by_label("data", exact=True).and_(page.locator("select")).select_option("own")
    address = lambda: page.evaluate("location.href")
    points = lambda: len(json.loads(unquote(urlsplit(address()).fragment).partition("=")[2])["own"])
    plane = page.locator(".pg-points")
    plane.scroll_into_view_if_needed()
    until(lambda: "own" in address())
    before = points()
    plane.click(position={"x": 40, "y": 60})
    until(lambda: points() == before + 1)
    page.get_by_text("paste a CSV").click()
    table = page.get_by_label("a table of points")
    table.fill("x1,x2,label\n" + "".join(f"{i % 7},{i // 7},{'red' if i % 2 else 'blue'}\n" for i in range(49)))
    page.get_by_role("button", name="use these points").click()
    until(lambda: points() == 49)


@pytest.mark.parametrize("tab", ["stylegan", "style_transfer", "playground"])
def test_small_screens_dark_and_chinese(opened, tab):
    page = opened(tab, color_scheme="dark")
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="English").wait_for()
    until(lambda: len(re.findall(r"[\u4e00-\u9fff]", page.locator("main").inner_text())) > 60)
    assert page.evaluate(REFUSED) == "upload 必须是从 0 到 9007199254740991 的整数（收到：'x'）"
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    screenshot(page, f"{tab}_phone")


def test_tabs_by_keyboard(opened):
    page = opened("stylegan")
    drawn(page)
    page.get_by_role("tab", name="StyleGAN").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".st-compare .after[src]").wait_for(state="attached")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.keyboard.press("ArrowRight")
    assert drawn(page)
    assert page.evaluate("location.hash").startswith("#stylegan")
