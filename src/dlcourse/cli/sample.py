"""Draw images from a trained StyleGAN."""

import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dlcourse.cli import command_line, run_folders
from dlcourse.cli.memory_told import memory_told
from dlcourse.errors import UserError
from dlcourse.files.missing import is_folder
from dlcourse.files.terminal import say

READS = ("sampler", "checkpoint", "device", "precision", "compile", "output", "singles")


@memory_told("fewer seeds or a smaller batch_size")
def sample(cfg: DictConfig) -> None:
    """Draw images with the averaged generator of the checkpoint, and write them."""
    from dlcourse.stylegan.interop.locate import files_of

    config = command_line.plain(cfg)
    for key in ("singles", "compile"):
        if type(config[key]) is not bool:
            raise UserError(f"{key} must be true or false, got {'null' if config[key] is None else config[key]}")
    files = files_of(run_folders.network_of(config["checkpoint"]), only_to_draw=True)
    import torch

    from dlcourse.engine.build import build
    from dlcourse.engine.device import autocast, find_device, set_precision
    from dlcourse.engine.memory import keep_freed_memory
    from dlcourse.stylegan.interop.files import load_generator
    from dlcourse.stylegan.networks.synthesis import constant_weights
    from dlcourse.stylegan.sampling.sampler import check_output, save_result

    keep_freed_memory()  # every batch allocates the same again
    try:
        device = find_device(config["device"])
        precision = autocast(device, config["precision"])
    except ValueError as error:
        raise UserError(str(error)) from error
    sampler = build(config["sampler"], "sampler")
    output = output_path(files[0], config)
    check_output(sampler, output, config["singles"], [*files, *files_in(config["sampler"])])
    generator = load_generator(files).averaged_generator.requires_grad_(False)
    torch.backends.cudnn.deterministic = True  # the same command gives the same image on a GPU, too
    set_precision(device, config["precision"])
    generator = generator.to(device).to(memory_format=torch.channels_last)  # the fastest layout
    if config["compile"]:
        generator.synthesis.compile(mode="reduce-overhead")
    torch.manual_seed(0)  # only for the random weights of a VGG without downloaded ones; images have their own seeds
    with constant_weights(generator), precision:
        result = sampler(generator)
    say(*save_result(result, output, config["singles"]))


def files_in(node: Any) -> list[Path]:
    """The existing files that a sampler's config names, such as seeds."""
    if isinstance(node, str):
        return [Path(word.strip()) for word in (node, *node.split(",")) if word and Path(word.strip()).is_file()]
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [path for part in parts for path in files_in(part)]


def output_path(checkpoint_path: Path, config: dict) -> Path:
    """`output`, or a name such as grid_step_0001000_seeds0-15_psi0.7.png in it, in samples/ of the run or here.

    An existing file is only replaced if `output` names it.
    """
    from dlcourse.files import outputs
    from dlcourse.reports.runs import results_folder

    output = config["output"]
    if output is not None and not (str(output).endswith("/") or is_folder(output)):
        return Path(output)
    sampler = re.sub(r"\B(?=[A-Z])", "_", config["sampler"]["_target_"].rpartition(".")[2]).lower()
    what = {"seeds": config["seeds"], "psi": config["truncation_psi"]}
    words = [key + re.sub(r"[^\w.,-]", "", str(value))[:40] for key, value in what.items() if value not in (None, "")]
    folder = Path(output or results_folder(checkpoint_path, "samples"))
    return outputs.unused(folder / f"{'_'.join([sampler, checkpoint_path.stem, *words])}.png")


def main() -> None:
    command_line.command("sample", sample, READS)
