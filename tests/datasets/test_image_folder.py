"""The user's images become squares; what is none is named; what was decoded once is decoded no more."""

import json
import multiprocessing
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from dlcourse.datasets import cache, decoding
from dlcourse.datasets.decoding import MemoryBudget
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.datasets.pyramid import pyramid
from mixed_images import drawing, mixed_folder, zip_of

VALUES = {"resolution": 16, "fit": "crop", "min_size": 16, "background": [255, 255, 255], "num_classes": 0}


def image_folder(root, **changes) -> ImageFolder:
    return ImageFolder(str(root), **(VALUES | {"cache": None} | changes))


def forbid_decoding(monkeypatch):
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("an image was decoded"))


def files_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_images_of_any_size_and_mode_become_squares_in_the_order_of_their_names(tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "deep" / "b.png")
    Image.new("L", (20, 30), 128).save(tmp_path / "a.jpg")
    Image.new("RGBA", (33, 33), (0, 0, 0, 0)).save(tmp_path / "z.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.png").write_text("no image either")
    (tmp_path / ".DS_Store").write_text("not worth a word")
    folder = image_folder(tmp_path)
    assert folder.images.shape == (3, 3, 16, 16) and folder.images.dtype == torch.uint8
    means = [image.float().mean((1, 2)).tolist() for image in folder.images]
    assert means == [[128.0] * 3, [255.0, 0.0, 0.0], [255.0] * 3]
    assert folder.labels is None and folder.class_names == []
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{tmp_path}: skipped 2 files"
    assert said[1].startswith("  broken.png: not an image that can be read")
    assert said[2:] == ["  notes.txt: not the name of an image (.txt)"]


def test_crop_keeps_the_centre_and_pad_the_whole(tmp_path):
    pixels = np.zeros((16, 48, 3), dtype=np.uint8)
    pixels[:, 16:32] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (image_folder(tmp_path).images == 255).all()
    padded = image_folder(tmp_path, fit="pad", background=[0, 200, 0]).images[0]  # (3, 16, 16)
    assert (padded[:, :5] == torch.tensor([0, 200, 0])[:, None, None]).all()
    assert (padded[:, 7:9, 7:9] > 245).all() and (padded[:, 7:9, :4] < 10).all()


@pytest.mark.parametrize(("fit", "kept"), [("crop", ["c"]), ("pad", ["b", "c"])])
def test_too_small_images_are_skipped_by_name_or_enlarged(tmp_path, capsys, fit, kept):
    for name, size in {"a": (15, 15), "b": (40, 15), "c": (16, 16)}.items():
        drawing(0, *size).save(tmp_path / f"{name}.png")
    assert [name[0] for name in image_folder(tmp_path, fit=fit).decoded.names] == kept
    assert "a.png: too small (15 x 15 pixels; min_size=16 is wanted of the" in capsys.readouterr().err
    assert len(image_folder(tmp_path, fit=fit, min_size=1).images) == 3


@pytest.mark.parametrize("with_cache", [False, True])
def test_levels_are_the_pyramid(tmp_path, monkeypatch, with_cache):
    mixed_folder(tmp_path / "images", 11, least=16, most=60)
    monkeypatch.setattr("dlcourse.datasets.cache.PIXELS_PER_CHUNK", 4 * 16**2)
    cache = str(tmp_path / "cache") if with_cache else None
    levels = [level[:] for level in image_folder(tmp_path / "images", cache=cache).levels]
    expected = pyramid(levels[0])
    assert [tuple(level.shape) for level in levels] == [(11, 3, size, size) for size in (16, 8, 4)]
    assert all(torch.equal(one, other) for one, other in zip(levels, expected, strict=True))


def test_a_folder_its_archive_and_its_cache_hold_the_same(tmp_path):
    mixed_folder(tmp_path / "images", 20, least=16, most=60)
    zip_of(tmp_path / "images", tmp_path / "images.zip")
    folder = image_folder(tmp_path / "images", num_classes=2)
    for root in ("images", "images.zip"):
        for _ in range(2):
            data = image_folder(tmp_path / root, num_classes=2, cache=str(tmp_path / "cache"))
            assert torch.equal(data.images, folder.images) and torch.equal(data.labels, folder.labels)
            assert data.decoded.names == folder.decoded.names and data.decoded.skipped == folder.decoded.skipped
    assert len(files_in(tmp_path / "cache")) == 4


@pytest.mark.parametrize("size", [(640, 480), (630, 450)])
def test_large_jpegs_are_decoded_coarsely_and_come_out_the_same(tmp_path, monkeypatch, size):
    noise = Image.effect_noise((32, 24), 90).resize(size, Image.Resampling.BICUBIC)
    Image.merge("RGB", [noise] * 3).save(tmp_path / "a.jpg", quality=95)
    fast = image_folder(tmp_path).images.int()
    monkeypatch.setattr(decoding, "ENOUGH", 1000)
    difference = (fast - image_folder(tmp_path).images.int()).abs()
    assert difference.max() <= 3 and difference.float().mean() < 1


def test_the_second_start_decodes_nothing_and_names_what_was_skipped(tmp_path, monkeypatch, capsys):
    mixed_folder(tmp_path / "images", 20, least=16, most=60)
    first = image_folder(tmp_path / "images", cache=str(tmp_path / "cache"))
    images = first.images.clone()
    said = capsys.readouterr().err
    assert all(name in said for name in ("even/truncated.jpg", "odd/tiny.png", "odd/notes.txt"))
    forbid_decoding(monkeypatch)
    second = image_folder(tmp_path / "images", cache=str(tmp_path / "cache"), num_classes=2)
    assert torch.equal(second.images, images) and second.decoded.names == first.decoded.names
    assert capsys.readouterr().err == said
    shutil.copytree(tmp_path / "images", tmp_path / "moved")  # keeps the times of files
    (tmp_path / "moved" / "captions.csv").write_text("no image, no reason to begin anew")
    assert torch.equal(image_folder(tmp_path / "moved", cache=str(tmp_path / "cache")).images, images)


def test_whatever_changes_has_another_cache(tmp_path):
    drawing(0, 20, 20).save(tmp_path / "a.png")
    drawing(1, 20, 20).save(tmp_path / "b.png")

    def path(**changes):
        return image_folder(tmp_path, **({"cache": "cache"} | changes)).cache_path

    paths = [path(), path(resolution=8), path(fit="pad"), path(min_size=1), path(background=[0, 0, 0])]
    assert path() == paths[0] == path(num_classes=0)
    os.utime(tmp_path / "a.png", ns=(1, 1))
    paths.append(path())
    drawing(2, 20, 20).save(tmp_path / "c.png")
    paths.append(path())
    (tmp_path / "c.png").rename(tmp_path / "d.png")
    paths.append(path())
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("damage", ["short", "empty", "zeros", "no levels", "half json", "other json", "null"])
def test_a_damaged_cache_is_made_anew(tmp_path, capsys, damage):
    mixed_folder(tmp_path / "images", 9, least=16, most=40)
    data = image_folder(tmp_path / "images", cache=str(tmp_path / "cache"))
    images, path = data.images.clone(), data.cache_path
    levels, record = path.with_suffix(".levels"), path.with_suffix(".json")
    content = levels.read_bytes()
    levels.unlink()  # rather than change what is mapped
    levels.write_bytes({"short": content[:-1], "empty": b"", "zeros": bytes(len(content))}.get(damage, content))
    if damage == "no levels":
        levels.unlink()
    text = record.read_text()
    other = json.dumps(json.loads(text) | {"names": ["../../x.png"] * 9})
    record.write_text({"half json": text[: len(text) // 2], "other json": other, "null": "null"}.get(damage, text))
    capsys.readouterr()
    again = image_folder(tmp_path / "images", cache=str(tmp_path / "cache"))
    assert torch.equal(again.images, images)
    assert damage == "no levels" or "a damaged cache, made anew" in capsys.readouterr().err
    assert levels.read_bytes() == content


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    mixed_folder(tmp_path / "images", 9, least=16, most=40)
    monkeypatch.setattr(cache, "append_levels", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        _ = image_folder(tmp_path / "images", cache=str(tmp_path / "cache")).levels
    assert files_in(tmp_path / "cache") == []


def decode_slowly(root, cache):
    """In a process of its own, to be killed."""
    read = decoding.Square.read
    decoding.Square.read = lambda *arguments: time.sleep(0.05) or read(*arguments)
    _ = image_folder(root, cache=cache).levels


def test_a_killed_start_leaves_no_half_cache_and_what_is_left_is_cleared_away(tmp_path):
    mixed_folder(tmp_path / "images", 200, least=16, most=20)
    cache = tmp_path / "cache"
    process = multiprocessing.get_context("spawn").Process(target=decode_slowly, args=(tmp_path / "images", str(cache)))
    process.start()
    while not (cache.exists() and files_in(cache)):
        assert process.is_alive()
        time.sleep(0.02)
    process.kill()
    process.join()
    (left,) = files_in(cache)
    assert left.endswith(".tmp")
    os.utime(cache / left, (1, 1))
    (cache / ".mine.tmp").touch()
    os.utime(cache / ".mine.tmp", (1, 1))
    data = image_folder(tmp_path / "images", cache=str(cache))
    assert len(data.images) == 200
    assert files_in(cache) == [".mine.tmp", f"{data.cache_path.name}.json", f"{data.cache_path.name}.levels"]


def count_images(root, cache, queue):
    queue.put(image_folder(root, cache=cache).images.sum().item())


def test_starts_at_the_same_time_do_not_disturb_each_other(tmp_path):
    mixed_folder(tmp_path / "images", 40, least=16, most=40)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    arguments = (tmp_path / "images", str(tmp_path / "cache"), queue)
    processes = [context.Process(target=count_images, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    sums = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert sums == {image_folder(tmp_path / "images").images.sum().item()}
    assert len(files_in(tmp_path / "cache")) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 24}, "resolution must be a power of two from 8 to 1024, got 24"),
        ({"fit": "stretch"}, "fit must be one of crop, pad, got 'stretch'"),
        ({"min_size": 0}, "min_size must be at least 1, got 0"),
        ({"num_classes": -1}, "num_classes must be at least 0, got -1"),
        ({"background": [0, 0]}, r"background must be three values in \[0, 255\], got \[0, 0\]"),
    ],
)
def test_senseless_values_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path, **changes)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such folder or zip file"):
        image_folder(tmp_path / "nope")
    with pytest.raises(ValueError, match="no images in it"):
        image_folder(tmp_path)
    (tmp_path / "a.zip").write_text("no archive")
    with pytest.raises(ValueError, match="neither a folder nor a whole zip archive"):
        image_folder(tmp_path / "a.zip")
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(ValueError, match="none of its 1 images can be used, such as a.png: not an image"):
        _ = image_folder(tmp_path).images
    with pytest.raises(ValueError, match="none of its 1 images can be used"):
        _ = image_folder(tmp_path, cache=str(tmp_path / "cache")).images
    assert files_in(tmp_path / "cache") == []
    drawing(0, 16, 16).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"cache=.*a.zip: cannot be written \(.*\); choose another folder"):
        _ = image_folder(tmp_path, cache=str(tmp_path / "a.zip")).images


def test_of_many_skipped_files_the_first_are_named_and_all_are_in_the_json_file(tmp_path, capsys):
    drawing(0, 16, 16).save(tmp_path / "a.png")
    for index in range(50):
        (tmp_path / f"{index:02}.txt").touch()
    data = image_folder(tmp_path, cache=str(tmp_path / "cache"))
    assert len(data.images) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 22 and said[-1] == f"  and 30 others, all of them in {data.cache_path}.json"
    assert len(json.loads(data.cache_path.with_suffix(".json").read_text())["skipped"]) == 50


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    drawing(0, 16, 16).save(tmp_path / "a.png")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(ValueError, match=r"cannot be written \(the images take up to 0.0 GiB and 0.0 are free\)"):
        _ = image_folder(tmp_path, cache=str(tmp_path / "cache")).images


@pytest.mark.slow
def test_500_mixed_images_are_there_within_a_second_at_the_second_start(tmp_path, capsys, monkeypatch):
    mixed_folder(tmp_path / "images", 500)
    assert len(image_folder(tmp_path / "images", resolution=64, min_size=64, cache=str(tmp_path / "c")).images) == 500
    said = capsys.readouterr().err
    assert all(name in said for name in ("even/truncated.jpg", "odd/tiny.png", "odd/notes.txt")) and "3 files" in said
    forbid_decoding(monkeypatch)
    start = time.perf_counter()
    again = image_folder(tmp_path / "images", resolution=64, min_size=64, cache=str(tmp_path / "c"))
    assert len(again.images) == 500 and time.perf_counter() - start < 1


def test_what_threads_take_together_stays_within_the_memory():
    memory, together, most = MemoryBudget(100), [0], []

    def take(count: int) -> None:
        with memory.reserve(count):
            together[0] += min(count, 100)
            most.append(together[0])
            time.sleep(0.002)
            together[0] -= min(count, 100)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, [30, 80, 50, 1000, 10] * 6))
    assert len(most) == 30 and max(most) <= 100 and memory.left == 100


def test_an_image_counts_with_all_its_pixels_while_it_is_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (640, 640)).save(tmp_path / "a.jpg")
    taken = []

    class Watched(MemoryBudget):
        def reserve(self, count: int):
            taken.append(count)
            return super().reserve(count)

    monkeypatch.setattr(decoding, "DECODING", Watched(10**9))
    assert len(image_folder(tmp_path, resolution=8).images) == 1
    assert taken == [12 * 640 * 640]  # though it is decoded at a quarter of its size
