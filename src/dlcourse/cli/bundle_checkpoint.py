"""Make a small copy of a checkpoint to distribute: some networks, in half precision."""

import argparse
from pathlib import Path

from dlcourse.cli import command_line
from dlcourse.files.terminal import say


def bundle(arguments: argparse.Namespace) -> None:
    """Write the named parts of the source's state, rounded to half precision, to the target."""
    from dlcourse.engine import run_folder
    from dlcourse.errors import UserError
    from dlcourse.files import outputs

    path, target = run_folder.newest(arguments.source), arguments.target
    outputs.check_file(target, str(target))
    if target.resolve() == path.resolve():
        raise UserError(f"{target}: is what is read here, and would lose what is not kept; choose another name")
    from dlcourse.engine import checkpoint  # here: it loads torch

    saved = checkpoint.Checkpoint.load(path)
    missing = set(arguments.keep) - saved.state.keys()
    if missing:
        raise UserError(f"{path}: it has no {', '.join(sorted(missing))}; it has {', '.join(saved.state)}")
    state = {
        part: {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
        for part, weights in saved.state.items()
        if part in arguments.keep
    }
    config = {name: node for name, node in saved.config.items() if name in ("model", "dataset")}
    target.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save_checkpoint(target, saved.step, config, state)
    say(f"{target}: {', '.join(state)}, {target.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = command_line.Parser(
        description="Keep the named parts of a checkpoint, in half precision, and of its config what rebuilds them."
    )
    parser.add_argument("source", type=command_line.run_argument(), help="a run folder or a checkpoint file")
    parser.add_argument("target", type=Path, help="the checkpoint to write")
    parser.add_argument("--keep", nargs="+", default=["model"], help="parts of the state, such as model, generator_ema")
    command_line.run(bundle, parser.parse_args())
