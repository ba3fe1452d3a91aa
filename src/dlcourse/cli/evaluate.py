"""Measure the quality of a StyleGAN's images."""

import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dlcourse.cli import command_line, run_folders
from dlcourse.cli.memory_told import memory_told
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

GIVE = "give dataset=faces, or dataset=image_folder dataset.root=FOLDER"
READS = ("evaluation", "dataset", "dataset_cache", "checkpoint", "device", "output")


@memory_told("a smaller batch_size, or a smaller data set")
def evaluate(cfg: DictConfig) -> None:
    """Rebuild the averaged generator and its data set, measure, print the table and write the results."""
    from dlcourse.stylegan.interop.locate import files_of

    start = time.monotonic()
    files = files_of(run_folders.network_of(cfg.checkpoint), only_to_draw=True)
    path = files[0]
    from dlcourse.engine.build import build
    from dlcourse.engine.device import find_device
    from dlcourse.engine.memory import keep_freed_memory
    from dlcourse.stylegan.interop.files import load_generator
    from dlcourse.stylegan.metrics.evaluation import Evaluation
    from dlcourse.stylegan.metrics.report import compare_with_baselines, write_evaluation
    from dlcourse.stylegan.metrics.samples import num_compared

    keep_freed_memory()  # every batch allocates the same again
    folder = output_folder(path, cfg)
    pretrained = load_generator(files)
    generator, model = pretrained.averaged_generator, pretrained.config["generator"]
    set_resolution(cfg, generator.resolution)
    config = command_line.plain(cfg)
    node, step = dataset_node(path, config["dataset"], pretrained.origin)
    dataset = build_dataset(path, node, config)
    evaluation: Evaluation = build(config["evaluation"], "evaluation")
    try:
        generator = generator.eval().to(find_device(config["device"]))
        comparison = compare_with_baselines(evaluation, generator, model, dataset)
    except ValueError as error:
        raise UserError(f"evaluation: {error}") from error
    count = num_compared(dataset, evaluation.num_images)
    half = ", half of the data set" if count < evaluation.num_images else ""
    say(f"{path}, psi {evaluation.truncation_psi:g}; features: {evaluation.extractor.tag}; {count} images{half}", "")
    say(*comparison.table(), "")
    seconds = round(time.monotonic() - start, 1)
    notes = {"checkpoint": str(path), "step": step, "features": evaluation.extractor.tag, "seconds": seconds}
    notes |= {"images": count, "dataset": node, "evaluation": config["evaluation"]}
    try:
        say(*write_evaluation(comparison, notes, folder, step))
    except OSError as error:
        raise UserError(f"output={error}") from error


def output_folder(path: Path, cfg: DictConfig) -> Path:
    """`output`, or evaluation/<name of the checkpoint> in its run, or here for a checkpoint outside of a run.

    Existing results are only replaced if `output` names them, and not by another run of a sweep.

    Raises:
        UserError: the folder or `cache` cannot be written, or a link leads out of the run.
    """
    from dlcourse.files import outputs
    from dlcourse.reports.runs import results_folder

    folder = Path(cfg.output or results_folder(path, "evaluation") / path.stem)
    if cfg.output is None or command_line.is_sweep():
        folder = outputs.unused(folder)
    for name, place in {"output": folder, "cache": cfg.cache}.items():
        if place is not None:
            outputs.check_folder(Path(place), f"{name}={place}")
    run_folders.check_name(f"output={folder}", folder)
    return folder


def set_resolution(cfg: DictConfig, resolution: int) -> None:
    """Give a data set of the command line the generator's resolution; UserError if another one was typed."""
    if cfg.dataset is None or "resolution" not in cfg.dataset:
        return
    keys = [override.partition("=")[0].lstrip("+") for override in command_line.overrides()]
    if "dataset.resolution" in keys and cfg.dataset.resolution != resolution:
        typed = f"dataset.resolution={cfg.dataset.resolution}"
        raise UserError(f"{typed}: the generator draws {resolution} pixels; set dataset.resolution={resolution}")
    cfg.dataset.resolution = resolution


def dataset_node(path: Path, given: dict[str, Any] | None, origin: Any) -> tuple[dict[str, Any], int]:
    """The data set of the command line, or else of the checkpoint's config, and its step; 0 for foreign files.

    Without a name, as in +dataset.texture=0, the command line only changes keys.
    """
    node = given
    if given is None or "_target_" not in given:
        own = origin.config.get("dataset") if origin else None
        node = own | (given or {}) if isinstance(own, dict) else own
    if not isinstance(node, dict) or "_target_" not in node:
        raise UserError(f"{path}: does not say what it was trained on; {GIVE}")
    return node, origin.step if origin else 0


def build_dataset(path: Path, node: dict[str, Any], config: dict[str, Any]) -> Any:
    """Build the data set; one of the checkpoint's config downloads nothing and uses this machine's cache folder.

    Raises:
        UserError: it cannot be built, or is not a data set of images for a StyleGAN.
    """
    from dlcourse.engine.build import build
    from dlcourse.engine.rebuild import build_of_file
    from dlcourse.engine.targets import DATASETS

    if node is config["dataset"]:
        dataset, whose = build(node, "dataset"), "dataset"
    else:
        imposed = {"cache": config["dataset_cache"], "download": False}
        dataset, whose = build_of_file(node, "dataset", path, DATASETS, imposed), f"{path}: its dataset"
    if not (hasattr(type(dataset), "levels") and hasattr(dataset, "resolution")):
        name = str(node["_target_"]).rpartition(".")[2]
        raise UserError(f"{whose}: {name} is not a data set of images for a StyleGAN; {GIVE}")
    try:
        dataset.levels  # noqa: B018  # decodes them
    except ValueError as error:
        if whose == "dataset":
            raise UserError(str(error)) from error
        if str(error).startswith("dataset.cache="):  # the key is dataset_cache here
            raise UserError(str(error).replace(".", "_", 1)) from error
        raise UserError(f"{path}: {error}") from error
    return dataset


def main() -> None:
    command_line.command("evaluate", evaluate, READS)
