import numpy as np
import pytest
import torch
from PIL import Image

from dlcourse.data import ImageFolder


def test_pictures_of_any_size_and_mode_become_squares_in_the_order_of_their_paths(tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "deep" / "b.png")
    Image.new("L", (10, 30), 128).save(tmp_path / "a.jpg")
    Image.new("RGBA", (33, 33), (0, 0, 0, 0)).save(tmp_path / "z.PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.png").write_text("no picture either")
    folder = ImageFolder(str(tmp_path), resolution=16)
    assert folder.images.shape == (3, 3, 16, 16) and folder.images.dtype == torch.uint8
    assert [image.float().mean((1, 2)).tolist() for image in folder.images] == [
        [128.0] * 3,
        [255.0, 0.0, 0.0],
        [255.0] * 3,
    ]
    said = capsys.readouterr().err
    assert "1 broken pictures were skipped" in said and "broken.png: not a picture" in said


def test_the_centre_is_kept(tmp_path):
    pixels = np.zeros((16, 48, 3), dtype=np.uint8)
    pixels[:, 16:32] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (ImageFolder(str(tmp_path), resolution=16).images == 255).all()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        ImageFolder(str(tmp_path / "nope"), 16)
    with pytest.raises(ValueError, match="no pictures in it"):
        ImageFolder(str(tmp_path), 16)
    with pytest.raises(ValueError, match="resolution must be a power of two from 8 to 1024, got 24"):
        ImageFolder(str(tmp_path), 24)
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(ValueError, match="none of its 1 pictures can be read"):
        _ = ImageFolder(str(tmp_path), 16).images
