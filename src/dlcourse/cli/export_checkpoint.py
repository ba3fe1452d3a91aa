"""Export a StyleGAN for other programs, as an official pickle or as ONNX."""

import argparse
from pathlib import Path
from typing import Any

from dlcourse.cli import command_line
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.files.terminal import say

TOLERANCE = 1e-4  # between the images of ONNX and ours, relative to the largest value


def export_checkpoint(arguments: argparse.Namespace) -> None:
    """Load the networks, write them, read the file back and compare."""
    from dlcourse.files import outputs
    from dlcourse.stylegan.interop.locate import files_of

    target = arguments.target
    if target.suffix not in WRITERS:
        raise UserError(f"{target}: the name must end in {' or '.join(WRITERS)}")
    if target.exists():
        raise UserError(f"{target} exists already; choose another name or remove it")
    outputs.check_file(target, str(target))
    files = files_of(arguments.checkpoint)
    from dlcourse.stylegan.interop.files import load_files  # here: it loads torch

    pretrained = load_files(files)
    try:
        with atomic_write(target) as temporary:
            found = WRITERS[target.suffix](pretrained, files[0], temporary)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error})") from error
    say(found)
    say(target)


def write_pickle(pretrained: Any, source: Path, target: Path) -> str:
    """Write the official layout, read it back, and compare every variable to the last bit."""
    from dlcourse.stylegan.interop.files import load_pretrained
    from dlcourse.stylegan.interop.networks import ROLE_KINDS
    from dlcourse.stylegan.interop.official_export import to_official_pickle

    try:
        target.write_bytes(to_official_pickle(pretrained))
    except UserError as error:
        raise UserError(f"{source}: {error}; its averaged generator can be exported as ONNX, to a .onnx") from error
    back, count = load_pretrained(target), 0
    for role in ROLE_KINDS:
        ours = {} if getattr(pretrained, role) is None else getattr(pretrained, role).state_dict()
        theirs = {} if getattr(back, role) is None else getattr(back, role).state_dict()
        if ours.keys() != theirs.keys() or any(not value.equal(theirs[name]) for name, value in ours.items()):
            raise RuntimeError(f"{target}: {role} does not come back as it was")
        count += len(ours)
    return f"official pickle, read back: {count} variables equal to the last bit"


def export_onnx(pretrained: Any, source: Path, target: Path) -> str:
    """Write ONNX, run it, and compare its images with ours."""
    from dlcourse.stylegan.interop import onnx_export

    generator = pretrained.generator_ema or pretrained.generator
    if generator is None:
        raise UserError(f"{source}: there is no generator in it")
    onnx_export.write_onnx(generator, target)
    error = onnx_export.onnx_error(generator, target)
    if error > TOLERANCE:
        raise RuntimeError(f"{target}: its images differ by {error:.1e} of the largest value")
    return f"ONNX, run by onnxruntime: images within {error:.1e} of ours, relative to the largest value"


WRITERS = {".pkl": write_pickle, ".onnx": export_onnx}


def main() -> None:
    parser = command_line.Parser(
        description="Write a StyleGAN as an official pickle (G, D, Gs) or its averaged generator as ONNX, "
        "read the file back and compare.",
        example="runs/stylegan_faces/TIME faces.onnx",
    )
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        type=command_line.run_argument("StyleGAN"),
        help="a run folder, or a file of any format that import takes",
    )
    parser.add_argument("target", type=Path, metavar="TARGET", help="a name that ends in .pkl or .onnx")
    command_line.run(export_checkpoint, parser.parse_args())
