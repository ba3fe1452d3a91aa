"""What each sampler's image must satisfy."""

import numpy as np
import pytest
import torch

from conftest import CONFIGS, compose
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.images.tables import gain_for
from dlcourse.stylegan.networks.generator import truncate as generators_truncate
from dlcourse.stylegan.sampling.noise import noise_within
from dlcourse.stylegan.sampling.seeds import draw_z as seeds_draw_z
from dlcourse.stylegan.sampling.seeds import parse_numbers, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer
from generators import small_generator

NAMES = sorted(path.stem for path in (CONFIGS / "sampler").glob("*.yaml"))
SMALL = {
    "edit": ["sampler.component_seeds=0-99"],
    "grid": ["seeds=0-3", "singles=true"],
    "interpolate": ["sampler.frames=2", "sampler.seconds=1", "sampler.stills=2"],
    "layers": ["seeds=0-1"],
    "mean_image": ["seeds=0-99", "sampler.pixel_samples=3"],
    "mixing": ["seeds=0-1"],
    "noise": ["seeds=0", "sampler.noise_seeds=0-4"],
    "noise_walk": ["sampler.frames=4"],
    "uncurated": ["sampler.rows=1"],
}


@pytest.fixture(scope="module")
def generator():
    return small_generator()


def sampler(name, *overrides):
    torch.manual_seed(0)  # as scripts/sample.py does: some features are drawn
    overrides = [f"sampler={name}", "checkpoint=none", *SMALL.get(name, []), *overrides]
    return build(compose(*overrides, config_name="sample")["sampler"], "sampler")


def pixels(result, name):
    singles = {key.replace(" ", "_"): image for key, image in result.singles.items()}
    return np.asarray(singles[name.replace(" ", "_")]).astype(int)


def test_the_glob_is_not_empty():
    assert len(NAMES) >= 12 and set(SMALL) <= set(NAMES)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_and_repeats_itself(name, generator):
    result, again = (sampler(name)(generator) for _ in range(2))
    if name != "layer_mixing":  # which draws the image alone
        corners = {result.image.getpixel(corner) for corner in [(0, 0), (result.image.width - 1, 0)]}
        assert min(result.image.size) >= 96 and corners == {(255, 255, 255)}
    assert result.image.mode == "RGB" and result.image.tobytes() == again.image.tobytes()
    assert len({frame.size for frame in result.frames}) <= 1


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_the_composed_config_shows_what_is_used(name, generator, monkeypatch):
    used_psi, used_seeds = set(), []

    def truncate(styles, w_avg, psi, cutoff):
        used_psi.add(psi)
        return generators_truncate(styles, w_avg, psi, cutoff)

    def draw_z(seeds, z_dim):
        used_seeds.extend(seeds)
        return seeds_draw_z(seeds, z_dim)

    monkeypatch.setattr("dlcourse.stylegan.sampling.synthesizer.truncate", truncate)
    monkeypatch.setattr("dlcourse.stylegan.sampling.synthesizer.draw_z", draw_z)
    monkeypatch.setattr("dlcourse.stylegan.sampling.seeds.draw_z", draw_z)
    made = sampler(name)
    shown = compose(f"sampler={name}", *SMALL.get(name, []), config_name="sample")
    made(generator)
    psi = shown["truncation_psi"]
    assert used_psi == (set(psi) if isinstance(psi, list) else {psi} - {None})
    numbers = parse_numbers(shown["seeds"])
    assert used_seeds[: len(numbers)] == numbers and made.synthesizer.batch_size == shown["batch_size"]
    typed = sampler(name, "truncation_psi=0.25", "batch_size=3")
    assert typed.synthesizer.batch_size == 3
    if name not in ("truncation", "mean_image"):  # which truncates by several psi, and not at all
        assert typed.synthesizer.truncation_psi == 0.25


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_in_half_precision(name, generator):
    with torch.autocast("cpu", torch.bfloat16):
        half = sampler(name)(generator)
    full = sampler(name)(generator)
    assert half.image.size == full.image.size
    for key in full.singles.keys() if name != "noise" else ():  # whose map of deviations has a scale of its own
        difference = np.abs(pixels(half, key) - pixels(full, key))
        assert difference.mean() < 6, key


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_classes_at_the_smallest_resolution(name):
    small = small_generator(resolution=8, num_classes=2)
    one, other = (sampler(name, f"classes={number}")(small).image.tobytes() for number in (0, 1))
    assert one != other


def test_every_set_of_latents_may_have_classes_of_its_own():
    small = small_generator(resolution=8, num_classes=2)
    mixed = sampler("mixing", "seeds=[0@0,1@1]", "sampler.destinations={coarse:5@1,middle:null,fine:null}")(small)
    assert "seed 5 of class 1 coarse of seed 0 of class 0" in mixed.singles
    assert sampler("interpolate", "seeds=[0@0,0@1]", "sampler.space=z")(small).frames


def test_no_grid_depends_on_how_its_seeds_are_written_or_accompanied(generator):
    one, two = (sampler("grid", f"seeds={seeds}")(generator) for seeds in ("2-4", "[4,9]"))
    assert np.array_equal(pixels(one, "seed_4"), pixels(two, "seed_4"))
    assert one.image.size == sampler("grid", "seeds=[2,3,4]")(generator).image.size


def test_uncurated_leaves_no_seed_out(generator):
    result = sampler("uncurated", "seeds=5", "sampler.halvings=[0,1]")(generator)
    sheet = np.asarray(result.singles["sheet"])
    assert sheet.shape == (32, 48, 3)
    grid = sampler("grid", "seeds=5-7")(generator)
    assert np.array_equal(sheet[:, :32], np.asarray(grid.singles["seed 5"]))
    halved = np.asarray(grid.singles["seed 7"]).reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(sheet[16:, 32:] - halved).max() <= 1
    with pytest.raises(UserError, match="seeds must be the first one alone"):
        sampler("uncurated", "seeds=5-7")


def test_mixing_an_empty_range_is_the_destination_and_the_full_one_the_source(generator):
    ranges = "sampler.ranges={coarse: [2,2], middle: [0,8], fine: null}"
    result = sampler("mixing", "seeds=0-1", ranges, "sampler.destinations={coarse: 5, middle: 6, fine: 7}")(generator)
    whole = sampler("grid", "seeds=0-7")(generator)
    for source in (0, 1):
        assert np.array_equal(pixels(result, f"seed_5_coarse_of_seed_{source}"), pixels(whole, "seed_5"))
        assert np.array_equal(pixels(result, f"seed_6_middle_of_seed_{source}"), pixels(whole, f"seed_{source}"))
        fine = pixels(result, f"seed_7_fine_of_seed_{source}")
        assert not np.array_equal(fine, pixels(whole, "seed_7"))
    with pytest.raises(UserError, match="there is no range 'odd'; there are all, coarse, middle, fine"):
        sampler("mixing", "+sampler.destinations.odd=3")(generator)


def test_one_destination_stands_for_all_ranges_and_an_empty_list_for_none(generator):
    result = sampler("mixing", "seeds=3", "sampler.destinations=8")(generator)
    assert list(result.singles) == [f"seed 8 {name} of seed 3" for name in ("coarse", "middle", "fine")]
    result = sampler("mixing", "seeds=3", "sampler.destinations={coarse: 8, middle: [], fine: null}")(generator)
    assert list(result.singles) == ["seed 8 coarse of seed 3"]


def test_truncation_ends_in_the_image_and_in_the_mean(generator):
    result = sampler("truncation", "seeds=0-1")(generator)
    whole = sampler("grid", "seeds=0-1", "truncation_psi=1")(generator)
    assert np.array_equal(pixels(result, "seed_1_psi_1"), pixels(whole, "seed_1"))
    assert np.array_equal(pixels(result, "seed_0_psi_0"), pixels(result, "seed_1_psi_0"))
    mean = pixels(result, "seed_1_psi_0")
    distance = [np.abs(pixels(result, f"seed_1_psi_{psi}") - mean).mean() for psi in ("0.5", "0.7", "1")]
    assert distance == sorted(distance) and distance[0] > 0
    assert len(sampler("truncation", "truncation_psi=0.3").psis) == 1


def test_the_mean_of_w_is_the_mean_and_its_file_can_be_drawn(generator, tmp_path):
    result = sampler("mean_image")(generator)
    w = Synthesizer(None, 1.0, None, 1).whole_styles(generator, parse_seeds("0-99"))
    assert torch.allclose(result.found["w"], w.mean(0), atol=1e-5)
    torch.save(result.found, tmp_path / "mean.pt")
    drawn = sampler("grid", f"seeds={tmp_path / 'mean.pt'}", "truncation_psi=1")(generator)
    assert np.array_equal(pixels(drawn, "mean"), pixels(result, "mean_w"))
    grid = sampler("grid", "seeds=0-2", "truncation_psi=1")(generator)
    mean = np.mean([pixels(grid, f"seed_{seed}") for seed in range(3)], axis=0)
    assert np.abs(pixels(result, "mean_pixels") - mean).max() <= 1.01


def test_the_deviation_is_that_of_the_variations(generator):
    result = sampler("noise", "sampler.variations=5")(generator)
    grey = np.stack([pixels(result, f"seed_0_noise_{seed}").mean(2) for seed in range(5)])
    (name,) = (key for key in result.singles if key.startswith("seed 0 deviation x "))
    gain = float(name.rpartition(" ")[2])
    level = pixels(result, name).sum(2) / 3  # black to red to yellow to white
    assert np.abs((grey.std(0) * gain).clip(max=255) - level).max() < 1.2 * gain
    assert grey.std(0).mean() > 0.5 and 100 < level.max() <= 255


@pytest.mark.parametrize("most", [1.0, 0.3, 0.02, 1e-9, 0.0])
def test_a_map_of_changes_is_bright_but_for_a_few_values_and_never_louder_than_a_level(most):
    values = torch.linspace(0, 1, 1000) * most
    values[0] = 1.0  # an outlier
    gain = gain_for(values)
    assert 1 <= gain <= 255
    assert gain == 255 if most < 1 / 255 else 0.85 <= gain * most <= 1.02


def test_every_caption_says_psi_and_a_w_from_a_file_is_not_truncated(generator, tmp_path):
    w = torch.randn(generator.num_layers, generator.w_avg.shape[0])
    torch.save({"w": w}, tmp_path / "own.pt")
    latents = parse_seeds([0, str(tmp_path / "own.pt")])
    styles = Synthesizer(None, 0.3, None, 1).styles(generator, latents)
    assert torch.equal(styles[1], w)
    assert torch.equal(styles[0], Synthesizer(None, 0.3, None, 1).styles(generator, latents[:1])[0])
    assert Synthesizer(None, 0.3, None, 1).described(latents[:1]) == "psi 0.3"
    assert Synthesizer(None, 0.3, 4, 1).described(latents) == "psi 0.3 in the 4 coarsest layers, but files as they are"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "layer_mixing"])
def test_a_heading_of_every_sampler_says_psi(name, generator, monkeypatch):
    headings = []
    said = lambda heading, image, *_: headings.append(heading) or image
    for module in ("images.tables", "stylegan.sampling.grid"):
        monkeypatch.setattr(f"dlcourse.{module}.under", said)
    sampler(name)(generator)
    assert "psi " in headings[-1]


def test_noise_is_where_it_is_said_to_be(generator):
    result = sampler("noise_components", "seeds=0")(generator)
    whole = sampler("grid", "seeds=0")(generator)
    assert np.array_equal(pixels(result, "seed_0_all_layers"), pixels(whole, "seed_0"))
    kinds = [pixels(result, f"seed_0_{kind}") for kind in ("all_layers", "none", "fine", "coarse")]
    assert all(not np.array_equal(one, other) for one in kinds for other in kinds if one is not other)
    inside = noise_within(generator, [2, 5])
    for layer, (own, stored) in enumerate(zip(inside, stored_noise(generator), strict=True)):
        assert torch.equal(own, stored if 2 <= layer < 5 else torch.zeros_like(stored))


def test_components_are_chosen_by_number(generator):
    of = lambda chosen: sampler("edit", "seeds=0", f"sampler.components={chosen}", "sampler.component_seeds=0-99")
    first, chosen = of(3).directions(generator), of("[2,0]").directions(generator)
    assert list(chosen) == [list(first)[2], list(first)[0]]
    assert all(torch.equal(chosen[name], first[name]) for name in chosen)
    with pytest.raises(UserError, match=r"sampler.components: the last one is \d+, got 90"):
        of("[90]").directions(generator)


@pytest.mark.parametrize("space", ["w", "z", "slerp"])
def test_interpolation_begins_and_ends_with_the_images(space, generator):
    made = sampler("interpolate", "seeds=[3,8]", f"sampler.space={space}")
    draw_at = made.images_between(generator)
    ends = Synthesizer(None, 0.7, None, 1).images(generator, parse_seeds([3, 8]))
    assert torch.equal(draw_at(0, 1, 0), ends[0]) and torch.equal(draw_at(0, 1, 1.0), ends[1])
    assert not torch.equal(draw_at(0, 1, 0.5), ends[0])
    assert len(made(generator).frames) == 2 * 2
    assert len(sampler("interpolate", "seeds=[3,8]", "sampler.loop=false")(generator).frames) == 2 + 1


def test_the_noise_walk_is_closed_even_and_standard_normal(generator):
    noise = sampler("noise_walk", "sampler.layers=fine").circle(generator)
    assert all(torch.equal(*pair) for pair in zip(noise(0), noise(1), strict=True))
    for layer, stored in enumerate(stored_noise(generator)):
        assert torch.equal(noise(0.3)[layer], stored) == (layer < 6)
    assert abs(float(torch.cat([one.flatten() for one in noise(0.3)[6:]]).std()) - 1) < 0.05
    frames = [np.asarray(frame).astype(int) for frame in sampler("noise_walk", "sampler.frames=16")(generator).frames]
    steps = [np.abs(one - other).mean() for one, other in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert max(steps) < 3 * np.median(steps) and min(steps) > 0


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("edit", "sampler.strengths=[0,1e30]", r"strengths must be in \[-100, 100\]"),
        ("edit", "sampler.strengths=[0,inf]", r"sampler\.strengths\[1\] must be a finite number, got inf"),
        ("grid", "truncation_psi=nan", r"truncation_psi must be a finite number, got nan"),
        ("grid", "sampler.columns=0", "columns must be at least 1, got 0"),
        ("interpolate", "seeds=3", "seeds must be at least two"),
        ("interpolate", "sampler.space=q", "space must be one of w, z, slerp, got 'q'"),
        ("interpolate", "sampler.seconds=0", r"seconds / frames must be in \[0.04, 60\]"),
        ("layers", "seeds=3", "seeds must be at least two"),
        ("mean_image", "sampler.pixel_samples=0", "pixel_samples must be at least 1"),
        ("mean_image", "seeds=a.pt", "seeds must be numbers here"),
        ("mixing", "sampler.destinations={coarse: null, middle: null, fine: null}", "destinations must name at least"),
        ("noise", "sampler.crop=[0.5,0.5,0.6]", r"crop must be \[left, top, side\]"),
        ("noise", "sampler.noise_seeds=1", "noise_seeds must be at least 2"),
        ("noise", "sampler.variations=9", r"variations must be in \[0, 5\]"),
        ("noise_walk", "sampler.noise_seeds=[1]", "noise_seeds must be two"),
        ("truncation", "truncation_psi=[]", "truncation_psi must name at least one value"),
        ("truncation", "truncation_psi=much", "truncation_psi must be"),
    ],
)
def test_senseless_values_are_named(name, override, words):
    with pytest.raises(UserError, match=words):
        sampler(name, override)
