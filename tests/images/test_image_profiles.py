"""Images whose colours are not sRGB's, against the colour equations in NumPy."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from dlcourse.images.files import open_image
from dlcourse.images.srgb import SRGB_PROFILE, transform_to_srgb
from image_bytes import SRGB_TO_XYZ, cmyk_profile, encode_srgb, grey_profile, lab_to_srgb, rgb_profile

CUBE = np.stack(np.meshgrid(*[np.linspace(0, 255, 6)] * 3, indexing="ij"), -1).reshape(12, 18, 3).astype(np.uint8)
SWAPPED = rgb_profile(SRGB_TO_XYZ[:, [2, 1, 0]], 1.8)  # red and blue exchanged
# narrow primaries: each a mixture of sRGB's, so that every colour fits into sRGB
MIXTURE = np.array([[0.8, 0.1, 0.1], [0.15, 0.7, 0.15], [0.05, 0.2, 0.75]])  # rows: sRGB; their sums are 1: white
NARROW = rgb_profile(SRGB_TO_XYZ @ MIXTURE, 2.2)


def pixels_of(image: Image.Image, path, **options) -> np.ndarray:
    """(H, W, C) as ints, after a trip through a file."""
    image.save(path, **options)
    return np.asarray(open_image(path, keep_alpha=True), dtype=int)


def expected_narrow(values: np.ndarray) -> np.ndarray:
    return encode_srgb((values / 255) ** (563 / 256) @ MIXTURE.T)  # 2.2 in 8 bits after the point


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_rgb_profiles_are_followed(tmp_path, suffix):
    path, image = tmp_path / f"a.{suffix}", Image.fromarray(CUBE)
    options = {"lossless": True} if suffix == "webp" else {}
    found = pixels_of(image, path, icc_profile=SWAPPED, **options)
    assert np.abs(found - encode_srgb((CUBE[..., ::-1] / 255) ** (461 / 256))).max() <= 2
    found = pixels_of(image, path, icc_profile=NARROW, **options)
    assert np.abs(found - expected_narrow(CUBE)).max() <= 2
    assert np.abs(found - CUBE.astype(int)).max() > 30  # it makes a difference


def test_jpegs_and_palettes_have_profiles_too(tmp_path):
    flat = Image.new("RGB", (16, 16), (200, 90, 40))
    found = pixels_of(flat, tmp_path / "a.jpg", quality=100, subsampling=0, icc_profile=NARROW)
    assert np.abs(found - expected_narrow(np.array([200, 90, 40]))).max() <= 4
    found = pixels_of(flat.quantize(4), tmp_path / "p.png", icc_profile=NARROW)
    assert np.abs(found - expected_narrow(np.array([200, 90, 40]))).max() <= 3


def test_alpha_is_no_color(tmp_path):
    alpha = np.arange(CUBE.shape[0] * CUBE.shape[1], dtype=np.uint8).reshape(CUBE.shape[:2])
    found = pixels_of(Image.fromarray(np.dstack([CUBE, alpha])), tmp_path / "a.png", icc_profile=NARROW)
    assert np.array_equal(found[..., 3], alpha)
    assert np.abs(found[..., :3] - expected_narrow(CUBE)).max() <= 2
    grey = Image.frombytes("LA", (2, 1), bytes([100, 7, 200, 255]))
    found = pixels_of(grey, tmp_path / "la.png", icc_profile=grey_profile(1.0))
    assert found[0, :, 3].tolist() == [7, 255]
    assert np.abs(found[0, :, 0] - encode_srgb(np.array([100, 200]) / 255)).max() <= 2


def test_grey_profiles(tmp_path):
    levels = np.arange(256).reshape(16, 16)
    expected = encode_srgb(levels[..., None] / 255)
    for name, image in {
        "8.png": Image.fromarray(levels.astype(np.uint8)),
        "8.tif": Image.fromarray(levels.astype(np.uint8)),
        "16.png": Image.fromarray((levels * 257).astype(np.uint16)),
    }.items():
        found = pixels_of(image, tmp_path / name, icc_profile=grey_profile(1.0))
        assert np.abs(found - expected).max() <= 2, name


def test_cmyk_profiles(tmp_path):
    inks = np.indices((2, 2, 2, 2)).reshape(4, 16).T  # cyan varies slowest
    cyan, magenta, yellow, black = inks.T
    lightness = (1 - black) * (100 - 25 * cyan - 30 * magenta - 5 * yellow)
    color = (1 - black) * 25
    lab = np.stack([lightness * 2.55, 128 + color * (magenta - cyan), 128 + color * (yellow - cyan)], -1).round()
    image = Image.frombytes("CMYK", (16, 1), (inks * 255).astype(np.uint8).tobytes())
    expected = lab_to_srgb((lab - [0, 128, 128]) / [2.55, 1, 1])
    options = {"icc_profile": cmyk_profile(lab)}
    assert np.abs(pixels_of(image, tmp_path / "a.tif", **options)[0] - expected).max() <= 3
    wide = image.resize((256, 16), Image.Resampling.NEAREST)
    found = pixels_of(wide, tmp_path / "a.jpg", quality=100, subsampling=0, **options)
    assert np.abs(found[8, 8::16] - expected).max() <= 6
    plain = pixels_of(image, tmp_path / "plain.tif")[0]
    assert np.abs(plain - expected).max() > 30


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "P", "I;16"])
def test_a_profile_that_does_not_fit_is_ignored(tmp_path, mode):
    plain = Image.fromarray(CUBE).convert("L" if mode == "I;16" else mode)
    image = Image.fromarray(np.asarray(plain, dtype=np.uint16) * 257) if mode == "I;16" else plain
    profiles = {"rgb": NARROW, "grey": grey_profile(1.0), "cmyk": cmyk_profile(np.zeros((2, 2, 2, 2, 3)))}
    fitting = {"1": "grey", "L": "grey", "LA": "grey", "I;16": "grey", "CMYK": "cmyk"}.get(mode, "rgb")
    expected = pixels_of(image, tmp_path / "plain.tif")
    for name in profiles.keys() - {fitting}:
        found = pixels_of(image, tmp_path / "a.tif", icc_profile=profiles[name])
        assert np.array_equal(found, expected), name


def test_a_damaged_profile_is_ignored(tmp_path):
    image = Image.fromarray(CUBE)
    for damaged in (
        b"junk",
        b"\0" * 500,
        NARROW[:200],
        NARROW.replace(b"acsp", b"none"),
        NARROW.replace(b"rXYZ", b"xxxx"),
    ):
        assert np.array_equal(pixels_of(image, tmp_path / "a.png", icc_profile=damaged), CUBE)


def test_profiles_of_srgb_change_nothing_and_cost_nothing(tmp_path):
    lcms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (SRGB_PROFILE, lcms):
        assert transform_to_srgb(profile, "RGB") is None
        assert np.array_equal(pixels_of(Image.fromarray(CUBE), tmp_path / "a.png", icc_profile=profile), CUBE)
    assert transform_to_srgb(NARROW, "RGB") is transform_to_srgb(NARROW, "RGB")  # built once


def test_the_profile_of_srgb_is_one_and_has_no_date_of_today():
    profile = ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE)).profile
    assert profile.xcolor_space == "RGB " and "sRGB" in profile.profile_description
    assert profile.creation_date.year == 2000
