import math

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torchvision.utils import make_grid

from dlcourse.engine.logger import RunLogger
from dlcourse.images.files import open_image
from dlcourse.images.srgb import SRGB_PROFILE
from dlcourse.images.tables import labelled_grid
from dlcourse.images.tensors import resize, tile, to_pil_image, to_tensor

RED = (255, 0, 0)


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (64, 32)), ((30, 90), (21, 64)), ((5000, 3), (64, 1))])
def test_resizing_keeps_the_aspect_ratio(size, expected):
    assert resize(Image.new("RGB", size), 64).size == expected
    assert resize(Image.new("L", size), [20, 31]).size == (20, 31)


@pytest.mark.parametrize("size", [0, -3, [4, 0], [4], [1, 2, 3], []])
def test_sizes_that_are_none_are_named(size):
    with pytest.raises(ValueError, match=r"size must be the longer side or \[width, height\]"):
        resize(Image.new("RGB", (4, 4)), size)


def test_hidden_colors_do_not_bleed_when_resized():
    pixels = np.zeros((40, 40, 4), dtype=np.uint8)
    pixels[:, :20] = (255, 0, 0, 255)
    pixels[:, 20:] = (0, 255, 0, 0)  # green, but not to be seen
    small = np.asarray(resize(Image.fromarray(pixels), 10))
    visible = small[small[..., 3] > 0]
    assert small.shape == (10, 10, 4) and len(visible) >= 50
    assert (visible[:, 1] == 0).all() and (visible[:, 0] == 255).all()


def test_alpha_survives_the_round_trip_and_the_logbook(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    tensor = to_tensor(Image.fromarray(pixels))
    assert tensor.shape == (4, 6, 5) and np.array_equal(np.asarray(to_pil_image(tensor)), pixels)
    with RunLogger(tmp_path, {}, step=0, max_steps=1) as logger:
        logger.images(3, {"cutout": torch.stack([tensor, tensor]), "whole": tensor[None, :3]})
    cutout = open_image(tmp_path / "images" / "cutout_0000003.png", keep_alpha=True)
    expected = np.concatenate([pixels, np.zeros((6, 2, 4), dtype=np.uint8), pixels], axis=1)
    assert cutout.mode == "RGBA" and np.array_equal(np.asarray(cutout), expected)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("cutout", "whole"):
        (event,) = events.Images(f"images/{name}")
        assert event.encoded_image_string == (tmp_path / "images" / f"{name}_0000003.png").read_bytes()
        with Image.open(tmp_path / "images" / f"{name}_0000003.png") as file:
            assert file.info["icc_profile"] == SRGB_PROFILE


def test_bytes_survive_the_round_trip_and_values_are_rounded_not_truncated():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(np.asarray(to_pil_image(to_tensor(Image.fromarray(levels)))), levels)
    assert np.array_equal(np.asarray(to_pil_image(to_tensor(Image.fromarray(levels)) * (1 - 1e-6))), levels)
    assert to_pil_image(torch.tensor([-0.1, 0.5, 1.2]).reshape(3, 1, 1)).getpixel((0, 0)) == (0, 128, 255)


def test_a_grid_shows_the_images_in_rows_with_room_for_labels():
    images = torch.zeros(5, 3, 100, 100)
    images[4, 0] = 1
    grid = labelled_grid(images, ["a", "b", "c", "d", "e"], columns=3)
    assert grid.width == 3 * 104 + 4
    left = grid.crop((0, 0, grid.width // 2, grid.height))
    rows = np.asarray(left.convert("RGB")).reshape(-1, left.width, 3)
    is_red_row = (rows == RED).all(2).any(1)
    assert is_red_row.sum() == 100 and is_red_row[: grid.height // 2].sum() < 5


def test_small_images_are_enlarged_by_whole_factors():
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
