"""Files that are no images, and images that cannot be written: one clear line each."""

import os
import struct

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from dlcourse.images.files import open_image, save_image
from dlcourse.images.srgb import SRGB_PROFILE
from image_bytes import png, tiff
from large_images import tiff as tiled_tiff

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def message_for(path) -> str:
    """What open_image says, after the path."""
    with pytest.raises(ValueError) as caught:
        open_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (
            b"not an image",
            "not an image that can be read (the formats are PNG, JPEG, WEBP, TIFF, BMP, GIF, AVIF, HEIF)",
        ),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not an image"),
        (b"P6 1 1 255\n\0\0\0", "not an image"),
        (EPS, "not an image"),
        (tiff(1, 1, 32, 2, struct.pack("<3f", 0, 0, 0), 3, 3), "a TIFF of a kind that Pillow cannot read"),
        (png(100_000, 100_000, 8, 2, b"\0"), "refused as too large"),
        (
            png(12_000, 12_000, 8, 2, b"\0"),
            "refused as too large (12000 x 12000; at most 134 million pixels, 65536 per",
        ),
        (png(1, 1_000_000, 8, 2, b"\0"), "refused as too large (1 x 1000000; at most"),
        (png(2, 2, 8, 2, b"\0"), "a broken image ("),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_what_is_no_image_is_told_in_a_line(tmp_path, content, expected, name):
    (tmp_path / name).write_bytes(content)
    assert message_for(tmp_path / name).startswith(expected)


@pytest.mark.parametrize("head", [b"II*\0", b"II\0*"])  # Pillow reads the second, which is invalid, too
def test_a_tiff_of_too_many_numbers_is_refused(tmp_path, head):
    (tmp_path / "a.tif").write_bytes(head + tiled_tiff(16, 16, (50_000, 6, 2**28, 8))[4:])
    assert message_for(tmp_path / "a.tif").startswith("refused as too large (more than 4096 tags, or more than 1048576")


def test_postscript_is_never_run(tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was called"))
    for name in ("a.png", "a.eps", "a.ps"):
        (tmp_path / name).write_bytes(EPS)
        assert message_for(tmp_path / name).startswith("not an image")


def test_long_images_are_read(tmp_path):
    Image.new("L", (1, 65_536)).save(tmp_path / "long.png")
    assert open_image(tmp_path / "long.png").size == (1, 65_536)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "bmp", "gif"])
def test_truncated_files(tmp_path, suffix):
    path = tmp_path / f"whole.{suffix}"
    NOISE.save(path)
    (tmp_path / f"cut.{suffix}").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = message_for(tmp_path / f"cut.{suffix}")
    assert message.startswith(("a broken image (", "a TIFF of a kind", "not an image")), message


def test_places_that_hold_no_file(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    assert message_for(tmp_path / "missing.png") == "no such file"
    assert message_for(tmp_path) == "is a folder, not a file"
    assert message_for(tmp_path / "pipe") == "cannot be read (a pipe, not a file)"
    assert message_for(tmp_path / "file" / "a.png") == "cannot be read (Not a directory)"
    assert message_for("a\0b") == "cannot be read (embedded null byte)"
    assert message_for(tmp_path / ("x" * 300)) == "cannot be read (File name too long)"


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "tiff", "PNG"])
def test_lossless_images_come_back_whole_and_say_that_they_are_srgb(tmp_path, suffix):
    rgba = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    path = tmp_path / "new" / f"a.{suffix}"
    save_image(Image.fromarray(rgba), path)
    assert np.array_equal(np.asarray(open_image(path, keep_alpha=True)), rgba)
    with Image.open(path) as file:
        assert file.info["icc_profile"] == SRGB_PROFILE
    first = path.read_bytes()
    save_image(Image.fromarray(rgba), path)
    assert path.read_bytes() == first and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_jpeg_is_laid_on_white_and_keeps_thin_colored_lines(tmp_path):
    image = Image.new("RGBA", (32, 32), (0, 0, 255, 0))
    image.paste((255, 0, 0, 255), (8, 0, 9, 32))
    save_image(image, str(tmp_path / "a.jpg"))
    found = np.asarray(open_image(tmp_path / "a.jpg"), dtype=int)
    assert np.abs(found[:, 20] - 255).max() <= 3  # white, not blue
    assert np.abs(found[:, 8] - (255, 0, 0)).max() <= 25  # not a blend with its neighbours
    with Image.open(tmp_path / "a.jpg") as file:
        assert file.info["icc_profile"] == SRGB_PROFILE and file.layer[0][1:3] == (1, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "F", "I;16"])
def test_every_mode_can_be_saved(tmp_path, mode):
    image = Image.new(mode, (4, 4))
    for suffix in ("png", "jpg", "webp", "tif"):
        save_image(image, tmp_path / f"a.{suffix}")
        assert open_image(tmp_path / f"a.{suffix}").size == (4, 4)


def test_what_a_file_says_beside_its_pixels_does_not_travel(tmp_path):
    NOISE.save(tmp_path / "a.jpg", comment=b"secret", exif=b"Exif\0\0secret")
    save_image(open_image(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    assert b"secret" not in (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("name", ["a.svg", "a", ".png", "a.bmp"])
def test_unknown_suffixes_are_named(tmp_path, name):
    with pytest.raises(ValueError, match=r"the name of an image must end in one of \.jpeg, \.jpg, \.png"):
        save_image(NOISE, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "taken.png").mkdir()
    for path, reason in {
        tmp_path / "file" / "a.png": "File exists",
        tmp_path / "taken.png": "Is a directory",
        tmp_path / f"{'x' * 300}.png": "File name too long",
    }.items():
        with pytest.raises(OSError) as caught:
            save_image(NOISE, path)
        assert str(caught.value) == f"{path}: cannot be written ({reason})"
    with pytest.raises(OSError, match=r"a\.webp: cannot be written \(.*16383"):
        save_image(Image.new("L", (20_000, 1)), tmp_path / "a.webp")
    with pytest.raises(OSError, match=r"a\.jpg: cannot be written \(a \.jpg holds at most 65500 .* choose \.png"):
        save_image(Image.new("L", (1, 65_501)), tmp_path / "a.jpg")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "taken.png"}


def test_an_old_file_stays_when_writing_fails(tmp_path, monkeypatch):
    save_image(NOISE, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fail(self, path, *_, **__):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match=r"a\.png: cannot be written \(No space left on device\)"):
        save_image(Image.new("L", (2, 2)), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
