"""Official pickles: what they give, and that nothing in them is run."""

import os
import pickle
import struct

import pytest
import torch

from dlcourse.errors import UserError
from dlcourse.stylegan.interop import unpickle
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.interop.networks import Pretrained
from dlcourse.stylegan.interop.official_export import to_official_pickle
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from stylegan_files import arrays, assert_close, official_description, official_pickle, official_weights
from stylegan_files import tiny_official_pickle as tiny_pickle

DATA = "stylegan_official_tiny.npz"


@pytest.fixture
def write(tmp_path):
    def written(data: bytes, name: str = "network.pkl"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


# --- content ----------------------------------------------------------------------------------------------------


def test_official_pickle_gives_the_official_images_and_scores(write):
    expected, loaded = arrays(DATA), load_pretrained(write(tiny_pickle()))
    assert loaded.notes == []
    with torch.no_grad():
        generator, z = loaded.generator_ema, expected["z"]
        assert_close(generator(z), expected["img_psi1_const"])
        assert_close(generator(z, truncation_psi=0.5, truncation_cutoff=4), expected["img_psi05_cut4_const"])
        assert_close(generator(z, lod=1.6), expected["img_lod1.6_const"])
        assert_close(loaded.discriminator(expected["d_images"]), expected["d_scores8"])
        assert not torch.allclose(loaded.generator(z), generator(z))


def test_sizes_come_from_shapes(write):
    loaded = load_pretrained(write(tiny_pickle()))
    assert loaded.config == {
        "generator": {
            "_target_": "dlcourse.stylegan.networks.generator.Generator",
            "resolution": 32,
            "z_dim": 32,
            "w_dim": 24,
            "num_classes": 0,
            "mapping_layers": 8,
            "mapping_width": 40,
            "channel_base": 256,
            "channel_max": 32,
        },
        "discriminator": {
            "_target_": "dlcourse.stylegan.networks.discriminator.Discriminator",
            "resolution": 32,
            "num_classes": 0,
            "channel_base": 256,
            "channel_max": 32,
        },
    }


def test_growing_network_is_cut_down_to_what_is_trained(write):
    expected, path = arrays(DATA), write(tiny_pickle(lod=1.0))
    assert any("level of detail 1: above 16x16" in note for note in load_pretrained(path).notes)
    small = load_pretrained(path, resolution=16)
    assert small.notes == [] and small.config["generator"]["resolution"] == 16
    with torch.no_grad():
        assert_close(
            small.generator_ema(expected["z"]),
            load_pretrained(path).generator_ema(expected["z"], lod=1.0)[..., ::2, ::2],
        )
        x = expected["d_images"]
        whole = load_pretrained(path).discriminator(x, lod=1.0)
        assert_close(small.discriminator(torch.nn.functional.avg_pool2d(x, 2)), whole)


def test_single_networks_and_other_fused_scales(write):
    weights = official_weights()
    only = load_pretrained(write(official_pickle(official_description("D", weights["D"]))))
    assert only.discriminator is not None and only.generator is None and only.generator_ema is None
    options = {"static_kwargs": {"fused_scale": True}}
    flipped = load_pretrained(write(official_pickle(official_description("Gs", weights["G"], **options)))).generator_ema
    name = "synthesis.8x8.conv0_up.weight"
    assert torch.equal(flipped.state_dict()[name], weights["G"][name].flip(2, 3))


def test_option_that_makes_another_graph_is_refused(write):
    options = {"static_kwargs": {"use_pixel_norm": True}}
    with pytest.raises(UserError, match="use_pixel_norm=True, which is not supported"):
        load_pretrained(write(official_pickle(official_description("Gs", official_weights()["G"], **options))))


@pytest.mark.parametrize(
    "name",
    ["synthesis.8x8.conv0_up.bias", "synthesis.4x4.const.const", "mapping.dense3.weight", "synthesis.to_rgb_lod0.bias"],
)
def test_missing_variable_is_named(write, name):
    weights = official_weights()["G"]
    del weights[name]
    with pytest.raises(UserError, match=r"network\.pkl: .*" + name.replace(".", r"\.")):
        load_pretrained(write(official_pickle(official_description("Gs", weights))))


# --- back again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resolution", "num_classes"), [(8, 0), (32, 1), (64, 3), (256, 0)])
def test_export_comes_back_to_the_last_bit(write, resolution, num_classes):
    torch.manual_seed(0)
    sizes = {"channel_base": 2 * resolution, "channel_max": 6, "num_classes": num_classes}
    names = {"generator": Generator, "generator_ema": Generator, "discriminator": Discriminator}
    config = {"generator": {"z_dim": 5, "w_dim": 7, "mapping_width": 9, **sizes}, "discriminator": sizes}
    networks = {}
    for role, kind in names.items():
        networks[role] = kind(
            resolution=resolution, **config["discriminator" if kind is Discriminator else "generator"]
        )
        for tensor in networks[role].state_dict().values():
            tensor.normal_()
    config = {name: {"resolution": resolution} | node for name, node in config.items()}
    back = load_pretrained(write(to_official_pickle(Pretrained("ours", config, **networks))))
    for role, network in networks.items():
        state = getattr(back, role).state_dict()
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


# --- refusals ---------------------------------------------------------------------------------------------------


class Call:
    """A pickle of it calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_pickle_that_calls_something_is_refused_and_nothing_happens(tmp_path, write):
    trace = tmp_path / "trace"
    for function, arguments in (
        (os.mkdir, (str(trace),)),
        (eval, (f"open({str(trace)!r}, 'w')",)),
        (open, (str(trace), "w")),
    ):
        path = write(pickle.dumps(Call(function, *arguments), protocol=4))
        with pytest.raises(UserError, match=r"network\.pkl: refused: the file asks to call \w+\.(mkdir|eval|open)$"):
            load_pretrained(path)
        assert not trace.exists()
        torch.save({"state_dict": Call(function, *arguments)}, tmp_path / "model.pth")
        with pytest.raises(UserError, match=r"model\.pth: refused: the file asks to call \S+$"):
            load_pretrained(tmp_path / "model.pth")
        assert not trace.exists()


def named(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


DTYPE = named("numpy", "dtype") + b"(X\x02\x00\x00\x00f4tR"
ARRAY = named("numpy.core.multiarray", "_reconstruct") + b"(" + named("numpy", "ndarray") + b"(K\x00tC\x01btR"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (ARRAY + b"(K\x01(J\xff\xff\xff\x7ft" + DTYPE + b"\x89C\x04aaaatb.", "1 numbers for an array of shape"),
        (ARRAY + b"(K\x01(J\xff\xff\xff\xfft" + DTYPE + b"\x89C\x04aaaatb.", "an array without a shape"),
        (named("numpy", "dtype") + b"(X\x01\x00\x00\x00OtR.", "refused: an array of type 'O'"),
        (b"Nr" + struct.pack("<I", 2**31) + b".", "refused: .* too much memory"),
        (named("numpy.core.multiarray", "fromfile") + b".", "refused: .* call numpy.core.multiarray.fromfile"),
        (named("dnnlib.tflib.network", "exec") + b".", "refused: .* call dnnlib.tflib.network.exec"),
        (named("torch_utils.persistence", "_reconstruct_persistent_obj") + b".", "StyleGAN2-ADA or StyleGAN3"),
        (named("network", "Network") + b".", "ProGAN"),
        (b"N", "cut short"),
        (b"tR.", "damaged network pickle"),
        (b"N.", "none of the known formats .a NoneType"),
        (named("dnnlib.tflib.network", "Network") + b")\x81Nb.", "no description"),
        (named("dnnlib.tflib.network", "Network") + b"N}X\x01\x00\x00\x00aNs\x86b.", "damaged network pickle"),
    ],
)
def test_hostile_and_foreign_programs(write, program, message):
    with pytest.raises(UserError, match=message) as caught:
        load_pretrained(write(b"\x80\x04" + program))
    assert "\n" not in str(caught.value)
    assert not hasattr(unpickle.Network, "a")


def test_stylegan2_pickle_is_named(write):
    description = official_description("Gs", official_weights()["G"], version=4)
    with pytest.raises(UserError, match=r"a StyleGAN2 network pickle \(version 4\)"):
        load_pretrained(write(official_pickle(description)))


@pytest.mark.parametrize("length", [10, 1000, 100_000, -1])
def test_truncated_pickle(write, length):
    with pytest.raises(UserError, match="cut short"):
        load_pretrained(write(tiny_pickle()[:length]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n123", "a PNG image, not a checkpoint"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"\n<!DOCTYPE html>", "a web page: the download went wrong"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"", "an empty file"),
        (b"hello", "a file of unknown kind"),
        (b"PK\x03\x04 cut", "cut short"),
    ],
)
def test_other_files_are_named(write, data, message):
    with pytest.raises(UserError, match=message):
        load_pretrained(write(data, "file.pth"))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_pretrained(tmp_path / "nothing.pkl")
    with pytest.raises(UserError, match="[Dd]irectory"):
        load_pretrained(tmp_path)


def test_other_checkpoints_are_described(tmp_path):
    torch.save({"g_ema": {}, "latent_avg": torch.zeros(2)}, tmp_path / "model.pt")
    with pytest.raises(UserError, match="none of the known formats .its entries begin with g_ema, latent_avg"):
        load_pretrained(tmp_path / "model.pt")
    torch.save({"step": 1, "config": {}, "state": {"model": {}}}, tmp_path / "own.pt")
    with pytest.raises(UserError, match="a checkpoint of dlcourse, but not of a StyleGAN"):
        load_pretrained(tmp_path / "own.pt")
