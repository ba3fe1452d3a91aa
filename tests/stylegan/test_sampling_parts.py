"""What samplers are made of: crops, slerp, spectra and tables."""

import math

import pytest
import torch
from PIL import Image

from dlcourse.errors import UserError
from dlcourse.images.tables import headed_table, unique
from dlcourse.images.tensors import to_pil_image
from dlcourse.stylegan.sampling.interpolation import slerp
from dlcourse.stylegan.sampling.layer_table import chart_of, energy_by_octave
from dlcourse.stylegan.sampling.noise import cropped, framed
from dlcourse.stylegan.sampling.seeds import parse_seeds, stored_noise
from dlcourse.stylegan.sampling.synthesizer import Synthesizer
from generators import small_generator


def test_crops_stay_inside():
    image = torch.arange(64.0).reshape(1, 8, 8).expand(3, -1, -1)
    assert torch.equal(cropped(image, [0.25, 0.5, 0.5]), image[:, 4:8, 2:6])
    assert framed(to_pil_image(image / 64), [0, 0, 1e-9]).size == (8, 8)  # less than a pixel
    assert cropped(image, [0, 0, 1]).shape == (3, 8, 8) and cropped(image, [0.99, 0.99, 0.01]).shape == (3, 1, 1)


def test_slerp_goes_round_at_constant_speed():
    x, y = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert torch.allclose(slerp(x, y, 0.25), 2 * torch.tensor([[math.cos(math.pi / 8), math.sin(math.pi / 8)]]))
    first, last = torch.randn(2, 5, 16).unbind()
    assert torch.equal(slerp(first, last, 0), first) and torch.equal(slerp(first, last, 1), last)
    assert torch.allclose(slerp(first, 3 * first, 0.5), 2 * first, atol=1e-5)


def test_energy_by_octave_is_parsevals_and_knows_its_scale():
    change = torch.randn(2, 3, 32, 32)
    energy = energy_by_octave(change)
    assert energy.shape == (2, 4)
    assert torch.allclose(energy.sum(1).float(), change.square().mean((1, 2, 3)))
    x = torch.arange(32) / 32 * 2 * math.pi
    for periods, band in ((0, 0), (2, 0), (3, 1), (4, 1), (5, 2), (16, 3)):
        wave = torch.cos(periods * x).expand(1, 3, 32, 32)
        assert int(energy_by_octave(wave).argmax()) == band
    with pytest.raises(UserError, match="no style changes the image"):
        chart_of(torch.zeros(8, 4))


def test_a_table_keeps_rows_of_one_name_apart_and_large_images_within_bounds(monkeypatch):
    assert unique(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]
    monkeypatch.setattr("dlcourse.images.tables.MAX_CELL_PIXELS", 10**6)
    large = Image.new("RGB", (1200, 1200))
    sheet = headed_table("many", {(str(row), str(column)): large for row in range(8) for column in range(8)})
    assert sheet.width * sheet.height < 2e6


def test_seeds_may_be_folders_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    (tmp_path / "8").mkdir()
    (tmp_path / "face.png").touch()
    assert [latent.label for latent in parse_seeds("a,b")] == ["a,b"]
    assert [latent.label for latent in parse_seeds(["a,b", "8", 3])] == ["a,b", "seed 8", "seed 3"]
    for seeds, words in {
        "runs/me": "seeds=runs/me: no such run of experiment=projection; there is no folder runs",
        "face.png": "found by dlcourse train experiment=projection target=face.png",
        "x" * 5000: "seeds must look like",
    }.items():
        with pytest.raises(ValueError, match=words):
            parse_seeds(seeds)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_latent_that_is_no_number_is_refused(value, tmp_path):
    generator = small_generator(8)
    w, noise = torch.zeros(generator.num_layers, 32), stored_noise(generator)
    for saved in ({"w": w + value}, {"w": w, "noise": [one + value for one in noise]}):
        torch.save(saved, tmp_path / "w.pt")
        with pytest.raises(UserError, match=r"w\.pt: its w or its noise holds values that are no finite numbers"):
            Synthesizer(None, 1.0, None, 1).styles(generator, parse_seeds(str(tmp_path / "w.pt")))


def test_a_latent_needs_no_class(tmp_path):
    generator = small_generator(8, num_classes=3)
    torch.save({"w": torch.ones(generator.num_layers, 32)}, tmp_path / "w.pt")
    latents = parse_seeds([str(tmp_path / "w.pt"), "0@1"])
    assert torch.equal(Synthesizer(None, 1.0, None, 1).styles(generator, latents)[0], torch.ones(4, 32))
    with pytest.raises(UserError, match="was trained on classes"):
        Synthesizer(None, 1.0, None, 1).styles(generator, parse_seeds("0"))
