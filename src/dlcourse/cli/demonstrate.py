"""Draw the ideas of the course, each as one image."""

import argparse
from pathlib import Path

from dlcourse.classifier.demonstrations import SUMMARIES, demonstrate
from dlcourse.cli import command_line
from dlcourse.errors import UserError
from dlcourse.files import outputs
from dlcourse.files.terminal import say


def draw_demonstrations(arguments: argparse.Namespace) -> None:
    """Run the demonstrations one after the other; each writes <name>.png."""
    for name in arguments.names:
        if name not in SUMMARIES:
            raise UserError(f"{name}: no such demonstration; choose from {', '.join(SUMMARIES)}")
    outputs.check_folder(arguments.output, f"--output {arguments.output}")
    from dlcourse.images.figures import save_figure  # here: --help and a wrong name are answered without torch

    for name in arguments.names or SUMMARIES:
        image, lines = demonstrate(name)
        path = arguments.output / f"{name}.png"
        try:
            save_figure(image, path)
        except OSError as error:
            raise UserError(f"--output {error}") from error
        say(path, *(f"  {line}" for line in lines))


def main() -> None:
    width = max(map(len, SUMMARIES))
    parser = command_line.Parser(
        description="Draw the course's demonstrations and print what was measured.",
        epilog="demonstrations:\n" + "\n".join(f"  {name:<{width}}  {what}" for name, what in SUMMARIES.items()),
        example="softmax schedules",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to draw (default: all)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demonstrations"),
        metavar="FOLDER",
        help="folder of the images (default: %(default)s)",
    )
    command_line.run(draw_demonstrations, parser.parse_args())
