"""Portraits and demo images: same seed and index, same face, at every size; each attribute in its place."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from dlcourse.datasets.faces.canvas import SMOOTH, TEXTURES, Texture
from dlcourse.datasets.faces.dataset import (
    ATTRIBUTE_SCALE,
    CATEGORICAL,
    CONTINUOUS,
    DETAIL,
    Faces,
    sample_attributes,
    sample_detail,
    sample_texture,
)
from dlcourse.datasets.faces.drawing import render
from dlcourse.style_transfer.demo_images import IMAGES, MASKS

COUNT = 24


@pytest.fixture(scope="module")
def people():
    indices = torch.arange(COUNT)
    drawn = sample_attributes(5, indices), sample_detail(5, indices), Texture(sample_texture(5, indices), 1.0)
    return *drawn, render(*drawn, 64)


def redrawn(people, **changed):
    """The same faces with some attributes replaced, and how much each pixel changed: (N, 64, 64)."""
    attributes, detail, texture, images = people
    return (render(attributes | changed, detail, texture, 64) - images).abs().amax(1)


def another(name: str, values: torch.Tensor) -> torch.Tensor:
    """A clearly different value of the attribute for every face."""
    if name in CATEGORICAL:
        return (values + 1) % CATEGORICAL[name]
    low, high = CONTINUOUS[name]
    return torch.where(values > (low + high) / 2, low, high)


def test_a_face_depends_on_seed_and_index_only():
    few, many = (
        Faces(32, 5, seed=3, label="glasses", num_classes=0, texture=0),
        Faces(32, 50, seed=3, label="glasses", num_classes=0, texture=0),
    )
    assert torch.equal(few.images, many.images[:5])
    assert torch.equal(many.images, Faces(32, 50, seed=3, label="glasses", num_classes=0, texture=0).images)
    for name, values in sample_attributes(3, torch.tensor([41, 7, 41])).items():
        assert torch.equal(values, many.attributes[name][[41, 7, 41]])


def test_a_face_does_not_depend_on_its_batch(people):
    attributes, detail, texture, images = people

    def only(i, values):
        return {name: value[i : i + 1] for name, value in values.items()}

    alone = [render(only(i, attributes), only(i, detail), Texture(texture.maps[i : i + 1], 1.0), 64) for i in range(4)]
    torch.testing.assert_close(torch.cat(alone), images[:4], atol=1e-4, rtol=0)


def test_seeds_and_indices_give_different_faces():
    here, there = (
        Faces(16, 40, seed=0, label="glasses", num_classes=0, texture=0).images,
        Faces(16, 40, seed=1, label="glasses", num_classes=0, texture=0).images,
    )
    assert len(torch.cat([here, there]).flatten(1).unique(dim=0)) == 80


@pytest.mark.parametrize("seed", [0, -1, 2**40, 2**64 - 1])
def test_every_integer_is_a_seed(seed):
    attributes = sample_attributes(seed, torch.arange(200))
    assert attributes["yaw"].unique().numel() == 200


def test_attributes_have_the_documented_ranges_and_fill_them():
    attributes = sample_attributes(0, torch.arange(4000))
    assert list(attributes) == list(ATTRIBUTE_SCALE)
    assert set(ATTRIBUTE_SCALE.values()) == {"coarse", "middle", "fine"}
    for name, (low, high) in CONTINUOUS.items():
        values = attributes[name]
        assert values.dtype == torch.float32 and low <= values.min() and values.max() <= high
        quarters = torch.histc(values, 4, low, high) / len(values)
        assert (quarters - 0.25).abs().max() < 0.03, name
    for name, classes in CATEGORICAL.items():
        share = torch.bincount(attributes[name], minlength=classes) / 4000
        assert attributes[name].dtype == torch.int64 and len(share) == classes
        assert (share - 1 / classes).abs().max() < 0.03, name


def test_attributes_and_detail_are_independent():
    indices = torch.arange(2000)
    drawn = sample_attributes(0, indices) | sample_detail(0, indices)
    correlation = torch.corrcoef(torch.stack([values.float() for values in drawn.values()]))
    correlation.fill_diagonal_(0)
    assert correlation.abs().max() < 0.09  # four standard deviations of independent columns
    for values in drawn.values():  # nor are neighbours alike
        assert torch.corrcoef(torch.stack([values[1:], values[:-1]]).float())[0, 1].abs() < 0.09


@pytest.mark.parametrize(("fine", "coarse", "bound"), [(64, 32, 0.002), (128, 64, 0.012), (256, 128, 0.008)])
def test_resolutions_agree(people, fine, coarse, bound):
    attributes = {name: values[:8] for name, values in people[0].items()}
    detail = {name: values[:8] for name, values in people[1].items()}
    texture = Texture(people[2].maps[:8], 1.0)
    gap = avg_pool2d(render(attributes, detail, texture, fine), 2) - render(attributes, detail, texture, coarse)
    assert gap.abs().mean() < bound


@pytest.mark.parametrize("name", ATTRIBUTE_SCALE)
def test_every_attribute_shows(people, name):
    change = redrawn(people, **{name: another(name, people[0][name])})
    seen = (change > 0.1).flatten(1).sum(1)  # pixels per face
    assert seen.float().median() >= {"coarse": 50, "middle": 15, "fine": 12}[ATTRIBUTE_SCALE[name]]


@pytest.mark.parametrize("name", DETAIL)
def test_detail_shows_but_less_than_a_coarse_attribute(people, name):
    attributes, detail, _, _ = people
    other = detail | {name: (detail[name] + 0.5) % 1}
    change = (render(attributes, other, SMOOTH, 64) - render(attributes, detail, SMOOTH, 64)).abs().mean()
    coarse = redrawn(people, hair_style=another("hair_style", attributes["hair_style"])).mean()
    assert 0 < change < 0.5 * coarse


def test_random_maps_are_independent_and_uniform():
    texture = sample_texture(3, torch.arange(60))
    assert texture.shape == (60, len(TEXTURES), 64, 64) and texture.dtype == torch.float32
    assert -1 <= texture.min() < -0.999 and 0.999 < texture.max() < 1
    assert texture.mean().abs() < 2e-3 and abs(texture.var() - 1 / 3) < 2e-3
    for axis in (0, 1, 3):  # faces, maps, cells
        assert (texture * texture.roll(1, axis)).mean().abs() < 3e-3
    assert torch.equal(sample_texture(3, torch.tensor([41])), texture[41:42])


def test_random_maps_place_specks_knit_strands_and_freckles(people):
    attributes, detail, texture, images = people
    freckled = detail | {"freckles": torch.zeros(COUNT)}
    for name, rows, columns in (
        ("background", slice(0, 8), slice(0, 8)),
        ("clothes", slice(60, 64), slice(16, 48)),
        ("hair", slice(0, 30), slice(0, 64)),
        ("skin", slice(36, 44), slice(20, 44)),
    ):
        maps = texture.maps.clone()
        maps[:, TEXTURES.index(name)] = sample_texture(6, torch.arange(COUNT))[:, TEXTURES.index(name)]
        other = render(attributes, freckled, Texture(maps, 1.0), 64)
        change = (other - render(attributes, freckled, texture, 64)).abs().amax(1)
        assert change[:, rows, columns].mean() > 0.004, name
        assert change.mean() < 0.5 * redrawn(people, hair_style=another("hair_style", attributes["hair_style"])).mean()


def test_random_maps_move_an_image_enough_for_noise_to_learn_but_less_than_another_face(people):
    attributes, detail, texture, images = people
    other = render(attributes, detail, Texture(sample_texture(6, torch.arange(COUNT)), 1.0), 64)
    deviation = (other - images).pow(2).mean().div(2).sqrt()
    assert 0.015 < deviation < 0.03
    assert deviation < 0.2 * (images - images.roll(1, 0)).pow(2).mean().div(2).sqrt()


def test_the_background_colour_leaves_the_face_alone(people):
    change = redrawn(people, background_color=another("background_color", people[0]["background_color"]))
    assert change[:, 24:42, 27:37].max() == 0
    assert change[:, :3, :3].min() > 0.02


def test_the_eye_colour_changes_only_the_eyes(people):
    change = redrawn(people, eye_color=another("eye_color", people[0]["eye_color"]))
    assert change[:, :26].max() == 0 and change[:, 42:].max() == 0
    assert change.flatten(1).amax(1).min() > 0.02


def test_clothes_skin_and_hair_colour_stay_off_the_background(people):
    names = ("clothes_color", "skin", "hair_color")
    change = redrawn(people, **{name: another(name, people[0][name]) for name in names})
    assert change[:, :40, :5].max() == 0 and change[:, :40, -5:].max() == 0
    clothes = redrawn(people, clothes_color=another("clothes_color", people[0]["clothes_color"]))
    assert clothes[:, :44].max() == 0


def test_no_glasses_no_frame(people):
    attributes, detail, texture, _ = people
    without = attributes | {"glasses": torch.zeros_like(attributes["glasses"])}
    frames = [render(without, detail | {"frame": torch.full((COUNT,), at)}, texture, 64) for at in (0.1, 0.9)]
    assert torch.equal(*frames)


def test_turning_left_mirrors_turning_right(people):
    """Up to the light, the parting and the strands, which do not turn with the head."""
    attributes = people[0] | {
        "yaw": people[0]["yaw"].abs(),
        "hair_style": torch.zeros(COUNT, dtype=torch.long),
    }
    plain = people[1] | {"freckles": torch.ones(COUNT)}
    right = render(attributes, plain, SMOOTH, 64)
    left = render(attributes | {"yaw": -attributes["yaw"]}, plain, SMOOTH, 64).flip(-1)
    assert (left - right).abs().mean() < 0.02 < (left.flip(-1) - right).abs().mean()


def test_images_are_in_range_and_use_it(people):
    images = people[3]
    assert images.dtype == torch.float32 and images.min() >= 0 and images.max() <= 1
    assert images.flatten(1).std(1).min() > 0.1
    assert images.std(0).mean() > 0.1  # across faces


def test_the_strength_of_the_texture_blends():
    smooth, half, full = (
        Faces(64, 16, seed=2, label="glasses", num_classes=0, texture=strength).images.float()
        for strength in (0.0, 0.5, 1.0)
    )
    assert 0.3 < (half - smooth).pow(2).mean() ** 0.5 / (full - smooth).pow(2).mean() ** 0.5 < 0.7


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128, 256])
def test_images_are_bytes_of_the_asked_size(resolution):
    faces = Faces(resolution, 3, seed=0, label="glasses", num_classes=0, texture=0)
    assert len(faces) == 3
    assert faces.images.shape == (3, 3, resolution, resolution) and faces.images.dtype == torch.uint8
    assert faces.images.max() > 200 and faces.images.min() < 90
    assert faces.images is faces.images  # drawn once
    assert all(len(values) == 3 for values in faces.attributes.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 48}, "resolution must be a power of two in 8..256, got 48"),
        ({"resolution": 512}, "resolution must be a power of two in 8..256, got 512"),
        ({"num_images": 0}, "num_images must be at least 1, got 0"),
        ({"texture": 1.5}, r"texture must be in \[0, 1\], got 1.5"),
    ],
)
def test_senseless_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Faces(
            **{"resolution": 32, "num_images": 4, "seed": 0, "label": "glasses", "num_classes": 0, "texture": 0}
            | arguments
        )


@pytest.mark.long
@pytest.mark.parametrize("draw", IMAGES.values(), ids=list(IMAGES))
def test_demo_images_are_always_the_same(draw):
    first, second = draw.__wrapped__(), draw.__wrapped__()
    assert min(first.size) >= 288 and first.mode == "RGB"
    assert np.array_equal(np.asarray(first), np.asarray(second))
    assert np.asarray(first).reshape(-1, 3).std(0).min() > 30  # colourful in every channel


def test_the_styles_are_rougher_than_the_content():
    def roughness(name):
        return np.abs(np.diff(np.asarray(IMAGES[name]().convert("L"), float), axis=1)).mean()

    assert min(roughness("painting"), roughness("mosaic")) > 2 * roughness("seascape")


def test_masks_are_halves_that_complete_each_other():
    halves = {name: np.asarray(draw(), float) for name, draw in MASKS.items()}
    assert halves["left"][:, 0].min() == halves["top"][0].min() == 255
    for one, other in (("left", "right"), ("top", "bottom")):
        assert np.abs(halves[one] + halves[other] - 255).max() <= 1
