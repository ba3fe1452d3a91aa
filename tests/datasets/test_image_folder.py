"""The user's images become squares; what is none is named; what was decoded once is decoded no more."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from dlcourse.datasets import decoding
from dlcourse.datasets.decoding import MemoryBudget
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.datasets.pyramid import pyramid
from mixed_images import drawing, mixed_folder, zip_of

VALUES = {"resolution": 16, "fit": "crop", "min_size": 16, "background": [255, 255, 255], "num_classes": 0}


def image_folder(root, **changes) -> ImageFolder:
    return ImageFolder(str(root), **(VALUES | {"cache": None} | changes))


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
