"""The page of a run: one file that shows what its folder holds, whoever wrote it."""

import html
import json
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from PIL import Image

from conftest import ROOT, run_script, small_overrides
from dlcourse.cli import report
from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.engine.logger import best_row
from dlcourse.reports import curves
from dlcourse.reports.page import MOST_BYTES
from dlcourse.reports.summary import next_commands, write_summary

FORGED = '</pre><script>alert(1)</script><img src=http://x.y onerror="a"> \x1b[2J\u202e'
CLASSIFIER = "dlcourse.classifier.task.Classification"


class Page(HTMLParser):
    """The tags with their attributes, and the text, of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag, key):
        return [attributes[key] for name, attributes in self.tags if name == tag and key in attributes]


def read(run_dir):
    return Page((run_dir / "summary.html").read_text())


def write_run(folder, rows=(), task=CLASSIFIER, **config):
    folder.mkdir()
    whole = {"task": {"_target_": task}, "runner": {"max_steps": 20, "keep_best": None}} | config
    (folder / "config.yaml").write_text(yaml.safe_dump(whole))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def draw(folder, name, size=(8, 6), color="red"):
    (folder / "images").mkdir(exist_ok=True)
    Image.new("RGB", size, color).save(folder / "images" / name)


def assert_self_contained(page):
    sources = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert all(source.startswith("data:image/") for source in sources)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert not re.search(r"url\(|@import", (" ".join(page.words)))


@pytest.mark.parametrize("experiment", ["points", "style_transfer_offline", "stylegan_faces_tiny"])
def test_a_training_leaves_one_file_with_its_result(experiment, tmp_path):
    words = [*small_overrides(experiment, 3), "seed=3"]
    done = run_script("train.py", *words, "run_dir=my run", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr.splitlines()[-1] == "summary: my run/summary.html", done.stderr
    page = read(tmp_path / "my run")
    assert_self_contained(page)
    assert f"{experiment} Finished: step 3 of 3," in page.text and "seed=3" in page.text
    main = {"points": "decision_map", "style_transfer_offline": "image", "stylegan_faces_tiny": "fakes"}[experiment]
    captions = page.all("img", "alt")
    given = ["content", "style"] if experiment == "style_transfer_offline" else []
    assert captions[: len(given) + 1] == [*given, f"{main}, step 3"]
    assert captions[-1] == "step 2"  # the earlier one
    assert len(page.all("svg", "viewbox")) == {"points": 2, "style_transfer_offline": 3}.get(experiment, 1)
    assert "dlcourse train 'resume=my run' runner.max_steps=6" in page.text and "_target_: dlcourse." in page.text


@pytest.mark.long
def test_an_interrupted_run_tells_how_far_it_came_and_how_to_go_on(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "run_dir=run", "runner.max_steps=1000000"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert "1000000 steps" in process.stderr.readline()
    process.stderr.readline()  # of the progress
    process.send_signal(signal.SIGTERM)
    assert "checkpoint written" in process.communicate(timeout=60)[1]
    step = int(next((tmp_path / "run" / "checkpoints").glob("step_*.pt")).stem.removeprefix("step_"))
    text = read(tmp_path / "run").text
    assert f"Ended by SIGTERM: step {step:,} of 1,000,000" in text
    assert "Go on dlcourse train resume=run Next" in text and "Train further" not in text
    done = run_script("train.py", "resume=run", f"runner.max_steps={step + 1}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = read(tmp_path / "run").text
    assert f"Finished: step {step + 1:,} of {step + 1:,}" in text
    assert f"dlcourse train run_dir=run runner.max_steps={step + 1} Train" in text  # of one key the last word


def test_a_page_that_cannot_be_written_spoils_nothing(tmp_path):
    done = run_script("train.py", "run_dir=other", "runner.max_steps=2", cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "other" / "summary.html").unlink()
    (tmp_path / "other" / "summary.html").mkdir()
    done = run_script("train.py", "resume=other", "runner.max_steps=4", cwd=tmp_path)
    assert done.returncode == 0
    assert len([line for line in done.stderr.splitlines() if "other/summary.html: not written (" in line]) == 1


def test_what_a_strangers_folder_says_is_shown_and_not_obeyed(tmp_path):
    rows = [{"step": 1, "train/loss": 1.0, "evil/loss": 2.0, f"{FORGED}/loss": 3.0}]
    words = [
        f"model={FORGED}",
        "hydra.run.dir=/",
        "resume=/etc",
        "seed=${oc.env:HOME}",
        "--config-dir=/",
        "x=$(rm -rf /)",
    ]
    run = write_run(tmp_path / f"{FORGED.replace('/', '')}", rows, choices={"experiment": FORGED}, overrides=words)
    draw(run, f"{FORGED.replace('/', '')}_0000001.png")
    write_summary(run, None, f"ended by {FORGED}")
    page = read(run)
    assert_self_contained(page)
    assert page.text.count("<script>alert(1)") >= 4 and "\x1b" not in page.text and "\u202e" not in page.text
    commands = page.text.partition("Made by")[2].partition("Config")[0]
    assert "/etc" not in commands and "HOME" not in commands
    assert "hydra" not in commands and "config-dir" not in commands and "'x=$(rm -rf /)'" in commands


@pytest.mark.parametrize("config", [{"choices": 3, "overrides": "ab", "dataset": [1]}, {"task": 1, "runner": "x"}])
def test_broken_parts_are_left_out(config, tmp_path):
    run = write_run(tmp_path / "run", **config)
    (run / "metrics.jsonl").write_text('{"step": "x"}\n')
    draw(run, "fine_0000002.png")
    (run / "images" / "fine_0000001.png").write_text("no image")
    write_summary(run)
    assert read(run).all("img", "alt") == ["fine, step 2"]


@pytest.mark.parametrize(
    ("psnr", "found"), [(19.04, False), (19, False), (31.5, True), (-(10**400), True), ("x", True)]
)
def test_a_projection_that_missed_its_image_says_so(psnr, found, tmp_path):
    rows = [{"step": 5, "result/psnr": psnr}]
    write_summary(write_run(tmp_path / "run", rows, "dlcourse.stylegan.projection.Projection"))
    assert ("below 22 dB: not found" in read(tmp_path / "run").text) is not found


STYLES = "dlcourse.style_transfer.dataset.ContentAndStyles"


@pytest.mark.parametrize(
    ("rows", "config"),
    [
        ([{"step": 5, "dev/loss": 10**400}], {}),
        ([{"step": 5, "perf/steps_per_second": 5e-324}], {}),
        ([{"step": 10**301, "perf/steps_per_second": 2e-9}], {}),
        ([], {"dataset": {"content": "seascape", "style": "mosaic"}}),
        ([], {"dataset": {"_target_": STYLES, "_partial_": True, "content": "seascape", "style": "mosaic"}}),
        ([], {"dataset": {"_target_": STYLES, "content": "seascape", "style": "mosaic", "content_size": [10**9] * 2}}),
    ],
)
def test_odd_numbers_and_nodes_are_left_out(rows, config, tmp_path):
    run = write_run(tmp_path / "run", rows, **config)
    draw(run, "image_0000005.png")
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("max_steps: 20", f"max_steps: 0x{'f' * 5000}"))
    write_summary(run)
    assert read(run).all("img", "alt")[-1] == "image, step 5"


@pytest.mark.parametrize("kept", [True, False])
def test_the_best_value_of_a_strangers_metrics_is_a_number(kept, tmp_path):
    """As in a resumed run whose metrics hold a number that no float can."""
    run = write_run(tmp_path / "run", [{"step": 5, "dev/loss": 0.5 if kept else -(10**400)}])
    (run / "checkpoints").mkdir()
    save_checkpoint(run / "checkpoints" / "best.pt", 5, {}, {})
    assert best_row(run, "dev/loss") == ((0.5, 5) if kept else None)


def test_a_strangers_run_shows_no_image_from_elsewhere(tmp_path, monkeypatch):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "private.png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    options = {"style_weights": None, "content_mask": None, "style_regions": [], "style_masks": []}
    options |= {"colors": "free", "background": [255, 255, 255], "keep_alpha": False}
    options |= {"content_size": 24, "style_size": 24, "style": "mosaic", "_target_": STYLES}
    for path, shown in {str(tmp_path / "private.png"): 1, "../private.png": 1, "seascape": 3}.items():
        run = write_run(tmp_path / f"run{path[-6:-4]}{len(path)}", dataset=options | {"content": path})
        draw(run, "image_0000005.png")
        write_summary(run)
        assert len(read(run).all("img", "src")) == shown, path
        write_summary(run, ended="finished")  # as its own training does
        assert len(read(run).all("img", "src")) == 3, path


def test_a_run_that_begins_with_a_dash_is_no_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(Path("-rf"), [{"step": 5, "train/loss": 1.0}])
    write_summary(Path("-rf"))
    commands = read(tmp_path / "-rf").text.partition("Next")[2].partition("Config")[0]
    assert "report ./-rf" in commands and "--logdir ./-rf" in commands and " -rf" not in commands


def test_the_page_of_a_run_that_is_read_only_goes_elsewhere(tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "run", [{"step": 5, "train/loss": 1.0}])
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: replace(path, to) if path.parent != run else refuse(path))
    monkeypatch.setattr(sys, "argv", ["report", str(run)])
    with pytest.raises(SystemExit):
        report.main()
    said = capsys.readouterr().err
    assert said == f"error: {run / 'summary.html'}: Permission denied; give --output FOLDER, another one\n"
    monkeypatch.setattr(sys, "argv", ["report", str(run), "--output", str(tmp_path / "new")])
    report.main()
    assert (tmp_path / "new" / "summary.html").exists() and not (run / "summary.html").exists()


def refuse(path):
    raise PermissionError(13, "Permission denied", str(path))


def test_a_page_stays_small(tmp_path):
    rows = [{"step": step, "train/loss": 1.0 + step % 7} for step in range(20_000)]
    run = write_run(tmp_path / "run", rows, dataset={"content": 3})
    for step in range(60):
        draw(run, f"image_{step:07d}.png", (300, 200))
    draw(run, "image_0000060.png", (5000, 40))
    write_summary(run)
    page = read(run)
    assert (run / "summary.html").stat().st_size < MOST_BYTES / 10
    assert page.all("img", "alt")[0] == "image, step 60 (reduced from 5000 x 40)"
    assert page.all("img", "width") == ["2048", *["192"] * 12]


def points_of(drawing):
    return [
        tuple(map(float, point.split(","))) for line in re.findall(r'points="(.*?)"', drawing) for point in line.split()
    ]


def labels_of(drawing, anchor):
    """Position -> number of the labels on an axis."""
    place = "y" if anchor == "end" else "x"
    found = re.findall(rf'<text x="(?P<x>\S+)" y="(?P<y>\S+)" text-anchor="{anchor}">(.*?)</text>', drawing)
    return [(float(x if place == "x" else y), float(label.replace(",", ""))) for x, y, label in found]


@pytest.mark.parametrize("values", [[3.0, 1.5, 2.25, 0.5], [-1e4, 2e4, 0.0, 5e3]])
def test_a_curve_passes_through_its_values(values):
    drawing = curves.chart("loss", {"train/loss": list(zip([100, 200, 300, 400], values, strict=True))})
    placed = points_of(drawing)
    for axis, expected, offset in ((0, [100, 200, 300, 400], 0), (1, values, 4)):
        (p, a), *_, (q, b) = labels_of(drawing, "middle" if axis == 0 else "end")
        found = [a + (point[axis] + offset - p) * (b - a) / (q - p) for point in placed]
        assert found == pytest.approx(expected, abs=0.002 * abs(b - a))


def test_decades_are_drawn_on_a_logarithmic_axis():
    drawing = curves.chart("loss", {"a": [(1, 1e-4), (2, 1e-2), (3, 1.0)]})
    ys = [y for _, y in points_of(drawing)]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.2) and "logarithmic" in drawing
    assert [value for _, value in labels_of(drawing, "end")] == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1])
    assert "logarithmic" not in curves.chart("loss", {"a": [(1, 0.0), (2, 1e-2), (3, 100.0)]})


def test_a_gap_stays_a_gap_and_a_spike_a_spike():
    drawing = curves.chart("loss", {"a": [(1, 1.0), (2, 2.0), (3, None), (4, 1.0), (5, 2.0), (6, None), (7, 3.0)]})
    assert drawing.count("<polyline") == 2 and drawing.count("<circle") == 1
    curve = [(step, 9.0 if step == 7777 else None if step == 5000 else 1.0) for step in range(10_000)]
    thinned = curves.thinned(curve)
    assert len(thinned) <= curves.MOST and (7777, 9.0) in thinned and (5000, None) in thinned
    assert [step for step, _ in thinned] == sorted(step for step, _ in thinned)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-320, 1e15, 1e199, 1e301, 2**70])
def test_no_number_is_too_odd_for_an_axis(value):
    for other in (value, 1.0, -1.0, 1e-190, value * (1 + 1e-15)):
        drawing = curves.chart("x", {"a": [(1, value), (2, other), (2**1000, value)]})
        assert "nan" not in drawing.lower() and "inf" not in drawing.lower() and drawing.count("<line") < 40
    assert curves.chart("x", {"a": [(1, None)]}) == "" == curves.chart("x", {})


def test_text_is_one_line_of_html():
    assert curves.safe("<a>\n&'") == html.escape("<a>\\n&'")


@pytest.mark.parametrize(
    ("task", "classes", "command"),
    [
        ("task.StyleGAN", {"model": {"generator": {"num_classes": 3}}}, "dlcourse sample run classes=0"),
        ("task.StyleGAN", {"model": {"generator": {"num_classes": 0}}}, "dlcourse sample run"),
        ("projection.Projection", {}, "dlcourse sample sampler=edit seeds=run classes=2"),
    ],
)
def test_the_next_command_names_a_class_where_there_are_classes(task, classes, command):
    node = {"_target_": f"dlcourse.stylegan.{task}"} | ({} if classes else {"synthesizer": {"classes": 2}})
    assert next_commands(Path("run"), {"task": node, **classes})[0] == command


def test_a_run_that_has_seen_all_its_images_is_complete(tmp_path):
    config = {
        "task": {"_target_": "dlcourse.stylegan.task.StyleGAN", "total_images": 64},
        "runner": {"max_steps": None},
    }
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "metrics.jsonl").write_text('{"step": 4, "progress/images": 64}\n')
    text = read(write_summary(run).parent).text
    assert "step 4 of 4" in text.lower() and "task.total_images=128" in text
