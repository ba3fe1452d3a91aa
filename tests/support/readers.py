"""Every reader of files that a stranger may have made, with small real files for it."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlcourse.classifier.data.augmentation import FlipRotateCrop
from dlcourse.classifier.data.image_classes import ImageClasses
from dlcourse.classifier.data.points_file import PointsFile
from dlcourse.cli import resuming
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.engine import checkpoint, logger
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.images import heif
from dlcourse.images.files import open_image
from dlcourse.nn.vgg_weights import read_weights
from dlcourse.reports.runs import read_run
from dlcourse.stylegan.interop.files import load_pretrained
from dlcourse.stylegan.metrics.extractors import FaceFeatures
from dlcourse.stylegan.metrics.samples import read_reals
from dlcourse.stylegan.sampling.editing import read_attributes
from dlcourse.stylegan.sampling.seeds import SavedLatent
from mixed_images import drawing, nvidia_zip
from stylegan_files import DATA, tiny_official_pickle
from warm import ROOT

NODE = {
    "_target_": "dlcourse.stylegan.networks.generator.Generator",
    "resolution": 8,
    "z_dim": 4,
    "w_dim": 4,
    "num_classes": 0,
}
NODE |= {"channel_base": 16, "channel_max": 4, "mapping_layers": 2}
CONFIG = """
model: {_target_: dlcourse.classifier.networks.MLP, _partial_: true, hidden: [3, 4]}
optimizer: {_target_: torch.optim.Adam, lr: 0.001}
task: {_target_: dlcourse.classifier.task.Classification, optimizer: '${optimizer}'}
runner: {seed: 0, max_steps: 20}
seed: 0
run_dir: null
"""


@dataclass(frozen=True)
class Reader:
    """How a kind of file is read.

    Attributes:
        suffix: of its names.
        samples: whole files.
        read: opens the file at a path, which lies alone in its folder.
        errors: what it may raise; everything else is a mistake of ours.
    """

    suffix: str
    samples: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    errors: type[Exception] | tuple[type[Exception], ...]


@cache
def generator() -> torch.nn.Module:
    torch.manual_seed(0)
    return build(NODE)


def saved(content: object) -> list[bytes]:
    """As torch.save writes it now, and as it did before 1.6."""
    files = io.BytesIO(), io.BytesIO()
    torch.save(content, files[0])
    torch.save(content, files[1], _use_new_zipfile_serialization=False)
    return [file.getvalue() for file in files]


@cache
def own_checkpoints() -> list[bytes]:
    optimizer = torch.optim.Adam(generator().parameters())
    sum(parameter.sum() for parameter in generator().parameters()).backward()
    optimizer.step()
    state = {"generator_ema": generator().state_dict(), "optimizer": optimizer.state_dict()}
    return saved({"step": 7, "config": {"model": {"generator": NODE}, "seed": 0}, "state": state})


def read_checkpoint(path: Path) -> None:
    saved = checkpoint.Checkpoint.load(path)
    saved.restore({"generator_ema": saved.network("generator_ema")})
    saved.check_same_model({"model": {"generator": NODE}})


@cache
def foreign() -> list[bytes]:
    files = [(DATA / name).read_bytes() for name in ("GAN_DIS_3_8.pth", "mmgen_tiny.pth", "rosinality_tiny.model")]
    legacy = io.BytesIO()
    torch.save(torch.load(DATA / "GAN_DIS_3_8.pth"), legacy, _use_new_zipfile_serialization=False)
    return [*files, legacy.getvalue(), tiny_official_pickle(), *own_checkpoints()]


@cache
def first_convolutions() -> list[bytes]:
    weight, bias = torch.zeros(64, 3, 3, 3), torch.zeros(64)
    names = ("features.0", "conv1_1")
    return [one for name in names for one in saved({f"{name}.weight": weight, f"{name}.bias": bias})]


@cache
def styles() -> list[bytes]:
    layers = generator().num_layers
    noise = [generator().synthesis.get_buffer(f"noise{layer}") for layer in range(layers)]
    return saved({"w": torch.zeros(layers, 4), "noise": noise}) + saved({"w": torch.zeros(layers, 4)})


@cache
def images() -> list[bytes]:
    heif.enable()
    image, files = drawing(1, 23, 17), []
    grey, palette = image.convert("L"), image.convert("P")
    profile = {"icc_profile": Image.open(io.BytesIO(profiled())).info["icc_profile"]}
    exif = Image.Exif()
    exif[0x0112] = 6
    for variant, kind, options in (
        (image, "PNG", profile), (palette, "PNG", {"transparency": 3}), (grey.convert("I;16"), "PNG", {}),
        (image, "PNG", {"interlace": 1}), (image, "JPEG", {"exif": exif}), (image, "JPEG", {"progressive": True}),
        (image.convert("CMYK"), "JPEG", profile), (image, "WEBP", {"lossless": True, "exif": exif}),
        (image, "WEBP", {}),
        (image, "TIFF", {"compression": "tiff_lzw"}), (image, "TIFF", {"compression": "jpeg"}),
        (image, "TIFF", {"compression": "tiff_deflate"}), (grey.convert("1"), "TIFF", {"compression": "group4"}),
        (grey.convert("F").point(lambda level: level / 255), "TIFF", {}), (image, "TIFF", profile),
        (image, "AVIF", {"exif": exif}), (image, "AVIF", profile),
        (image, "HEIF", {"exif": exif.tobytes()}), (image, "HEIF", profile),
        (image, "BMP", {}), (palette, "BMP", {}), (palette, "GIF", {"save_all": True, "append_images": [palette] * 2}),
    ):  # fmt: skip
        file = io.BytesIO()
        variant.save(file, kind, **options)
        files.append(file.getvalue())
    return files


def profiled() -> bytes:
    from dlcourse.images.srgb import SRGB_PROFILE

    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG", icc_profile=SRGB_PROFILE)
    return file.getvalue()


@cache
def archives() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        nvidia_zip(path, [0, 1, 0, 1])
        packed = io.BytesIO()
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                target.writestr(info.filename, source.read(info))
        return [path.read_bytes(), packed.getvalue()]


def image_folder(root: Path, num_classes: int, cache_folder: str | None = None) -> None:
    folder = ImageFolder(str(root), 8, "crop", 1, [255, 255, 255], num_classes, cache_folder)
    assert len(folder.images) >= 1 and folder.levels and (not num_classes or len(folder.labels) >= 1)


def read_labels(path: Path) -> None:
    for index in range(4):
        drawing(index, 16, 16).save(path.with_name(f"{index}.png"))
    image_folder(path.parent, 2)


def read_class_images(path: Path) -> None:
    """Beside whole ones."""
    for index in range(12):
        folder = path.with_name(f"class{index % 2}")
        folder.mkdir(exist_ok=True)
        drawing(index, 16, 16).save(folder / f"{index}.png")
    path.rename(path.with_name("class0") / path.name)
    data = ImageClasses(str(path.parent), 8, None, 0.2, 0.2, FlipRotateCrop(False, 0.0, 1.0), 0)
    assert sum(len(labels) for _, labels in (data.train, data.dev, data.test)) in (12, 13)


@cache
def cached() -> tuple[bytes, bytes]:
    """KEY.json and KEY.levels of a folder of four images: their times are part of KEY."""
    names = [f"{index}.png" for index in range(4)]
    square = {"resolution": 8, "fit": "crop", "min_size": 1, "background": [255, 255, 255]}
    record = {"version": 1, "root": ".", "settings": square, "count": 4, "names": names, "skipped": {"a.txt": "none"}}
    record["checksum"] = zlib.crc32(bytes(4 * 3 * 16))
    return json.dumps(record, indent=1).encode(), bytes(4 * 3 * (64 + 16))


def read_level_files(path: Path) -> None:
    """The record is the damaged file, the levels are whole; what does not fit is made anew, which is no error."""
    from dlcourse.datasets import cache
    from dlcourse.datasets.decoding import Square
    from dlcourse.datasets.sources import open_source

    for index in range(4):
        drawing(index, 16, 16).save(path.with_name(f"{index}.png"))
    path.with_suffix(".levels").write_bytes(cached()[1])
    source = open_source(str(path.parent))
    found = cache.load_cache(path, source, Square(8))
    assert found is None or [len(level) for level in found.levels] == [4, 4]


def tables() -> list[bytes]:
    return [
        b"x1,x2,label\n" + b"".join(b"%d.5,%d,%d\n" % (i, -i, i % 2) for i in range(12)),
        "\ufeffx1, x2, label\n".encode() + b'"1",2,"a"\r\n3,4,b\r\n' * 6,
    ]


@cache
def point_arrays() -> list[bytes]:
    columns = {"x1": np.arange(12.0), "x2": np.ones(12), "label": np.arange(12) % 2}
    words = columns | {"label": np.array(["a", "b"] * 6)}
    files = io.BytesIO(), io.BytesIO()
    np.savez(files[0], **columns)
    np.savez_compressed(files[1], **words)
    return [file.getvalue() for file in files]


def read_points(path: Path) -> None:
    points = PointsFile(str(path), 0.2, 0.2, 0.0, 0)
    assert points.train[0].isfinite().all()


def attributes() -> list[bytes]:
    return [b"seed,smile,age\n" + b"".join(b"%d,%d,0.%d\n" % (i, i % 2, i) for i in range(9))]


@cache
def reals() -> list[bytes]:
    return saved([torch.zeros(5, 3), torch.ones(5, 3)])


def rows() -> list[bytes]:
    row = '{{"step": {0}, "train/loss": 0.{0}, "perf/steps_per_second": 3.5, "dev/accuracy": null}}\n'
    return ["".join(row.format(step) for step in range(1, 6)).encode()]


def read_metrics(path: Path) -> None:
    path.with_name("config.yaml").write_text(CONFIG)
    path = path.rename(path.with_name("metrics.jsonl"))
    run = read_run(path.parent)
    for axis in ("step", "epoch"):
        run.axis(axis)
    assert run.series("train/loss") and isinstance(run.final(), dict)


def cut_metrics(path: Path) -> None:
    logger.keep_until(path, 3)


def read_config_file(path: Path) -> None:
    path.with_name("metrics.jsonl").write_bytes(rows()[0])
    read_run(path.rename(path.with_name("config.yaml")).parent)


def faces() -> list[bytes]:
    return [(ROOT / "checkpoints" / "face_attributes.pt").read_bytes()]


READERS = {
    "checkpoint": Reader(".pt", own_checkpoints, read_checkpoint, UserError),
    "foreign checkpoint": Reader(".pth", foreign, load_pretrained, UserError),
    "w": Reader(".pt", styles, lambda path: SavedLatent(str(path)).read(generator()), UserError),
    "weights of VGG": Reader(".pth", first_convolutions, lambda path: read_weights(str(path), None), ValueError),
    "attribute network": Reader(".pt", faces, lambda path: FaceFeatures(str(path)), UserError),
    "features of reals": Reader(".pt", reals, read_reals, (ValueError, OSError)),
    "image": Reader(".png", images, open_image, ValueError),
    "image of a class": Reader(".jpg", images, read_class_images, ValueError),
    "archive": Reader(".zip", archives, lambda path: image_folder(path, 0), ValueError),
    "labelled archive": Reader(".zip", archives, lambda path: image_folder(path, 2), ValueError),
    "dataset.json": Reader(".json", lambda: [b'{"labels": [["0.png", 0], ["1.png", 1], ["2.png", 0], ["3.png", 1]]}'],
                           lambda path: read_labels(path.rename(path.with_name("dataset.json"))), ValueError),
    "cached levels": Reader(".json", lambda: [cached()[0]], read_level_files, ValueError),
    "points.csv": Reader(".csv", tables, read_points, ValueError),
    "points.npz": Reader(".npz", point_arrays, read_points, ValueError),
    "attributes.csv": Reader(".csv", attributes, lambda path: read_attributes(str(path)), ValueError),
    "metrics.jsonl": Reader(".jsonl", rows, read_metrics, UserError),
    "metrics to go on": Reader(".jsonl", rows, cut_metrics, UserError),
    "config.yaml": Reader(".yaml", lambda: [CONFIG.encode()], read_config_file, UserError),
    "composed.yaml": Reader(".yaml", lambda: [CONFIG.encode()], resuming.read_composed, UserError),
}  # fmt: skip
