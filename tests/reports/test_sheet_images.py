"""The images of a sheet: fitted into cells, read one at a time, and the command."""

import json
import weakref

import numpy as np
import pytest
from PIL import Image

from conftest import compose, run_script
from dlcourse.errors import UserError
from dlcourse.images.tables import columns_of, draw_tables, rows_of
from dlcourse.reports import animation
from dlcourse.reports.runs import find_runs, images_of
from dlcourse.reports.sheet import arrange, broken, final_images, inputs, named


def write_run(path, config, color, kinds=("image",), steps=(1, 9, 10)):
    (path / "images").mkdir(parents=True)
    (path / "config.yaml").write_text(json.dumps(config))
    (path / "metrics.jsonl").write_text('{"step": 1}\n')
    for kind in kinds:
        for step in steps:
            shown = color if step == max(steps) else (1, 2, 3)
            Image.new("RGB", (30, 20), shown).save(path / "images" / f"{kind}_{step}.png")


@pytest.fixture
def sweep(tmp_path):
    config = compose("experiment=style_transfer_offline", "dataset.content_size=24", "dataset.style_size=24")
    for number, (alpha, beta) in enumerate((a, b) for a in (1.0, 10.0) for b in (5.0, 6.0)):
        changed = {"content_weight": alpha, "style_weight": beta}
        task = config["task"] | changed
        write_run(tmp_path / "sweep" / str(number), config | {"task": task}, (200, 60 * number, 30))
    return tmp_path / "sweep"


def test_images_are_fitted_into_equal_cells_on_white():
    red, green, blue = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    table = {
        ("r", "a"): Image.new("RGB", (60, 30), red),
        ("r", "b"): Image.new("RGB", (30, 30), green),
        ("s", "a"): Image.new("RGB", (10, 40), blue),
    }
    pixels = np.asarray(draw_tables([table], height=120)).astype(int)
    boxes = {}
    for color in (red, green, blue):
        ys, xs = np.nonzero((pixels == color).all(-1))
        boxes[color] = xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1
        assert len(xs) == boxes[color][2] * boxes[color][3]  # a full rectangle, nothing over it
    gap = 6
    x, y, width, height = boxes[red]
    assert (width, height) == (240, 120)
    assert boxes[green] == (x + 240 + gap + 60, y, 120, 120)
    assert boxes[blue] == (x + 105, y + 120 + gap, 30, 120)
    assert pixels.shape == (y + 2 * (120 + gap), x + 2 * (240 + gap), 3)
    assert pixels[:y].min() < 100 and pixels[y:, :x].min() < 100  # letters above and to the left
    assert (pixels[:, -gap:] == 255).all() and (pixels[-gap:] == 255).all() and (pixels[:gap] == 255).all()
    assert (pixels[y + 120 + gap :, x + 240 + gap :] == 255).all()  # the empty cell


def test_titles_take_room_as_they_need_it():
    image = Image.new("RGB", (40, 40), "red")
    bare, short, long = (draw_tables([{("", title): image}], 64) for title in ("", "a", "word " * 12))
    assert bare.size == (64 + 12, 64 + 12)
    assert bare.height < short.height < long.height and bare.width == short.width == long.width
    assert draw_tables([{("row", ""): image}], 64).width > bare.width
    both = draw_tables([{("", ""): image}, {("", "a"): image}], 64)
    assert both.height == bare.height + short.height - 6 + 12


@pytest.mark.parametrize(("height", "words"), [(0, "from 16 to 4096"), (4097, "from 16 to 4096"), (4096, "too large")])
def test_senseless_heights_are_refused(height, words):
    table = {("", str(n)): Image.new("RGB", (40, 40)) for n in range(9)}
    with pytest.raises(UserError, match=words):
        draw_tables([table], height)


def test_the_last_images_are_taken(sweep):
    images = final_images(arrange(find_runs([sweep])), None)
    assert [image.copy().getpixel((5, 5)) for image in images.values()] == [(200, 60 * n, 30) for n in range(4)]
    Image.new("RGB", (9, 9)).save(sweep / "0" / "images" / "other_1.png")
    with pytest.raises(UserError, match="several kinds of images; say which: --name image, --name other"):
        final_images(arrange(find_runs([sweep])), None)
    assert len(final_images(arrange(find_runs([sweep])), "image")) == 4
    with pytest.raises(UserError, match="sweep/1: no images called other"):
        final_images(arrange(find_runs([sweep])), "other")
    (sweep / "2" / "images" / "image_11.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(UserError, match=r"image_11\.png: not an image"):
        final_images(arrange(find_runs([sweep])), "image")


def test_links_out_of_a_run_are_not_followed(sweep, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "private.png")
    (sweep / "1" / "images" / "image_99.png").symlink_to(tmp_path / "private.png")
    for use in (lambda: final_images(arrange(find_runs([sweep])), None), lambda: images_of(sweep / "1", "image")):
        with pytest.raises(UserError, match=r"1/images/image_99\.png: a link that leaves the run's folder; remove it"):
            use()


def test_images_of_a_sheet_are_read_one_at_a_time(sweep, monkeypatch):
    found, most, read = [], [], animation.load_image

    def opened(path):
        found.append(weakref.ref(image := read(path)))
        most.append(sum(one() is not None for one in found))
        return image

    monkeypatch.setattr(animation, "load_image", opened)
    images = final_images(arrange(find_runs([sweep])), None)
    assert not most and draw_tables([images], 16).size[0] > 30
    assert len(most) == 4 and max(most) <= 2


def test_inputs_are_the_content_and_the_style_image(sweep, tmp_path):
    runs = find_runs([sweep])
    images = inputs([run.path for run in runs])
    assert columns_of(images) == ["content", "style"] and rows_of(images) == [""]
    assert max(images["", "content"].size) == 24
    config = json.loads((sweep / "1" / "config.yaml").read_text())
    config["dataset"]["style"] = "gone.jpg"
    (sweep / "1" / "config.yaml").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"style=gone\.jpg: no such file"):
        inputs([run.path for run in find_runs([sweep])])
    with pytest.raises(UserError, match=r"style=gone\.jpg: no such file"):
        inputs([run.path for run in find_runs([sweep / "1"])])
    write_run(tmp_path / "points", compose("experiment=points"), (0, 0, 0))
    with pytest.raises(UserError, match="--inputs: .*/points: its dataset is Points; only a style transfer has"):
        inputs([run.path for run in find_runs([tmp_path / "points"])])


def test_inputs_that_differ_are_all_shown_each_once_with_its_name(sweep, tmp_path):
    Image.new("RGB", (30, 30), "red").save(tmp_path / "red.png")
    (tmp_path / "other").mkdir()
    Image.new("RGB", (30, 30), "blue").save(tmp_path / "other" / "red.png")
    for run, style in {"1": "mosaic", "2": ["mosaic", str(tmp_path / "red.png")]}.items():
        config = json.loads((sweep / run / "config.yaml").read_text())
        config["dataset"]["style"] = style
        (sweep / run / "config.yaml").write_text(json.dumps(config))
    images = inputs([run.path for run in find_runs([sweep])])
    assert columns_of(images) == ["content", "style painting", "style mosaic", "style red.png"]
    assert images["", "style red.png"].getpixel((5, 5)) == (255, 0, 0)
    twins = {
        str(tmp_path / "red.png"): images["", "content"],
        str(tmp_path / "other" / "red.png"): images["", "content"],
    }
    assert all(str(tmp_path) in title for title in columns_of(named("style", twins)))


def test_a_sheet_of_one_run_is_a_row_of_its_inputs_and_its_result(sweep, tmp_path):
    done = run_script("sheet.py", "sweep/2", "--inputs", "--height", "64", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "sheet.png\n", "")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > 3 * 64 and image.height < 2 * 64


def test_a_long_row_is_broken_evenly_and_a_table_is_not():
    cells = {("", str(number)): number for number in range(13)}
    rows = broken(cells)
    assert [len(row) for row in rows] == [5, 5, 3] and {cell: n for row in rows for cell, n in row.items()} == cells
    assert broken(dict(list(cells.items())[:6])) == [dict(list(cells.items())[:6])]
    table = {(row, str(column)): 0 for row in "ab" for column in range(13)}
    assert broken(table) == [table]


def test_the_command_writes_the_sheet_or_tells_a_mistake_in_a_line(sweep, tmp_path):
    done = run_script("sheet.py", "sweep", "--inputs", "--height", "64", "--output", "new/out.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "new/out.png\n", "")
    with Image.open(tmp_path / "new" / "out.png") as image:
        colors = {color for _, color in image.convert("RGB").getcolors(2**24)}
    assert {(200, 60 * n, 30) for n in range(4)} | {(255, 255, 255)} <= colors and (1, 2, 3) not in colors
    for arguments, words in {
        ("nowhere",): "nowhere: no run there or below",
        ("sweep", "--output", "out.gif"): "--output out.gif: the name of a sheet must end in .png",
        ("sweep", "--rows", "lr"): "lr: no such key; the runs differ in task.content_weight, task.style_weight",
    }.items():
        failed = run_script("sheet.py", *arguments, cwd=tmp_path)
        assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", f"error: {words}\n")
    assert {path.name for path in tmp_path.iterdir()} == {"sweep", "new"}
