"""Files that are written whole, and not over others."""

import os

import pytest
from PIL import Image

from dlcourse.files.atomic import atomic_write
from dlcourse.images.files import save_new_image


def refuse(*_):
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_without_replace_the_first_file_stays(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.txt"
    with atomic_write(path, replace=False) as temporary:
        temporary.write_text("first")
    with pytest.raises(FileExistsError, match=r"a\.txt"), atomic_write(path, replace=False) as temporary:
        temporary.write_text("second")
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_an_image_gets_a_number_if_a_file_has_come_to_be_there(tmp_path):
    colors = ("red", "green", "blue")
    names = [save_new_image(Image.new("RGB", (2, 2), color), tmp_path / "a.png").name for color in colors]
    assert names == ["a.png", "a_2.png", "a_3.png"]
    assert Image.open(tmp_path / "a.png").getpixel((0, 0)) == (255, 0, 0)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"file/a\.png: cannot be written"):
        save_new_image(Image.new("RGB", (2, 2)), tmp_path / "file" / "a.png")
