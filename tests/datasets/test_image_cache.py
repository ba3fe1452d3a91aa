"""The cache of decoded images."""

import json
import multiprocessing
import os
import shutil
import time

import pytest
import torch

from dlcourse.datasets import cache, decoding
from dlcourse.datasets.image_folder import ImageFolder
from mixed_images import drawing, mixed_folder

VALUES = {"resolution": 16, "fit": "crop", "min_size": 16, "background": [255, 255, 255], "num_classes": 0}


def image_folder(root, **changes) -> ImageFolder:
    return ImageFolder(str(root), **(VALUES | {"cache": None} | changes))


def forbid_decoding(monkeypatch):
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("an image was decoded"))


def files_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def decode_slowly(root, cache):
    """In a process of its own, to be killed."""
    read = decoding.Square.read
    decoding.Square.read = lambda *arguments: time.sleep(0.05) or read(*arguments)
    _ = image_folder(root, cache=cache).levels


def count_images(root, cache, queue):
    queue.put(image_folder(root, cache=cache).images.sum().item())


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


@pytest.mark.long
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
