import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.stylegan.latents import draw_latents, mixed_styles
from dlcourse.stylegan.minibatches import split_minibatch
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.layers import minibatch_stddev


@given(share=st.integers(1, 12), parts=st.integers(1, 5), group_size=st.integers(1, 6))
def test_parts_are_equal_and_hold_every_image_once(share, parts, group_size):
    pieces = split_minibatch(torch.arange(share * parts), parts, group_size)
    assert {len(piece) for piece in pieces} == {share}
    assert sorted(torch.cat(pieces).tolist()) == list(range(share * parts))


@pytest.mark.parametrize(("batch", "parts"), [(8, 2), (16, 4), (16, 2), (32, 2), (12, 3)])
def test_groups_of_the_minibatch_standard_deviation_stay_together(batch, parts):
    x = torch.randn(batch, 3, 2, 2)
    whole = split_minibatch(minibatch_stddev(x, 4), parts, 4)
    for piece, expected in zip(split_minibatch(x, parts, 4), whole, strict=True):
        assert torch.equal(minibatch_stddev(piece, 4), expected)


def test_a_minibatch_that_cannot_be_divided():
    with pytest.raises(ValueError, match="a minibatch of 10 images cannot be divided into 4 equal parts"):
        split_minibatch(torch.arange(10), 4, 4)


@pytest.fixture(scope="module")
def generator():
    return Generator(32, 8, 8, 64, 8, 0)


def test_latents_of_layers_that_are_not_computed_are_not_drawn(generator):
    for lod, layers in ((0.0, 8), (0.5, 8), (1.0, 6), (2.9, 4)):
        latents = draw_latents(generator, 4, None, lod, style_mixing_prob=1.0)
        assert [noise.shape for noise in latents.noise] == [
            (4, 1, 2 ** (layer // 2 + 2), 2 ** (layer // 2 + 2)) for layer in range(layers)
        ]


def test_the_crossover_lies_within_the_layers_that_are_computed(generator):
    drawn = {draw_latents(generator, 1, None, 2.0, 1.0).crossover for _ in range(100)}
    assert drawn == {1, 2, 3}
    assert {draw_latents(generator, 1, None, 2.0, 0.0).crossover for _ in range(20)} == {4}


def test_styles_are_the_second_latents_from_the_crossover_on(generator):
    latents = draw_latents(generator, 3, None, 0.0, 1.0)._replace(crossover=5)
    w, styles = mixed_styles(generator, latents)
    other = generator.mapping(latents.z[:, 1])
    assert torch.equal(styles[:, :5], w[:, None].expand(-1, 5, -1))
    assert torch.equal(styles[:, 5:], other[:, None].expand(-1, 3, -1))
