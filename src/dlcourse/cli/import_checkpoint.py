"""Import a StyleGAN v1 of another implementation as a checkpoint of ours."""

import argparse
from pathlib import Path
from typing import Any

from dlcourse.cli import command_line
from dlcourse.files.terminal import aligned, say


def import_checkpoint(arguments: argparse.Namespace) -> None:
    """Read the files, write the checkpoint, and print a table of its networks."""
    from dlcourse.files import outputs
    from dlcourse.stylegan.interop.locate import files_of

    outputs.check_new_file(arguments.target)
    sources = [file for source in arguments.source for file in files_of(source)]
    from dlcourse.stylegan.interop.files import load_files, save_pretrained  # here: they load torch
    from dlcourse.stylegan.interop.networks import ROLE_KINDS

    pretrained = load_files(sources, arguments.resolution)
    names = ", ".join(source.name for source in sources)
    notes = pretrained.notes + save_pretrained(pretrained, arguments.target, names)
    say(f"{names}: {pretrained.format}")
    rows = [["network", "resolution", "layers", "classes", "parameters"]]
    for role in ROLE_KINDS:
        network = getattr(pretrained, role)
        rows.append([role, *(["", "", "", "not in the file"] if network is None else facts(network))])
    say(*aligned(rows), *(f"- {note}" for note in notes), arguments.target)


def facts(network: Any) -> list[str]:
    """The cells of a network's row: resolution, layers, classes and number of trainable parameters."""
    weights = [name for name, _ in network.named_parameters() if name.endswith("weight")]
    layers = [name.split(".")[-2] for name in weights]
    kinds = {"convolutions": "conv", "linear": "dense"}  # kind -> how its layers' names begin
    if "style_mod" in layers:
        kinds = {"linear": "dense", "styled": "style_mod"}
    counts = [f"{sum(layer.startswith(start) for layer in layers)} {kind}" for kind, start in kinds.items()]
    count = sum(parameter.numel() for parameter in network.parameters())
    return [str(network.resolution), ", ".join(counts), str(network.num_classes), f"{count:,}".replace(",", " ")]


def main() -> None:
    parser = command_line.Parser(
        description="Import a checkpoint of StyleGAN v1: the official pickles, mmgeneration, rosinality, huangzh13, "
        "genforce, lernapparat, or our own. The format is told by the content, and nothing in the file is run.",
        example="karras2019stylegan-ffhq-1024x1024.pkl ffhq.pt",
    )
    parser.add_argument(
        "source",
        type=command_line.run_argument("StyleGAN"),
        nargs="+",
        metavar="SOURCE",
        help="the file or run folder to read, several files of one, or huangzh13's folder of them",
    )
    parser.add_argument(
        "target", type=Path, metavar="TARGET", help="the checkpoint to write, for dlcourse sample checkpoint=TARGET"
    )
    parser.add_argument(
        "--resolution",
        type=int,
        metavar="PIXELS",
        help="cut the networks down to it, to train on from there (default: as they are)",
    )
    command_line.run(import_checkpoint, parser.parse_args())
