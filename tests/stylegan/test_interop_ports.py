"""Checkpoints of the PyTorch ports give the images and scores of their own code.

The small files were written by each port's own classes with random values in every variable; the arrays beside them
are what those classes gave.
"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.errors import UserError
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.interop.mmgen import completed, lod_of
from dlcourse.stylegan.networks.generator import mix_styles, truncate
from dlcourse.stylegan.networks.synthesis import UpConvLayer
from dlcourse.stylegan.networks.variants import rosinality_generator
from stylegan_files import DATA, arrays, assert_close, genforce_networks, lernapparat_generator, official_weights

W_AVG_NOTE = "no average of w; estimated from 10000 latents of seed 0"


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def styles_of(generator, z: Tensor) -> Tensor:
    return generator.mapping(z)[:, None].expand(-1, generator.num_layers, -1)


# --- mmgeneration -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mmgen():
    return load_pretrained(DATA / "mmgen_tiny.pth"), arrays("mmgen_tiny.npz")


def test_mmgen_images_in_rgb(mmgen):
    loaded, expected = mmgen
    generator, z = loaded.generator_ema, expected["z"]
    noise = [expected[f"noise{layer}"] for layer in range(8)]
    assert_close(generator(z).flip(1), expected["img_const_noise"])  # theirs are BGR
    assert_close(generator(z, noise=noise).flip(1), expected["img_default"])
    assert_close(generator(z, noise=noise, lod=0.7).flip(1), expected["img_scale32_tw0.3"])
    truncated = truncate(styles_of(generator, z), expected["truncation_latent"][0], 0.5, None)
    assert_close(generator.synthesis(truncated, noise).flip(1), expected["img_psi05"])


def test_mmgen_scores(mmgen):
    loaded, expected = mmgen
    assert_close(loaded.discriminator(expected["d_images"].flip(1)), expected["d_scores3"])


def test_mmgen_average_is_estimated_and_said(mmgen):
    loaded, _ = mmgen
    assert loaded.generator is None
    assert loaded.notes == [f"generator_ema: {W_AVG_NOTE}"]
    z = torch.randn(10_000, 16, generator=torch.Generator().manual_seed(0))
    assert_close(loaded.generator_ema.w_avg, loaded.generator_ema.mapping(z).mean(0), 1e-5)


def test_plain_kernels_mean_the_same_from_128_on():
    weight, x = torch.randn(3, 4, 3, 3), torch.randn(2, 4, 64, 64)
    layer = UpConvLayer(4, 3, 5, is_flipped=True)
    layer.weight.copy_(completed({"synthesis.128x128.conv0_up.weight": weight})["synthesis.128x128.conv0_up.weight"])
    expected = F.conv2d(F.interpolate(x, scale_factor=2), weight * (2 / 36) ** 0.5, padding=1)
    assert_close(layer.upscaled(x), expected, 1e-5)


def test_mmgen_scale_is_told_as_level_of_detail():
    variables = {"generator.injected_noise_7": torch.zeros(1, 1, 32, 32), "_curr_scale_int": torch.tensor(16)}
    assert lod_of({"state_dict": variables | {"_curr_transition_weight": torch.tensor(0.25)}}) == 1.75
    assert lod_of({"state_dict": variables | {"_curr_scale_int": torch.tensor(32)}}) == 0


# --- rosinality -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rosinality():
    return load_pretrained(DATA / "rosinality_tiny.model", resolution=32), arrays("rosinality_tiny.npz")


def test_rosinality_images(rosinality):
    loaded, expected = rosinality
    generator, z = loaded.generator_ema, expected["z"]
    noise = [expected[f"noise{layer // 2}"] for layer in range(8)]
    styles = styles_of(generator, z)
    assert_close(generator(z, noise=noise), expected["img_default"])
    assert_close(generator(z, noise=noise, lod=0.7), expected["img_alpha03"])
    truncated = truncate(styles, expected["mean_style"][0], 0.5, None)
    assert_close(generator.synthesis(truncated, noise), expected["img_psi05"])
    mixed = mix_styles(styles, styles_of(generator, expected["z2"]), 0, 4)
    assert_close(generator.synthesis(mixed, noise), expected["img_mix_01"])


def test_rosinality_scores_compare_the_whole_batch(rosinality):
    loaded, expected = rosinality
    assert_close(loaded.discriminator(expected["d_images"]), expected["d_scores3"])
    assert loaded.config["discriminator"]["mbstd_group_size"] is None


def test_rosinality_layers_of_a_resolution_share_their_noise(rosinality):
    generator = rosinality[0].generator_ema
    for source in ("const", "random"):
        noises = generator.synthesis.layer_noises(source, 2, 8)
        assert all(torch.equal(noises[layer], noises[layer + 1]) for layer in range(0, 8, 2))
        assert not torch.equal(noises[0], noises[2][..., :4, :4])


def test_rosinality_resolution_comes_from_the_name_or_the_weights(tmp_path):
    content = torch.load(DATA / "rosinality_tiny.model", weights_only=True)
    torch.save(content, tmp_path / "train_step-4.model")
    loaded = load_pretrained(tmp_path / "train_step-4.model")
    assert loaded.generator_ema.resolution == 64
    assert loaded.notes[0] == "resolution 64 is the finest that was trained; another can be given"
    average = content["g_running"]
    for block in range(9):
        average[f"generator.to_rgb.{block}.conv.bias"] *= block <= 2
    torch.save(average, tmp_path / "100000.model")
    bare = load_pretrained(tmp_path / "100000.model")
    assert bare.generator_ema.resolution == 16 and bare.discriminator is None
    for block in range(9):
        average[f"generator.to_rgb.{block}.conv.bias"] *= 0
    torch.save(average, tmp_path / "100000.model")
    with pytest.raises(UserError, match="whatever was trained, and it does not tell: give the resolution"):
        load_pretrained(tmp_path / "100000.model")
    assert load_pretrained(tmp_path / "100000.model", resolution=8).generator_ema.resolution == 8


def test_rosinality_fused_kernels_are_divided_by_four():
    """The transposed convolution of its own code: a sum of four shifts, / 4, padding 1."""
    content = torch.load(DATA / "rosinality_tiny.model", weights_only=True)["g_running"]
    weight, bias = (content[f"generator.progression.5.conv1.0.{leaf}"] for leaf in ("weight", "bias"))
    x = torch.randn(2, weight.shape[0], 16, 16)
    padded = F.pad(weight * (2 / (weight.shape[0] * 9)) ** 0.5, (1, 1, 1, 1))
    kernel = sum(padded[..., i : i + 4, j : j + 4] for i in (0, 1) for j in (0, 1)) / 4
    expected = F.conv_transpose2d(x, kernel, bias, stride=2, padding=1)
    generator = load_pretrained(DATA / "rosinality_tiny.model", resolution=128).generator_ema
    layer = generator.synthesis.get_submodule("128x128.conv0_up")
    assert_close(layer.upscaled(x, layer.bias), expected, 1e-5)


def test_rosinality_widths_that_follow_no_rule():
    loaded = load_pretrained(DATA / "rosinality_tiny.model")
    assert loaded.config["generator"]["channels"] == [16, 16, 16, 16, 16, 8, 8, 4, 4, 4]
    assert loaded.generator_ema.resolution == 1024
    assert rosinality_generator() == rosinality_generator()


# --- huangzh13 --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def huangzh13():
    return load_pretrained(DATA / "GAN_GEN_SHADOW_3_8.pth"), arrays("huangzh13_tiny.npz")


def test_huangzh13_images(huangzh13):
    loaded, expected = huangzh13
    generator, z = loaded.generator_ema, expected["z"]
    noise = [expected[f"noise{layer}"] for layer in range(8)]
    assert_close(generator(z, noise=noise), expected["img_default"])
    assert_close(generator(z, None, 0.7, 8, noise), expected["img_psi07_cut8"])
    assert_close(generator(z, noise=noise, lod=0.7), expected["img_alpha03"])


def test_huangzh13_scores_without_a_rectifier_after_from_rgb(huangzh13):
    loaded = load_pretrained(DATA / "GAN_DIS_3_8.pth")
    assert loaded.generator is None and loaded.generator_ema is None and loaded.notes == []
    assert_close(loaded.discriminator(huangzh13[1]["d_images"]), huangzh13[1]["d_scores3"])


def test_huangzh13_says_what_it_lacks(huangzh13, tmp_path):
    assert "generator_ema: no noise images; 8 drawn from seed 0" in huangzh13[0].notes
    content = torch.load(DATA / "GAN_GEN_SHADOW_3_8.pth", weights_only=True)
    content["truncation.avg_latent"].zero_()
    coarse = [name for name in content if "to_rgb" in name and ".3." not in name]
    for name in coarse:
        del content[name]
    torch.save(content, tmp_path / "GAN_GEN_3_8.pth")
    loaded = load_pretrained(tmp_path / "GAN_GEN_3_8.pth")
    assert f"generator: {W_AVG_NOTE}" in loaded.notes and loaded.generator.w_avg.any()
    assert any("zeros: it works at level of detail 0 only" in note for note in loaded.notes)
    torch.save(torch.load(DATA / "GAN_DIS_3_8.pth", weights_only=True), tmp_path / "GAN_DIS_1_20.pth")
    (note,) = load_pretrained(tmp_path / "GAN_DIS_1_20.pth").notes
    assert note.startswith("level of detail 2: above 8x8")
    torch.save(
        {"final_block.dense1.weight": torch.zeros(1, 2), "embeddings.0.weight": torch.zeros(2, 2)}, tmp_path / "d.pth"
    )
    with pytest.raises(UserError, match="a conditional discriminator of huangzh13's"):
        load_pretrained(tmp_path / "d.pth")


# --- genforce and lernapparat: the official fixture under their names -------------------------------------------


@pytest.mark.parametrize("is_training_file", [False, True])
def test_genforce_is_the_official_graph(tmp_path, is_training_file):
    networks = genforce_networks()
    content = {"models": networks, "running_metadata": {"iter": 3}, "optimizers": {}} if is_training_file else networks
    torch.save(content, tmp_path / "any.pth")
    loaded, official = load_pretrained(tmp_path / "any.pth"), official_weights()
    assert loaded.notes == [] and "parts" not in loaded.config["generator"]
    for network, weights in ((loaded.generator_ema, official["G"]), (loaded.discriminator, official["D"])):
        assert network.state_dict().keys() == weights.keys()
        assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_lernapparat_modules(tmp_path):
    torch.save(lernapparat_generator(), tmp_path / "any.pt")
    loaded, expected = load_pretrained(tmp_path / "any.pt"), arrays("stylegan_official_tiny.npz")
    assert len(loaded.notes) == 3 and loaded.generator is None
    noise = [expected[f"noise{layer}"] for layer in range(8)]
    image = loaded.generator_ema(expected["z"], noise=noise)
    assert_close(image, expected["img_psi1_given_noise"], 1e-2)  # another epsilon
    assert not torch.allclose(image, expected["img_psi1_given_noise"], atol=1e-6)


def test_lernapparat_dump_of_official_variables(tmp_path):
    from stylegan_files import variables

    weights = official_weights()
    generator = {
        f"G_{part}/{name}": torch.from_numpy(value)
        for part in ("mapping", "synthesis")
        for name, value in variables(weights["G"], f"{part}.")
        if not name.startswith("noise")
    }
    discriminator = {name: torch.from_numpy(value) for name, value in variables(weights["D"])}
    torch.save([generator, discriminator, generator], tmp_path / "any.pt")
    loaded, expected = load_pretrained(tmp_path / "any.pt"), arrays("stylegan_official_tiny.npz")
    assert_close(loaded.generator_ema(expected["z"], noise="none"), expected["img_psi1_zero_noise"])
    assert_close(loaded.discriminator(expected["d_images"]), expected["d_scores8"])
    assert loaded.generator is not None and len(loaded.notes) == 4


def test_average_of_a_conditional_generator_is_over_all_labels(tmp_path):
    networks = genforce_networks()
    generator = networks["generator_smooth"]
    del generator["truncation.w_avg"]
    generator["mapping.label_weight"] = torch.randn(3, 32)
    generator["mapping.dense0.weight"] = torch.randn(40, 64)
    torch.save({"generator_smooth": generator}, tmp_path / "any.pth")
    loaded = load_pretrained(tmp_path / "any.pth")
    assert loaded.notes == [f"generator_ema: {W_AVG_NOTE}"] and loaded.config["generator"]["num_classes"] == 3
    means = [
        loaded.generator_ema.mapping(torch.randn(4000, 32), torch.eye(3)[[label] * 4000]).mean(0) for label in range(3)
    ]
    assert_close(loaded.generator_ema.w_avg, sum(means) / 3, 0.1)


def test_checkpoint_of_ours_that_names_other_things_takes_no_memory(tmp_path):
    weights = official_weights()["G"]
    huge = {"_target_": "dlcourse.stylegan.networks.generator.Generator", "resolution": 32, "z_dim": 10**9, "w_dim": 24}
    huge |= {"num_classes": 0, "channel_base": 256, "channel_max": 32, "mapping_width": 40}
    for node, message in ((huge, "dense0.weight is .40, 32., where .40, 1000000000. fits"), ({}, "is no network")):
        content = {"step": 0, "config": {"model": {"generator": node}}, "state": {"generator_ema": weights}}
        torch.save(content, tmp_path / "own.pt")
        with pytest.raises(UserError, match=message):
            load_pretrained(tmp_path / "own.pt")
