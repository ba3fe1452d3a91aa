"""Look at the files and folders that a config names, and at its batch sizes, before anything large is imported."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlcourse.cli import key_names
from dlcourse.engine.run_folder import newest
from dlcourse.errors import UserError
from dlcourse.files.bounded import check_file
from dlcourse.files.missing import is_folder
from dlcourse.nn.vgg_sources import check_source

Check = Callable[[str, str], None]  # raises ValueError, "KEY=PATH: reason", as the class itself would


def image(key: str, path: str) -> None:
    from dlcourse.images.files import check_image  # here: it loads numpy and Pillow

    check_image(key, path)


def named_image(key: str, path: str) -> None:
    from dlcourse.style_transfer.named_images import check_named

    check_named(key, path)


def first_image(key: str, path: str) -> None:
    from dlcourse.style_transfer.named_images import check_init

    check_init(key, path)


def frames(_key: str, path: str) -> None:
    from dlcourse.style_transfer.frames import check_frames

    check_frames(Path(path))


def images(key: str, path: str) -> None:
    from dlcourse.datasets.sources import check_root

    check_root(key, path)


def run(key: str, path: str) -> None:
    """A run with a checkpoint, or the file of one."""
    try:
        newest(Path(path))
    except UserError as error:
        raise ValueError(f"{key}={error}") from error


def stylegan(key: str, path: str) -> None:
    """As `run`; in a folder of another implementation the reader looks for the files itself."""
    if not any(Path(path).glob("GAN_*.pth")):
        run(key, path)


def latent(key: str, seed: str) -> None:
    """A file with a w, or the run of a projection; numbers are checked later."""
    if is_folder(seed):
        run(key, seed)
    elif seed.endswith(".pt"):
        check_file(key, seed)


CHECKS: dict[str, Check] = {  # class and argument, or an argument of any class
    "ContentAndStyles.content": named_image,
    "ContentAndStyles.content_mask": named_image,
    "ContentAndStyles.style": named_image,
    "ContentAndStyles.style_masks": named_image,
    "ContentAndStyles.style_regions": named_image,
    "Edit.attributes": check_file,
    "FaceFeatures.weights": run,
    "FrameSequence.frames": frames,
    "ImageClasses.root": images,
    "ImageFolder.root": images,
    "Painter.decoder": run,
    "Painter.style_regions": named_image,
    "PhotosAndPaintings.root": images,
    "PhotosAndPaintings.styles": images,
    "PointsFile.path": check_file,
    "Projection.checkpoint": stylegan,
    "Projection.init": latent,
    "Projection.target": image,
    "StyleTransfer.init": first_image,
    "VGG.weights": check_source,
    "Vgg19Features.weights": check_source,
    "seeds": latent,
}


def check_inputs(cfg: DictConfig) -> None:
    """Raise UserError for the first input that is not there, or for an empty batch.

    The message begins with the key as it is typed.
    """
    config = OmegaConf.to_container(cfg)
    check_batch_sizes(cfg, config)
    for key, target in nodes_of(config):
        for name in OmegaConf.select(cfg, key):
            check = CHECKS.get(f"{target}.{name}", CHECKS.get(str(name)))
            if check is None:
                continue
            for path in (value for value in values_at(cfg, f"{key}.{name}") if isinstance(value, str)):
                try:
                    check(str(name), path)
                except ValueError as error:
                    raise UserError(key_names.as_typed(f"{key}.{error}", config)) from error


def check_batch_sizes(cfg: DictConfig, config: Any) -> None:
    """Raise UserError for a batch size below 1, which the tasks tell when their data set is made; `config` is plain."""
    for key, _ in nodes_of(config):
        for size in values_at(cfg, f"{key}.batch_size"):
            if type(size) is int and size < 1:
                raise UserError(key_names.as_typed(f"{key}.batch_size must be at least 1, got {size}", config))


def nodes_of(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The key and the class of each `_target_` in an unresolved config."""
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str) and key:
            yield key, node["_target_"].rpartition(".")[2]
        for name, value in node.items():
            yield from nodes_of(value, f"{key}.{name}" if key else str(name))


def values_at(cfg: DictConfig, key: str) -> list[Any]:
    """The value at a key, or those in the list there; none for one that is missing, which is told later."""
    try:
        value = OmegaConf.select(cfg, key)
    except OmegaConfBaseException:
        return []
    return list(value) if OmegaConf.is_list(value) else [value]
