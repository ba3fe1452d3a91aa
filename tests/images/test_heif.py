"""HEIC and AVIF images: who decodes them, and what is said when it is not there."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from dlcourse.datasets.decoding import Square
from dlcourse.datasets.sources import source_at
from dlcourse.images import heif
from dlcourse.images.files import open_image
from image_bytes import SRGB_TO_XYZ, rgb_profile
from mixed_images import drawing

heif.enable()


def heic(image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "HEIF", **options)
    return file.getvalue()


def with_stated_size(content: bytes, width: int, height: int) -> bytes:
    """A HEIC whose boxes "ispe" all state another size."""
    place = content.find(b"ispe")
    while place >= 0:
        content = content[: place + 8] + struct.pack(">II", width, height) + content[place + 16 :]
        place = content.find(b"ispe", place + 1)
    return content


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_profile_is_applied_and_transparency_laid_on_the_background(kind, tmp_path):
    swapped = rgb_profile(SRGB_TO_XYZ[:, [1, 0, 2]], 2.2)  # red is green and green is red
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "a", kind, icc_profile=swapped)
    red, green, _ = np.asarray(open_image(tmp_path / "a"), dtype=int)[8, 8]
    assert green > 240 and red < 30
    Image.new("RGBA", (16, 16), (200, 90, 40, 0)).save(tmp_path / "b", kind)
    assert np.abs(np.asarray(open_image(tmp_path / "b", background=(1, 200, 3)), dtype=int) - (1, 200, 3)).max() <= 3


def test_without_pillow_heif_one_line_names_the_cure(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(heic(drawing(0, 32, 24)))
    drawing(0, 32, 24).save(tmp_path / "b.png")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        ValueError, match=r"a\.heic: a HEIC image, which needs pillow-heif: pip install 'dlcourse\[heic\]'"
    ):
        open_image(tmp_path / "a.heic")
    source = source_at(str(tmp_path))
    (_, pixels, reason), (_, other, _) = Square(8).read_all(source, ["a.heic", "b.png"], 2, quiet=True)
    assert pixels is None and reason == heif.MISSING and other.shape == (3, 8, 8)


def test_a_heic_in_a_folder_becomes_a_square_like_any_other(tmp_path):
    image = drawing(0, 64, 48)
    (tmp_path / "a.HEIC").write_bytes(heic(image, quality=95))
    image.save(tmp_path / "b.png")
    found = [
        pixels for _, pixels, _ in Square(16).read_all(source_at(str(tmp_path)), ["a.HEIC", "b.png"], 2, quiet=True)
    ]
    assert np.abs(found[0].astype(int) - found[1]).max() <= 24


def test_an_avif_that_names_the_general_brand_is_no_heic():
    assert not heif.is_heif(io.BytesIO(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"))
    assert heif.is_heif(io.BytesIO(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"))
    assert not heif.is_heif(io.BytesIO(b"")) and not heif.is_heif(io.BytesIO(b"\x89PNG"))


def test_a_heic_that_states_a_large_size_is_refused_before_it_is_decoded(tmp_path, quick_and_small):
    (tmp_path / "a.heic").write_bytes(with_stated_size(heic(drawing(0, 64, 48)), 9000, 9000))
    with pytest.raises(ValueError, match=r"too large \(81 million pixels before it is cropped; at most 50 million"):
        open_image(tmp_path / "a.heic")


def test_a_heic_that_states_another_size_than_it_has_is_broken(tmp_path):
    (tmp_path / "a.heic").write_bytes(with_stated_size(heic(drawing(0, 256, 192)), 16, 16))
    with pytest.raises(ValueError, match="a broken image"):
        open_image(tmp_path / "a.heic")


def test_a_large_avif_is_refused_before_it_is_decoded(tmp_path, quick_and_small):
    file = io.BytesIO()
    drawing(0, 64, 48).save(file, "AVIF")
    (tmp_path / "a.avif").write_bytes(with_stated_size(file.getvalue(), 9000, 9000))
    with pytest.raises(ValueError, match="too large .9000 x 9000; at most 50 million|a broken image"):
        open_image(tmp_path / "a.avif")
