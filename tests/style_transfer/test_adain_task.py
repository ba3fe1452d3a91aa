"""Training of fast style transfer, and the images that it trains on."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import assert_same, compose, small_overrides
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.style_transfer import training_images
from dlcourse.style_transfer.adain_task import FastStyleTransfer
from dlcourse.style_transfer.textures import KINDS, texture
from dlcourse.style_transfer.training_images import SIDE, PhotosAndPaintings, random_crops, squares

SETTINGS = {"root": None, "styles": None, "num_faces": 4, "num_textures": 4, "num_dev": 2, "cache": None, "seed": 0}


@pytest.fixture(autouse=True)
def without_photos(monkeypatch):
    """The drawn images alone, whatever is installed."""
    monkeypatch.setattr(training_images, "PHOTOS", {})


def make_task(*overrides) -> FastStyleTransfer:
    task = build(compose(*small_overrides("adain_style", 8), *overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


@pytest.fixture(scope="module")
def task():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_images, "PHOTOS", {})
        return make_task()


def test_the_losses_are_zero_only_if_the_features_are_the_wanted_ones(task, monkeypatch):
    contents, styles = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    found = task.losses(contents, styles)
    assert found["content"] > 0 and found["style"] > 0
    assert found["loss"] == found["content"] + task.style_weight * found["style"]
    monkeypatch.setattr(task.model.decoder, "forward", lambda _: contents)  # a perfect decoder
    perfect = task.losses(contents, contents)
    assert perfect["content"] < 1e-8 and perfect["style"] < 1e-8


def test_features_are_calibrated(task):
    typical = task.typical_images()
    features = task.vgg(typical, ["conv1_1", "conv2_1", "conv3_1"])
    for feature in features.values():
        std, mean = torch.std_mean(feature, dim=(0, 2, 3), correction=0)
        torch.testing.assert_close(std, torch.ones_like(std), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=1e-3, atol=1e-3)
    for feature in task.model.features(typical)[1:]:  # after the ReLU: half of the values are 0
        assert 0.2 < feature.mean() < 0.6


@pytest.mark.long
def test_only_the_decoder_learns_and_the_loss_of_a_pair_falls(task):
    task = copy.deepcopy(task)
    task.descent.base_lrs = [1e-4]
    encoder = {name: value.clone() for name, value in task.model.encoder.state_dict().items()}
    contents, styles = task.dev_images()
    losses = [task.descent.step(lambda: task.losses(contents, styles))["loss"] for _ in range(4)]
    assert losses[-1] < losses[0]
    assert_same(encoder, dict(task.model.encoder.state_dict()))
    learning = {name for name, parameter in task.model.named_parameters() if parameter.requires_grad}
    assert learning == {f"decoder.{name}" for name, _ in task.model.decoder.named_parameters()}


@pytest.mark.long
def test_a_restored_training_goes_on_with_the_same_bits(task):
    def steps(task, numbers):
        for number in numbers:
            torch.manual_seed(number)
            task.step()
        return {name: part.state_dict() for name, part in task.state().items()}

    whole = steps(copy.deepcopy(task), range(4))
    half = steps(copy.deepcopy(task), range(2))
    restored = copy.deepcopy(task)
    for name, part in restored.state().items():
        part.load_state_dict(half[name])
    assert_same(steps(restored, range(2, 4)), whole)


@pytest.mark.long
def test_the_grid_shows_what_is_held_out(task):
    image = task.visualize()["styled"]
    assert image.shape[:2] == (1, 3) and image.min() >= 0 and image.max() <= 1


def test_held_out_images_are_no_others_and_the_choice_depends_on_the_seed():
    one, again = PhotosAndPaintings(**SETTINGS), PhotosAndPaintings(**SETTINGS)
    assert torch.equal(one.dev_styles, again.dev_styles) and torch.equal(one.styles, again.styles)
    assert one.dev_contents.shape == (2, 3, SIDE, SIDE) and one.contents.dtype == torch.uint8
    for dev, train in ((one.dev_contents, one.contents), (one.dev_styles, one.styles)):
        assert not any(torch.equal(image, other) for image in dev for other in train)


def test_folders_replace_what_is_at_hand(tmp_path):
    for name, value in (("photos", 40), ("paintings", 200)):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("RGB", (60, 40), (value, value, index)).save(tmp_path / name / f"{index}.png")
    folders = {"root": str(tmp_path / "photos"), "styles": str(tmp_path / "paintings"), "num_dev": 1}
    data = PhotosAndPaintings(**SETTINGS | folders | {"num_textures": 0})
    assert data.contents[:, 0].unique().tolist() == [40] and len(data.contents) == 2
    assert data.styles[:, 0].unique().tolist() == [200] and len(data.styles) == 2


def test_a_folder_of_styles_serves_as_contents_too_and_textures_join_it(tmp_path):
    for index in range(4):
        Image.new("RGB", (60, 40), (200, 3, index)).save(tmp_path / f"{index}.png")
    data = PhotosAndPaintings(**SETTINGS | {"styles": str(tmp_path)})
    of_folder = lambda images: int((images[:, 1] == 3).flatten(1).all(1).sum())
    held_out = of_folder(data.dev_styles)
    assert of_folder(data.styles) == 4 - held_out and len(data.styles) == 4 + 4 - 2
    assert of_folder(data.contents) == 4 - held_out


@pytest.mark.parametrize("key", ["root", "styles"])
def test_a_folder_without_a_usable_image_is_named_once(key, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=f"dataset.{key}={tmp_path}: none of its 1 images can be used") as told:
        make_task(f"dataset.{key}={tmp_path}")
    assert str(told.value).count("dataset") == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dataset.styles", "nope", "dataset.styles=nope: no such folder"),
        ("dataset.root", "nope", "dataset.root=nope: no such folder"),
        ("dataset.num_dev", "0", "dataset.num_dev must be at least 1, got 0"),
        ("dataset.num_dev", "50", "dataset.root must have more than the 50 images of num_dev, got 5"),
        ("task.crop_size", "20", "task.crop_size must be a multiple of 8 from 16 on, got 20"),
        ("task.style_weight", "-1", "task.style_weight must be at least 0, got -1"),
    ],
)
def test_mistakes_name_the_key(key, value, message):
    with pytest.raises(UserError, match=message):
        make_task(f"{key}={value}")


def test_absent_photographs_are_named(monkeypatch, caplog):
    monkeypatch.setattr(training_images, "PHOTOS", {"skimage": ("data", "no_such.png", "")})
    assert list(training_images.photos(1)) == []
    assert "trained without no_such.png of skimage; pip install 'dlcourse[photos]' has them" in caplog.text


def test_squares_cover_the_image():
    pixels = np.arange(300 * 700 * 3, dtype=np.uint32).reshape(300, 700, 3).astype(np.uint8)
    found = squares(Image.fromarray(pixels))
    assert found.shape[1:] == (3, SIDE, SIDE)
    assert torch.equal(found[0], torch.from_numpy(pixels[:SIDE, :SIDE]).permute(2, 0, 1))
    assert torch.equal(found[5], torch.from_numpy(pixels[-SIDE:, -SIDE:]).permute(2, 0, 1))
    assert len(squares(Image.new("RGB", (100, 50)))) == 2  # enlarged


def test_crops_without_variation_are_parts_of_the_image():
    images = torch.randint(256, (3, 3, 64, 64)).byte()
    parts = random_crops(images, 64, (1.0, 1.0), 0.0)
    assert parts.shape == images.shape and 0 <= parts.min() and parts.max() <= 1
    flat = torch.full((8, 3, 64, 64), 51, dtype=torch.uint8)
    torch.testing.assert_close(random_crops(flat, 32, (0.5, 2.0), 0.0), torch.full((8, 3, 32, 32), 0.2))


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_a_texture_is_a_function_of_seed_and_index(index):
    one = texture(0, index, 64)
    assert one.shape == (64, 64, 3) and one.dtype == np.uint8 and one.std() > 0
    assert np.array_equal(one, texture(0, index, 64))
    assert not np.array_equal(one, texture(1, index, 64)) and not np.array_equal(one, texture(0, index + 12, 64))
