import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.utils import make_grid

from dlcourse.images import labelled_grid, open_picture, resize_longest_side, tile, to_picture, to_tensor

RED, CLEAR = (255, 0, 0), (0, 0, 255, 0)


def save(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


def test_every_mode_becomes_rgb(tmp_path):
    rgb = Image.new("RGB", (6, 4), RED)
    for name, image in {
        "rgb.png": rgb,
        "palette.png": rgb.convert("P"),
        "cmyk.jpg": rgb.convert("CMYK"),
        "lossless.webp": rgb,
        "rgb.tiff": rgb,
    }.items():
        options = {"lossless": True} if name.endswith("webp") else {}
        opened = open_picture(save(image, tmp_path / name, **options))
        assert opened.mode == "RGB" and opened.size == (6, 4)
        assert np.abs(np.asarray(opened).astype(int) - RED).max() <= 3, name


def test_transparency_is_laid_on_white_not_uncovered(tmp_path):
    image = Image.new("RGBA", (2, 1), CLEAR)
    image.putpixel((1, 0), (255, 0, 0, 128))
    opened = open_picture(save(image, tmp_path / "a.png"))
    assert opened.getpixel((0, 0)) == (255, 255, 255)
    assert opened.getpixel((1, 0)) == pytest.approx((255, 127, 127), abs=1)
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([0, 0, 255])
    assert open_picture(save(palette, tmp_path / "p.png", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_grey_of_8_and_16_bits_keeps_its_brightness(tmp_path):
    grey8 = Image.new("L", (3, 3), 100)
    grey16 = Image.fromarray(np.full((3, 3), 100 * 257, dtype=np.uint16))
    for name, image in {"8.png": grey8, "16.png": grey16, "16.tiff": grey16}.items():
        assert open_picture(save(image, tmp_path / name)).getpixel((1, 1)) == (100, 100, 100)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    path = save(Image.new("RGB", (8, 4), RED), tmp_path / "turned.jpg", exif=exif)
    assert open_picture(path).size == (4, 8)


def test_files_that_are_no_pictures_are_named(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:2000])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a picture")
    for name, message in {
        "cut.png": "a broken picture",
        "empty.png": "not a picture",
        "text.png": "not a picture",
        "missing.png": "no such file",
        "": "is a folder",
    }.items():
        with pytest.raises(ValueError, match=message):
            open_picture(tmp_path / name)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="refused as too large"):
        open_picture(save(Image.new("L", (20, 20)), tmp_path / "bomb.png"))


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (64, 32)), ((30, 90), (21, 64)), ((5000, 3), (64, 1))])
def test_resizing_keeps_the_aspect_ratio(size, expected):
    assert resize_longest_side(Image.new("RGB", size), 64).size == expected


def test_bytes_survive_the_round_trip_and_values_are_rounded_not_truncated():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(np.asarray(to_picture(to_tensor(Image.fromarray(levels)))), levels)
    assert np.array_equal(np.asarray(to_picture(to_tensor(Image.fromarray(levels)) * (1 - 1e-6))), levels)
    assert to_picture(torch.tensor([-0.1, 0.5, 1.2]).reshape(3, 1, 1)).getpixel((0, 0)) == (0, 128, 255)


def test_a_grid_shows_the_pictures_in_rows_with_room_for_labels():
    images = torch.zeros(5, 3, 100, 100)
    images[4, 0] = 1
    grid = labelled_grid(images, ["a", "b", "c", "d", "e"], columns=3)
    assert grid.width == 3 * 104 + 4
    left = grid.crop((0, 0, grid.width // 2, grid.height))
    rows = np.asarray(left.convert("RGB")).reshape(-1, left.width, 3)
    is_red_row = (rows == RED).all(2).any(1)
    assert is_red_row.sum() == 100 and is_red_row[: grid.height // 2].sum() < 5


def test_small_pictures_are_enlarged_by_whole_factors():
    assert labelled_grid(torch.zeros(1, 3, 16, 16), ["x"], columns=1).width == 96 + 8


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9, 10])
def test_tiles_are_where_torchvision_puts_them(count):
    images = torch.rand(count, 3, 5, 7)
    columns = math.ceil(math.sqrt(count))
    expected = make_grid(images, nrow=columns, padding=2)[:, 2:, 2:] if count > 1 else images[0]
    found = tile(images)
    _, height, width = found.shape
    assert torch.equal(found, expected[:, :height, :width])
    assert (height, width) == (math.ceil(count / columns) * 7 - 2, columns * 9 - 2)
