"""Make an animation of the images of a run."""

import argparse
from pathlib import Path

from dlcourse.cli import command_line
from dlcourse.files.terminal import say


def animate(arguments: argparse.Namespace) -> None:
    """Find the images and write the animation."""
    from dlcourse.files import outputs
    from dlcourse.reports.runs import images_of

    name, images = images_of(arguments.run, arguments.name)
    output = arguments.output or arguments.run / f"{name}.gif"
    outputs.check_file(output, f"--output {output}")
    from dlcourse.reports import animation  # here: it loads torch

    animation.write_animation(images, output, arguments.seconds)
    say(output)


def main() -> None:
    parser = command_line.Parser(
        description="An animation of a run's images, images/NAME_<step>.png, in the order of steps.",
        example="runs/points/TIME decision_map --seconds 8",
    )
    parser.add_argument("run", type=command_line.run_argument(), metavar="RUN", help="a run folder")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="which images, such as decision_map (default: the only kind there is)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="PATH", help="the animation, .gif, .webp or .mp4 (default: RUN/NAME.gif)"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, metavar="N", help="seconds from the first image to the last (default: 5)"
    )
    command_line.run(animate, parser.parse_args())
