"""Attacks by images, tables and run folders."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from attacks import MEGABYTE, packed, refused
from dlcourse.classifier.data.points_file import PointsFile
from dlcourse.cli import resuming
from dlcourse.datasets import sources
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.engine import checkpoint, run_folder
from dlcourse.errors import UserError
from dlcourse.images.files import open_image
from dlcourse.reports.runs import check_links, read_run
from dlcourse.stylegan.sampling.seeds import parse_seeds
from image_bytes import png
from readers import CONFIG

pytestmark = pytest.mark.usefixtures("quick_and_small")


def config_to_resume(run):
    return resuming.config_of(run, [], [])


def test_images_of_absurd_sizes_and_kinds(tmp_path):
    text = packed(200 * MEGABYTE, b"a")
    cases = {
        "size.png": (png(60_000, 60_000, 8, 2, b""), "refused as too large .Image size .3600000000 pixels"),
        "text.png": (png(1, 1, 8, 2, b"\0abc", (b"zTXt", b"a\0\0" + text)), "a broken image .*too large|MAX_TEXT"),
        "a.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(evil) run", "not an image that can be read"),
        "b.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image that can be read"),
        "c.png": (b"\0\0\1\0\1\0\1\1\0\0\1\0 \0\x30\0\0\0\x16\0\0\0", "not an image that can be read"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message, open_image)


def test_a_profile_that_unpacks_to_gigabytes_is_left_aside(tmp_path):
    content = packed(300 * MEGABYTE)
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0abc", (b"iCCP", b"a\0\0" + content)))
    try:
        assert open_image(tmp_path / "a.png").size == (1, 1)
    except ValueError as error:
        assert "broken image" in str(error)


def test_a_film_is_read_to_its_first_frame(tmp_path):
    frames = [Image.new("P", (4, 4), index % 256) for index in range(400)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[:-1] + content[200:-1] * 200 + b";")
    assert open_image(tmp_path / "a.gif").size == (4, 4)


def test_links_in_folders(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.png").symlink_to(tmp_path / "in" / "self.png")
    (tmp_path / "in" / "passwd.png").symlink_to("/etc/passwd")
    folder = ImageFolder(str(tmp_path / "in"), 8, "crop", 1, [0, 0, 0], 0, None)
    assert folder.decoded.names == ["a.png"] and folder.decoded.skipped["passwd.png"] == "a link that leaves the folder"
    assert set(folder.decoded.skipped) == {"loop", "self.png", "passwd.png"}


def test_a_name_of_nothing_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
    refused(str(tmp_path / "a.zip"), "no images in it", sources.open_source)


def points(path):
    return PointsFile(str(path), 0.2, 0.2, 0.0, 0)


def test_tables(tmp_path):
    rows = "".join(f"{i},{i},{i % 2}\n" for i in range(20))
    cases = {
        "nul.csv": (b"x1,x2,label\n1,\0,a\n", "not a finite number|NUL"),
        "wide.csv": (b"," * 2_000_000 + b"\n" + b"1," * 10, "has no x1"),
        "cell.csv": (b"x1,x2,label\n1,2,a\n" + b"1" * 200_000 + b",2,b\n", "larger than field limit"),
        "large.csv": (("x1,x2,label\n" + rows + "1e39,0,0\n").encode(), "x1 of sample 21 is '1e39', not a finite"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message, points)
    with (tmp_path / "long.csv").open("wb") as file:
        file.write(b"x1,x2,label\n1,2,a")
        file.truncate(70 * MEGABYTE)
    refused(tmp_path / "long.csv", "more than 67108864 bytes", points)
    long = "x1,x2,label\n" + rows + "1,2," + "a" * 100_000 + "\n" + rows * 200
    (tmp_path / "one.csv").write_text(long)  # an array of strings of one length would take 1.6 GB
    refused(tmp_path / "one.csv", "class|sample", points)


def npy(description: str, content: bytes) -> bytes:
    header = description.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def test_arrays(tmp_path):
    column = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}", bytes(32))
    cases = {
        "shape": (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b""), "cannot be read"),
        "object": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}", pickle.dumps([1])), "allow_pickle"),
        "deep": (npy("(" * 100, b""), "cannot be read"),
        "bomb": (bytes(100 * MEGABYTE), "x1 has more than 67108864 bytes"),
        "void": (npy("{'descr': '|V8', 'fortran_order': False, 'shape': (4,)}", bytes(32)),
                 "x1 is of .V8, not of numbers"),
    }  # fmt: skip
    for name, (content, message) in cases.items():
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for key, value in {"x1": content, "x2": column, "label": column}.items():
                archive.writestr(f"{key}.npy", value)
        refused(tmp_path / f"{name}.npz", message, points)
    np.savez_compressed(
        tmp_path / "more.npz", x1=np.arange(12), x2=np.arange(12), label=np.arange(12) % 2, a=np.zeros(10**7)
    )
    assert len(points(tmp_path / "more.npz").train[0]) == 8  # what is not asked for stays packed


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("0-999999999999", "seeds must be at most 1000000, got '0-999999999999'"),
        ("99999999999999999999", "seeds must be below 2\\^63"),
        ("1@99999999999999999999", "seeds must be below 2\\^63"),
    ],
)
def test_seeds_without_end(seeds, message):
    with pytest.raises(ValueError, match=message):
        parse_seeds(seeds)


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "metrics", "message"),
    [
        (LAUGHS, "", "config.yaml: refused: references"),
        ("[" * 100_000, "", "config.yaml: refused|config.yaml: no YAML"),
        ("a: " + "{b: " * 60 + "1" + "}" * 60, "", "more than 50 nodes within each other"),
        ("a: 1\n" * 100_000, "", "more than 131072 bytes"),
        ("!!python/object/apply:os.system [id]", "", "not the config of a run"),
        (CONFIG, "[" * 100_000 + "}", "not the metrics of a run"),
        (CONFIG, '{"step": "1"}', "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": "x"}', "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": ' + "9" * 5000 + "}", "not the metrics of a run"),
        (CONFIG, '{"step": 1, "loss": 1' + "0" * 400 + "}", "a number that is too large"),
    ],
)
def test_runs_of_others(tmp_path, config, metrics, message):
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "metrics.jsonl").write_text(metrics)
    refused(tmp_path, message, read_run, UserError)
    if not metrics:
        (tmp_path / "composed.yaml").write_text(config)
        refused(tmp_path / "composed.yaml", "composed.yaml: ", resuming.read_composed, UserError)


def test_a_run_whose_files_are_links_to_elsewhere_is_not_gone_on_with(tmp_path):
    run, mine = tmp_path / "run", tmp_path / "mine.txt"
    mine.write_text("mine")
    run.mkdir()
    (run / "composed.yaml").write_text(CONFIG)
    (run / "newest").symlink_to(run / "composed.yaml")
    check_links(run)
    (run / "metrics.jsonl").symlink_to(mine)
    refused(
        run,
        "metrics.jsonl: a link that leaves the run's folder; remove it",
        lambda folder: resuming.config_of(folder, [], []),
        UserError,
    )
    assert mine.read_text() == "mine"


def test_a_run_with_a_pipe_in_it_is_not_gone_on_with(tmp_path):
    (tmp_path / "composed.yaml").write_text(CONFIG)
    os.mkfifo(tmp_path / "metrics.jsonl")
    refused(
        tmp_path,
        "metrics.jsonl: a pipe or a device, not a file",
        lambda folder: resuming.config_of(folder, [], []),
        UserError,
    )
    (tmp_path / "config.yaml").write_text(CONFIG)
    refused(tmp_path, "not a run .no config.yaml and metrics.jsonl", read_run, UserError)


def test_a_pipe_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    os.mkfifo(run_folder.path_for(tmp_path, 5))
    refused(tmp_path, "not a run with a checkpoint", run_folder.newest, UserError)
    refused(run_folder.path_for(tmp_path, 5), "not a run with a checkpoint", run_folder.newest, UserError)
    checkpoint.save_checkpoint(run_folder.path_for(tmp_path, 4), 4, {}, {})
    assert run_folder.newest(tmp_path) == run_folder.path_for(tmp_path, 4)


def test_no_reader_waits_for_a_pipe_or_a_device(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    for name, kind in {"a.png": "pipe", "b.png": "device"}.items():
        refused(tmp_path / name, f"cannot be read .a {kind}, not a file", open_image)
        (tmp_path / f"{kind}.csv").symlink_to(tmp_path / name)
        refused(tmp_path / f"{kind}.csv", f"cannot be read .a {kind}, not a file", points)
        refused(str(tmp_path / name), "no such folder or zip file", sources.open_source)
