"""Latents, synthesizer, ranges of layers and what is written: what all samplers share."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.networks.generator import mix_styles
from dlcourse.stylegan.networks.synthesis import constant_weights
from dlcourse.stylegan.sampling.grid import Grid, Truncation, Uncurated
from dlcourse.stylegan.sampling.interpolation import NoiseWalk
from dlcourse.stylegan.sampling.ranges import check_ranges, default_ranges, describe_range, find_range
from dlcourse.stylegan.sampling.sampler import Result, check_output, save_result
from dlcourse.stylegan.sampling.seeds import SavedLatent, Seed, draw_z, parse_numbers, parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, seeded_noise, to_unit
from generators import small_generator

WALK, GRID = (
    NoiseWalk(0, "0-1", "all", {}, 2, 1.0, Synthesizer(None, 0.7, None, 1)),
    Grid(0, 1, Synthesizer(None, 0.7, None, 1)),
)


@pytest.fixture(scope="module")
def generator():
    return small_generator()


def synthesizer(classes=None, psi=0.7, cutoff=None, batch_size=1):
    return Synthesizer(classes, psi, cutoff, batch_size)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-3", [0, 1, 2, 3]),
        (7, [7]),
        ("7", [7]),
        ("1,5-6", [1, 5, 6]),
        ([3, 1], [3, 1]),
        (["0-1", 9], [0, 1, 9]),
    ],
)
def test_seeds_as_people_write_them(text, seeds):
    assert parse_seeds(text) == [Seed(number) for number in seeds]


def test_a_file_stands_where_a_seed_stands():
    assert parse_seeds([0, "a/photo.pt"]) == [Seed(0), SavedLatent("a/photo.pt")]
    assert [latent.label for latent in parse_seeds("4,a/photo.pt")] == ["seed 4", "photo"]


@pytest.mark.parametrize("text", ["", "a", "1-", "-3", "5-2", "0,5-3,1", [0, "5-3@1"], [], "1.5", "photo.png"])
def test_seeds_that_make_no_sense_are_named(text):
    with pytest.raises(ValueError, match="seed"):
        parse_seeds(text)


def test_a_range_from_high_to_low_is_told_among_others():
    with pytest.raises(ValueError, match="^seeds='0,5-3,1' names no seed by 5-3; write 3-5$"):
        parse_seeds("0,5-3,1")


def test_a_latent_depends_on_its_seed_alone():
    assert torch.equal(draw_z([3, 4, 5], 16)[1], draw_z([4], 16)[0])
    assert not torch.equal(*draw_z([1, 2], 16))


def test_an_image_is_the_same_bits_whatever_else_is_drawn(generator):
    together = synthesizer().images(generator, parse_seeds("0-4"))
    assert torch.equal(together[3:4], synthesizer().images(generator, [Seed(3)]))
    assert torch.allclose(together, synthesizer(batch_size=3).images(generator, parse_seeds("0-4")), atol=1e-5)
    z = draw_z([3], generator.z_dim)
    with torch.no_grad():
        assert torch.equal(to_unit(generator(z, truncation_psi=0.7))[0], together[3])
    assert together.min() >= 0 and together.max() <= 1


def test_psi_1_is_the_untruncated_image_and_psi_0_one_for_all(generator):
    latents = parse_seeds("0-2")
    whole = synthesizer(psi=1.0).images(generator, latents)
    z = draw_z(range(3), generator.z_dim)
    assert torch.equal(whole, torch.cat([((generator(row) + 1) / 2).clamp(0, 1).detach() for row in z.split(1)]))
    mean = synthesizer(psi=0.0).images(generator, latents)
    assert torch.equal(mean, mean[:1].expand_as(mean)) and not torch.equal(whole[0], mean[0])


def test_psi_minus_1_is_the_image_of_2_w_avg_minus_w(generator):
    w = synthesizer().whole_styles(generator, [Seed(5)])
    opposite = synthesizer().synthesize(generator, 2 * generator.w_avg - w)
    assert torch.allclose(opposite, synthesizer(psi=-1.0).images(generator, [Seed(5)]), atol=1e-5)


def test_the_cutoff_leaves_finer_layers_as_they_are(generator):
    whole, cut = (synthesizer(psi=psi, cutoff=3).styles(generator, [Seed(1)]) for psi in (1.0, 0.3))
    assert torch.equal(whole[:, 3:], cut[:, 3:]) and not torch.equal(whole[:, :3], cut[:, :3])


@given(first=st.integers(0, 8), last=st.integers(0, 8))
def test_mixing_nothing_is_the_destination_and_everything_the_source(first, last):
    own, other = torch.arange(24.0).reshape(1, 8, 3), -torch.ones(1, 8, 3)
    mixed = mix_styles(own, other, min(first, last), max(first, last))
    assert torch.equal(mixed, own) == (first == last)
    assert (mixed == other).all(2).sum() == abs(first - last)


def test_noise_repeats_and_is_its_seeds(generator):
    styles = synthesizer().styles(generator, [Seed(0)])
    first, again, other = (
        synthesizer().synthesize(generator, styles, seeded_noise(generator, seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(
        synthesizer().synthesize(generator, styles),
        synthesizer().synthesize(generator, styles, stored_noise(generator)),
    )


def test_a_saved_w_is_drawn_with_its_noise_in_batches_too(generator, tmp_path):
    w, noise = synthesizer(psi=1.0).styles(generator, [Seed(9)])[0], seeded_noise(generator, 3)
    torch.save({"w": w.clone(), "noise": noise}, tmp_path / "one.pt")
    torch.save({"w": w.clone()}, tmp_path / "two.pt")
    latents = parse_seeds([9, str(tmp_path / "one.pt"), str(tmp_path / "two.pt")])
    seed, one, two = synthesizer(psi=1.0).images(generator, latents)
    assert torch.equal(seed, two) and torch.equal(one, synthesizer().synthesize(generator, w[None], noise)[0])
    assert not torch.equal(seed, one)
    batched = synthesizer(psi=1.0, batch_size=3).images(generator, latents)
    assert torch.allclose(batched, torch.stack([seed, one, two]), atol=1e-5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such run folder or checkpoint file"),
        ([1], "neither a run of experiment=projection nor a file with a w"),
        ({"w": torch.zeros(8, 32, dtype=torch.int64)}, "its w or its noise holds other than floating-point numbers"),
        ({"w": torch.zeros(8, 32) + 1j}, "its w or its noise holds other than floating-point numbers"),
        ({"w": torch.zeros(3, 32)}, r"its w is \(3, 32\), this generator takes \(8, 32\)"),
        ({"w": torch.zeros(8, 32), "noise": []}, "its noise has other shapes"),
    ],
)
def test_files_that_do_not_fit_are_named(content, words, generator, tmp_path):
    if content is not None:
        torch.save(content, tmp_path / "a.pt")
    with pytest.raises(UserError, match=rf"a\.pt: {words}"):
        synthesizer().images(generator, [SavedLatent(str(tmp_path / "a.pt"))])


def test_classes_reach_the_mapping_and_are_needed_exactly_where_there_are_some(generator):
    conditional = small_generator(resolution=8, num_classes=3)
    latents = parse_seeds("0-1")
    first, mixed = (synthesizer(classes).images(conditional, latents) for classes in (1, [1, 2]))
    assert torch.equal(first[0], mixed[0]) and not torch.equal(first[1], mixed[1])
    assert synthesizer(2).w(conditional, range(1001)).shape == (1001, 32)
    for classes in (None, 3, [0, -1]):
        with pytest.raises(UserError, match=r"class=.* trained on classes; give one of 0 to 2, classes=1 or seeds=0@1"):
            synthesizer(classes).images(conditional, latents)
    with pytest.raises(UserError, match=r"classes=\[0\]: 1 classes for 2 images; give as many, or one for all"):
        synthesizer([0]).images(conditional, latents)
    with pytest.raises(UserError, match="class=1: this generator knows no classes"):
        synthesizer(1).images(generator, latents)


def test_a_seed_may_bring_its_class():
    conditional = small_generator(resolution=8, num_classes=3)
    given = synthesizer([1, 2, 2]).images(conditional, parse_seeds("0,0-1"))
    assert torch.equal(synthesizer().images(conditional, parse_seeds("0@1,0-1@2")), given)
    assert torch.equal(synthesizer(2).images(conditional, parse_seeds(["0@1", "0-1"])), given)
    assert parse_seeds("3@2")[0].label == "seed 3 of class 2"
    with pytest.raises(UserError, match="class=3: this generator was trained on classes"):
        synthesizer().images(conditional, parse_seeds("0@3"))
    with pytest.raises(ValueError, match="seeds must be numbers here, got '0@1'"):
        parse_numbers("0@1")


@pytest.mark.long
@pytest.mark.parametrize("is_half", [False, True])
def test_the_generator_is_one_graph_for_the_compiler(is_half, generator):
    z = torch.randn(2, generator.z_dim)
    compiled = torch.compile(generator, backend="eager", fullgraph=True)
    noises = [buffer for name, buffer in generator.synthesis.named_buffers() if name.startswith("noise")]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=is_half), constant_weights(generator):
        for noise in ("const", "none", noises):
            expected = generator(z, noise=noise).float()
            difference = (compiled(z, noise=noise).float() - expected).abs().max()
            assert difference <= (0.1 if is_half else 1e-5) * expected.abs().max()


def test_many_w_at_once_are_those_of_the_seeds(generator):
    single = synthesizer().whole_styles(generator, parse_seeds("3-5"))[:, 0]
    assert torch.allclose(synthesizer().w(generator, range(3, 6)), single, atol=1e-5)


def test_the_ranges_of_the_paper_and_of_small_generators():
    assert default_ranges(18) == {"coarse": [0, 4], "middle": [4, 8], "fine": [8, 18]}
    assert default_ranges(10) == {"coarse": [0, 4], "middle": [4, 8], "fine": [8, 10]}
    assert default_ranges(8) == {"coarse": [0, 4], "middle": [4, 6], "fine": [6, 8]}
    for num_layers in range(4, 19, 2):
        coarse, middle, fine = default_ranges(num_layers).values()
        assert 0 == coarse[0] < coarse[1] == middle[0] < middle[1] == fine[0] < fine[1] == num_layers


def test_own_ranges_replace_the_default_ones():
    expected = {"coarse": [0, 4], "middle": [4, 6], "fine": [2, 8], "odd": [1, 2], "all": [0, 8]}
    own = {"coarse": None, "fine": [2, 8], "odd": [1, 2]}
    assert {name: find_range(name, own, 8) for name in expected} == expected
    assert describe_range([4, 8]) == "layers 4-7 (16x16 to 32x32)" and describe_range([0, 1]) == "layer 0 (4x4)"
    with pytest.raises(UserError, match=r"ranges\.fine=\[2,9\]: this generator has layers 0 to 7"):
        find_range("coarse", {"fine": [2, 9]}, 8)
    for limits in ([3, 2], [-1, 2], [1]):
        with pytest.raises(ValueError, match=r"ranges\.coarse must be \[first layer, layer behind the last\]"):
            check_ranges({"coarse": limits})


def test_everything_is_written_under_one_name(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    result = Result(frames[0], frames, singles={"seed 1": frames[1]}, found={"w": torch.ones(2, 3)})
    written = save_result(result, tmp_path / "a" / "b.gif", singles=True)
    assert [path.name for path in written] == ["b.gif", "b.png", "b.pt", "b"]
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == {
        "a/b.gif",
        "a/b.png",
        "a/b.pt",
        "a/b/seed_1.png",
    }
    with Image.open(tmp_path / "a" / "b.gif") as animation:
        assert animation.n_frames == 2 and animation.info["loop"] == 0
    assert torch.equal(torch.load(tmp_path / "a" / "b.pt", weights_only=True)["w"], torch.ones(2, 3))
    assert [path.name for path in save_result(result, tmp_path / "c.png", singles=False)] == ["c.png", "c.gif", "c.pt"]


def test_names_that_no_file_can_have_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"output=x\.txt: must end in one of \.jpeg, .*\.mp4, or be a folder"):
        check_output(WALK, Path("x.txt"), False, [])
    with pytest.raises(UserError, match=r"output=x\.mp4: must end in one of \.jpeg, .*\.webp, or be a folder"):
        check_output(GRID, Path("x.mp4"), False, [])
    with pytest.raises(UserError, match=r"output=.*a\.gif: the name of an image must end in"):
        save_result(Result(Image.new("RGB", (8, 8))), tmp_path / "a.gif", singles=False)
    assert not list(tmp_path.iterdir())


def test_senseless_values_are_named():
    node = {
        "_target_": "dlcourse.stylegan.sampling.synthesizer.Synthesizer",
        "classes": None,
        "truncation_psi": 0.7,
        "truncation_cutoff": None,
    }
    with pytest.raises(UserError, match="batch_size must be at least 1, got 0"):
        build(node | {"batch_size": 0}, "synthesizer")
    with pytest.raises(UserError, match="truncation_cutoff must be a number of layers, or null for all, got -1"):
        build(node | {"batch_size": 1, "truncation_cutoff": -1}, "synthesizer")


@pytest.mark.parametrize("psi", [10.5, -1e30])
def test_a_psi_that_gives_no_image_is_refused_wherever_there_is_one(psi):
    for make in (lambda: synthesizer(psi=psi), lambda: Truncation(0, [1.0, psi], synthesizer())):
        with pytest.raises(ValueError, match=r"truncation_psi must be in \[-10, 10\], got"):
            make()
    assert synthesizer(psi=-10.0).truncation_psi == -10


def test_no_more_layers_are_truncated_than_there_are(generator):
    whole = synthesizer(psi=0.3).styles(generator, [Seed(1)])
    assert torch.equal(synthesizer(psi=0.3, cutoff=generator.num_layers).styles(generator, [Seed(1)]), whole)
    with pytest.raises(UserError, match="truncation_cutoff=9: this generator has 8 layers; null truncates all"):
        synthesizer(cutoff=9).styles(generator, [Seed(1)])


@pytest.mark.long
def test_more_images_than_memory_holds_are_refused_before_the_first():
    generator = small_generator(resolution=32)
    generator.mapping = None  # computes nothing
    with pytest.raises(UserError, match="seeds: 200000 images, of this generator at most 131072 are drawn together"):
        synthesizer().images(generator, parse_seeds("0-199999"))
    for seeds in ("0-99999999", ["0-999999", 3]):
        with pytest.raises(ValueError, match="seeds must be at most 1000000"):
            parse_seeds(seeds)
    with pytest.raises(UserError, match=r"rows=1000000, halvings=\[0\]: more than 134 million pixels"):
        Uncurated(0, 10**6, [0], synthesizer())(generator)


def test_images_that_are_no_numbers_are_not_shown_as_black():
    broken = small_generator(resolution=8)
    broken.w_avg.fill_(float("nan"))
    with pytest.raises(UserError, match="the generator's images are no finite numbers"):
        synthesizer().images(broken, [Seed(0)])


def test_pixels_are_rounded_and_not_flipped(generator):
    (image,) = synthesizer().images(generator, [Seed(2)])
    assert np.array_equal(np.asarray(to_pil_image(image)), (image * 255).round().byte().permute(1, 2, 0).numpy())
