"""What comes out of image files, pixel by pixel."""

import struct

import numpy as np
import pytest
from PIL import Image

from dlcourse.images.files import open_image, to_rgb
from image_bytes import lab_to_srgb, png, tiff

RED, CLEAR = (255, 0, 0), (0, 0, 255, 0)
LOSSLESS = {"png": {}, "tif": {}, "webp": {"lossless": True, "exact": True}, "bmp": {}}
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def save(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


def write(content: bytes, path):
    path.write_bytes(content)
    return path


def pixels_of(path, **options) -> np.ndarray:
    """(H, W, C) as ints."""
    return np.asarray(open_image(path, **options), dtype=int)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_rgb_comes_out_as_it_is(tmp_path, suffix):
    path = save(Image.fromarray(PIXELS), tmp_path / f"a.{suffix}", **LOSSLESS[suffix])
    assert np.array_equal(pixels_of(path), PIXELS)
    opened = open_image(path)
    assert type(opened) is Image.Image and opened.mode == "RGB" and opened.info == {}


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("suffix", ["png", "tif", "gif", "bmp"])
def test_grey_bits_and_palettes(tmp_path, mode, suffix):
    image = Image.fromarray(PIXELS).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels_of(save(image, tmp_path / f"a.{suffix}")), expected)


def test_lossy_formats_are_close(tmp_path):
    flat = Image.new("RGB", (16, 16), (200, 90, 40))
    for name, image in {
        "a.jpg": flat,
        "a.webp": flat,
        "a.avif": flat,
        "a.heic": flat,
        "cmyk.jpg": flat.convert("CMYK"),
        "cmyk.tif": flat.convert("CMYK"),
    }.items():
        assert np.abs(pixels_of(save(image, tmp_path / name)) - (200, 90, 40)).max() <= 3, name
    grey = flat.convert("L")
    assert np.abs(pixels_of(save(grey, tmp_path / "grey.jpg")) - grey.getpixel((0, 0))).max() <= 1


def test_cmyk_without_a_profile_is_light_left_by_ink(tmp_path):
    inks = RNG.integers(0, 256, (4, 4, 4), dtype=np.uint8)
    path = save(Image.frombytes("CMYK", (4, 4), inks.tobytes()), tmp_path / "a.tif")
    left = 255 - inks.astype(int)
    assert np.abs(pixels_of(path) - left[..., :3] * left[..., 3:] / 255).max() <= 1


def test_only_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (4, 3), color) for color in (RED, "lime", "blue")]
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        path = save(frames[0], tmp_path / name, save_all=True, append_images=frames[1:])
        assert np.abs(pixels_of(path) - RED).max() <= 3, name


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_transparency_is_laid_on_the_background_not_uncovered(tmp_path, suffix):
    rgba = np.dstack([PIXELS, RNG.integers(0, 256, PIXELS.shape[:2], dtype=np.uint8)])
    rgba[0, 0] = CLEAR
    path = save(Image.fromarray(rgba), tmp_path / f"a.{suffix}", **LOSSLESS[suffix])
    share = rgba[..., 3:] / 255
    for background in ((255, 255, 255), (0, 128, 10)):
        expected = PIXELS * share + np.array(background) * (1 - share)
        expected[0, 0] = background
        assert np.abs(pixels_of(path, background=background) - expected).max() <= 1
    assert np.array_equal(pixels_of(path, keep_alpha=True), rgba)
    assert open_image(path).mode == "RGB"


def test_every_kind_of_transparency(tmp_path):
    grey = Image.frombytes("LA", (2, 1), bytes([10, 255, 20, 0]))
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 10, 10, 20, 20, 20])
    palette.putpixel((1, 0), 1)
    files = {
        "la.png": save(grey, tmp_path / "la.png"),
        "la.tif": save(grey, tmp_path / "la.tif"),
        "p.png": save(palette, tmp_path / "p.png", transparency=1),
        "bytes.png": save(palette, tmp_path / "bytes.png", transparency=bytes([255, 0])),
        "p.gif": save(palette, tmp_path / "p.gif", transparency=1),
        "l.png": save(grey.convert("L"), tmp_path / "l.png", transparency=20),
        "rgb.png": save(grey.convert("RGB"), tmp_path / "rgb.png", transparency=(20, 20, 20)),
    }
    for name, path in files.items():
        assert pixels_of(path, keep_alpha=True).tolist() == [[[10, 10, 10, 255], [20, 20, 20, 0]]], name
        assert pixels_of(path, background=(1, 2, 3)).tolist() == [[[10, 10, 10], [1, 2, 3]]], name


@pytest.mark.parametrize(("mode", "color"), [("La", (50, 128)), ("RGBa", (50, 50, 50, 128))])
def test_premultiplied_alpha_is_taken_back(mode, color):
    found = np.asarray(to_rgb(Image.new(mode, (2, 2), color), keep_alpha=True), dtype=int)
    assert np.abs(found - (100, 100, 100, 128)).max() <= 1


def test_what_is_given_stays_as_it_is():
    image = Image.fromarray(PIXELS)
    image.info["icc_profile"] = b"damaged"
    converted = to_rgb(image)
    converted.putpixel((0, 0), (1, 2, 3))
    assert np.array_equal(np.asarray(image), PIXELS) and image.info == {"icc_profile": b"damaged"}


def test_an_alpha_channel_that_hides_nothing_is_dropped(tmp_path):
    path = save(Image.new("RGBA", (3, 3), (1, 2, 3, 255)), tmp_path / "a.png")
    assert open_image(path, keep_alpha=True).mode == "RGB"


def test_16_bits_are_scaled_to_8(tmp_path):
    deep = RNG.integers(0, 65536, (6, 4), dtype=np.uint16)
    expected = np.repeat((deep / 257).round()[..., None], 3, 2)
    for name in ("a.png", "a.tif"):
        assert np.array_equal(pixels_of(save(Image.fromarray(deep), tmp_path / name)), expected)
    bytes_of = lambda array: b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    clear = (b"tRNS", struct.pack(">H", deep[0, 0]))
    alpha = pixels_of(write(png(4, 6, 16, 0, bytes_of(deep), clear), tmp_path / "trns.png"), keep_alpha=True)[..., 3]
    assert np.array_equal(alpha, np.where(deep == deep[0, 0], 0, 255))

    colors = RNG.integers(0, 65536, (2, 3, 3), dtype=np.uint16)
    path = write(png(3, 2, 16, 2, bytes_of(colors.reshape(2, 9))), tmp_path / "rgb.png")
    assert np.abs(pixels_of(path) - colors / 257).max() <= 1
    path = write(tiff(3, 2, 16, 2, colors.astype("<u2").tobytes(), channels=3), tmp_path / "rgb.tif")
    assert np.abs(pixels_of(path) - colors / 257).max() <= 1
    clear = (b"tRNS", struct.pack(">3H", *colors[0, 0]))
    path = write(png(3, 2, 16, 2, bytes_of(colors.reshape(2, 9)), clear), tmp_path / "clear.png")
    assert pixels_of(path, keep_alpha=True)[..., 3].tolist() == [[0, 255, 255], [255, 255, 255]]


def test_deep_grey_of_other_kinds(tmp_path):
    float32 = np.array([[0, 0.25, 1]], dtype=np.float32)
    files = {
        "float": save(Image.fromarray(float32), tmp_path / "float.tif"),
        "float, white is 0": write(tiff(3, 1, 32, 0, (1 - float32).tobytes(), 3), tmp_path / "inverse.tif"),
        "16 bit, white is 0": write(tiff(3, 1, 16, 0, struct.pack("<3H", 65535, 49151, 0)), tmp_path / "w.tif"),
        "12 bit": write(tiff(3, 1, 12, 1, bytes([0x00, 0x04, 0x00, 0xFF, 0xF0])), tmp_path / "12.tif"),
        "big-endian": save(Image.frombytes("I;16B", (3, 1), struct.pack(">3H", 0, 16384, 65535)), tmp_path / "b.tif"),
        "32 bit holding 16": save(Image.fromarray(np.array([[0, 16384, 65535]], np.int32)), tmp_path / "32.tif"),
    }
    for name, path in files.items():
        assert pixels_of(path)[0, :, 0].tolist() == [0, 64, 255], name


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), float("inf")])
def test_floating_point_beyond_0_and_1_is_refused(tmp_path, value):
    path = save(Image.fromarray(np.array([[0.5, value]], dtype=np.float32)), tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif: grey values must be from 0 to 1, they are "):
        open_image(path)


def test_32_bit_integers_beyond_16_bit_are_refused(tmp_path):
    path = save(Image.fromarray(np.array([[0, 70000]], dtype=np.int32)), tmp_path / "a.tif")
    with pytest.raises(ValueError, match="grey values must be from 0 to 65535, they are 0 to 70000"):
        open_image(path)


def test_lab(tmp_path):
    lab = np.array([[60, 20, -30], [100, 0, 0], [40, -10, 25], [0, 0, 0]])
    lightness = (lab[:, :1] * 2.55).round()
    stored = np.concatenate([lightness, lab[:, 1:] % 256], 1).astype(np.uint8)  # a and b are signed (TIFF 6.0)
    path = write(tiff(4, 1, 8, 8, stored.tobytes(), channels=3), tmp_path / "a.tif")
    exact = np.concatenate([lightness / 2.55, lab[:, 1:]], 1)
    assert np.abs(pixels_of(path)[0] - lab_to_srgb(exact)).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg", "avif", "heic"])
def test_images_are_upright(tmp_path, suffix, orientation):
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :8] = 255  # the mark is at the upper left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / f"a.{suffix}", exif=exif.tobytes())
    assert np.abs(pixels_of(path) - upright).max() <= 8


def test_a_damaged_exif_block_spoils_no_image(tmp_path):
    path = save(Image.new("RGB", (8, 4), RED), tmp_path / "a.jpg", exif=b"Exif\0\0nonsense" * 3)
    assert open_image(path).size == (8, 4)
