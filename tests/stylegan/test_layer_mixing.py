"""One image of several seeds: what its weights, edits and noise mean."""

import pytest
import torch

from dlcourse.errors import UserError
from dlcourse.images.tensors import to_tensor
from dlcourse.stylegan.networks.generator import mix_styles
from dlcourse.stylegan.sampling.layer_mixing import LayerMixing
from dlcourse.stylegan.sampling.seeds import Seed
from dlcourse.stylegan.sampling.synthesizer import Synthesizer, seeded_noise
from generators import small_generator

SYNTHESIZER = Synthesizer(classes=None, truncation_psi=0.7, truncation_cutoff=None, batch_size=1)


@pytest.fixture(scope="module")
def generator():
    return small_generator().requires_grad_(False)


def mixing(**changes):
    values = {"seeds": 0, "weights": [], "edits": [], "component_seeds": "0-99", "noise": "stored"}
    return LayerMixing(**values | {"noise_strength": 1.0, "synthesizer": SYNTHESIZER} | changes)


def test_one_seed_is_the_image_of_the_grid(generator):
    (expected,) = SYNTHESIZER.images(generator, [Seed(0)])
    result = mixing()(generator)
    assert (to_tensor(result.image) - expected).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(result.found["w"], SYNTHESIZER.styles(generator, [Seed(0)])[0])


def test_weights_of_0_and_1_are_style_mixing(generator):
    styles = SYNTHESIZER.styles(generator, [Seed(0), Seed(1)])
    weights = [0.0] * 2 + [1.0] * 3 + [0.0] * (generator.num_layers - 5)
    mixed = mixing(seeds=[0, 1], weights=[weights]).styles(generator)
    assert torch.equal(mixed, mix_styles(styles[:1], styles[1:], 2, 5)[0])


def test_seeds_are_mixed_one_after_the_other(generator):
    a, b, c = SYNTHESIZER.styles(generator, [Seed(0), Seed(1), Seed(2)])
    layers = generator.num_layers
    mixed = mixing(seeds=[0, 1, 2], weights=[[0.25] * layers, [-0.5] * layers]).styles(generator)
    torch.testing.assert_close(mixed, 1.5 * (0.75 * a + 0.25 * b) - 0.5 * c)


def test_edits_move_along_components_in_their_layers(generator):
    sampler = mixing(edits=[[1, 2.0, 0, 4], [0, -1.0, 3, 5]])
    components = sampler.components_of(generator, 2)
    moved = sampler.styles(generator) - mixing().styles(generator)
    torch.testing.assert_close(moved[0], 2 * components[1])
    torch.testing.assert_close(moved[3], 2 * components[1] - components[0])
    torch.testing.assert_close(moved[4], -components[0])
    assert not moved[5:].any()


def test_components_that_are_known_give_the_same_bits(generator):
    sampler = mixing(edits=[[1, 2.0, 0, 4]])
    assert torch.equal(sampler.styles(generator), sampler.styles(generator, sampler.components_of(generator, 20)))


def test_noise(generator):
    seeded = mixing(noise=3, noise_strength=0.5).layer_noise(generator)
    assert all(torch.equal(one, 0.5 * own) for one, own in zip(seeded, seeded_noise(generator, 3), strict=True))
    assert mixing(noise="none").layer_noise(generator) == "none"
    images = {name: to_tensor(mixing(noise=name)(generator).image) for name in ("stored", "none", 3)}
    assert not torch.equal(images["stored"], images["none"]) and not torch.equal(images["stored"], images[3])
    assert torch.equal(to_tensor(mixing(noise_strength=0.0)(generator).image), images["none"])


def test_the_saved_latent_draws_the_same_image(generator, tmp_path):
    result = mixing(seeds=[0, 1], weights=[[0.5] * generator.num_layers], noise="none")(generator)
    torch.save(result.found, tmp_path / "w.pt")
    again = mixing(seeds=str(tmp_path / "w.pt"))(generator)
    assert torch.equal(to_tensor(again.image), to_tensor(result.image))


def test_mistakes_name_their_key(generator):
    for changes, message in {
        "weights must have a row for each seed but the first, so 1, got 0": {"seeds": [0, 1]},
        r"weights must be in \[-1, 2\], got 3": {"seeds": [0, 1], "weights": [[3.0]]},
        "noise must be stored, none or a seed, got 'x'": {"noise": "x"},
        r"noise_strength must be in \[0, 10\], got -1": {"noise_strength": -1},
        "edits must be a list of": {"edits": [[0.5, 1, 0, 1]]},
        r"edits: components are in \[0, 100\), got 100": {"edits": [[100, 1, 0, 1]]},
        "edits: strengths must be in": {"edits": [[0, 101, 0, 1]]},
    }.items():
        with pytest.raises(ValueError, match=changes):
            mixing(**message)
    with pytest.raises(UserError, match="weights: rows of 8, one for each layer, got 2"):
        mixing(seeds=[0, 1], weights=[[1, 1]]).styles(generator)
    with pytest.raises(UserError, match="layers 0 to 7"):
        mixing(edits=[[0, 1.0, 0, 9]]).styles(generator)


def test_a_level_of_detail_is_a_smaller_image(generator):
    styles = SYNTHESIZER.styles(generator, [Seed(0)])
    small = SYNTHESIZER.synthesize(generator, styles, halvings=1)
    assert small.shape == (1, 3, 16, 16)
    expected = generator.synthesis(styles, "const", 1.0)[..., ::2, ::2]
    assert torch.equal(small, ((expected + 1) / 2).clamp(0, 1))
