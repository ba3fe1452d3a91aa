"""Growing is the official schedule, and reals fade as the official ones do."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from dlcourse.stylegan.growth import Growth, fade_reals
from dlcourse.stylegan.networks.layers import upscale

OFFICIAL = json.loads((ROOT / "tests/data/growth.json").read_text())
BATCH_SIZES = {
    1: (4, {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}),
    2: (8, {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8}),
    4: (16, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16}),
    8: (32, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}),
}
LR_FACTORS = {128: 1.5, 256: 2.0, 512: 3.0, 1024: 3.0}


def growth(resolution=64, initial_resolution=8, training=100, fading=60, **others):
    sizes = {"batch_size": 4, "batch_sizes": None, "lr_factors": None}
    return Growth(resolution, initial_resolution, training, fading, **(sizes | others))


def test_every_row_of_the_official_schedule():
    assert len(OFFICIAL["rows"]) == 384
    for values in OFFICIAL["rows"]:
        row = dict(zip(OFFICIAL["columns"], values, strict=True))
        batch_size, batch_sizes = BATCH_SIZES[row["num_gpus"]]
        official = Growth(row["dataset_resolution"], 8, 600_000, 600_000, batch_size, batch_sizes, LR_FACTORS)
        phase = official.phase(row["cur_nimg"])
        assert phase.lod == pytest.approx(row["lod"], abs=1e-12)
        assert (phase.resolution, phase.batch_size) == (row["resolution"], row["minibatch"])
        assert phase.lr_factor * 0.001 == pytest.approx(row["G_lrate"], rel=1e-12)


@pytest.mark.parametrize("lod", ["0", "0.3", "1", "1.75", "2.5"])
def test_reals_fade_as_the_official_ones_do(lod):
    data = np.load(ROOT / "tests/data/reals.npz")
    level = int(float(lod))
    images = torch.from_numpy(data[f"lod{level}"])[None].double() / 127.5 - 1
    faded = upscale(fade_reals(images, float(lod) - level), 2**level)
    assert torch.allclose(faded, torch.from_numpy(data[f"real_lod{lod}"]), atol=1e-7)  # they were made in float32


@given(images=st.integers(0, 10_000), more=st.integers(0, 500))
def test_growth_never_goes_back_and_ends_at_full_resolution(images, more):
    first, later = growth().phase(images), growth().phase(images + more)
    assert later.lod <= first.lod
    assert first.lod - later.lod <= more / 60 + 1e-9
    assert growth().phase(10_000).lod == 0


def test_starting_at_the_last_resolution_is_no_growth():
    fixed = growth(initial_resolution=64)
    assert {fixed.phase(images) for images in (0, 50, 150, 10**7)} == {fixed.phase(0)}
    assert fixed.phase(0).lod == 0


def test_the_stage_changes_where_a_resolution_comes_in_and_where_it_has_faded_in():
    stages = [growth().phase(images).stage for images in range(600)]
    changes = [images for images in range(1, 600) if stages[images] != stages[images - 1]]
    assert changes == [101, 160, 261, 320, 421, 480]


@given(
    total=st.integers(1, 1000),
    repeats=st.integers(1, 4),
    stable=st.integers(1, 120),
    transition=st.integers(0, 90),
    initial=st.sampled_from([4, 16, 64]),
)
def test_steps_for_a_number_of_images_are_those_of_a_loop(total, repeats, stable, transition, initial):
    schedule = growth(64, initial, stable, transition, batch_sizes={4: 16, 16: 7, 32: 32})
    images, begins = 0, []
    while images < total:
        begins.append(images)
        images += schedule.phase(images).batch_size * repeats
    assert schedule.steps_for(total, repeats) == len(begins)
    left = [schedule.steps_for(total, repeats, images_seen) for images_seen in (*begins, images)]
    assert left == list(range(len(begins), -1, -1))


def test_without_fading_resolutions_follow_each_other_at_once():
    phases = [growth(fading=0).phase(images) for images in (0, 99, 100, 200, 299, 300)]
    assert [phase.lod for phase in phases] == [3, 3, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial_resolution": 128}, "initial_resolution must be one of 4, 8, 16, 32, 64, got 128"),
        ({"initial_resolution": 24}, "initial_resolution must be one of 4, 8, 16, 32, 64, got 24"),
        ({"training": -1}, "must not be negative nor both 0, got -1 and 60"),
        ({"training": 0, "fading": 0}, "must not be negative nor both 0, got 0 and 0"),
        ({"batch_sizes": {10: 4}}, "batch_sizes must hold positive values by resolution 4 to 1024, got {10: 4}"),
        ({"lr_factors": {8: 0.0}}, "lr_factors must hold positive values by resolution 4 to 1024, got {8: 0.0}"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(ValueError, match=message.replace("{", r"\{").replace("}", r"\}")):
        growth(**arguments)
