"""Put the final images of several runs into one table."""

import argparse
from pathlib import Path

from dlcourse.cli import command_line
from dlcourse.files.terminal import say


def make_sheet(arguments: argparse.Namespace) -> None:
    """Read the runs, arrange their images in a table and write it."""
    from dlcourse.errors import UserError
    from dlcourse.files import outputs
    from dlcourse.reports.runs import find_runs

    if arguments.output.suffix.lower() != ".png":
        raise UserError(f"--output {arguments.output}: the name of a sheet must end in .png")
    outputs.check_file(arguments.output, f"--output {arguments.output}")
    runs = find_runs(arguments.runs)
    from dlcourse.images.figures import save_figure  # here: they load torch
    from dlcourse.images.tables import Cell, Table, draw_tables
    from dlcourse.images.tensors import to_tensor
    from dlcourse.reports import sheet

    table = sheet.arrange(runs, arguments.rows, arguments.columns)
    inputs: Table[Cell] = dict(sheet.inputs([run.path for run in runs])) if arguments.inputs else {}
    images: Table[Cell] = dict(sheet.final_images(table, arguments.name))
    alone: Table[Cell] = {("", "result"): next(iter(images.values()))}
    blocks = [inputs | alone] if len(runs) == 1 else [inputs, images]
    tables = [row for block in blocks if block for row in sheet.broken(block)]
    image = draw_tables(tables, arguments.height)
    save_figure(to_tensor(image)[None], arguments.output)
    say(arguments.output)


def main() -> None:
    parser = command_line.Parser(
        description="A sheet of the last images of several runs, laid out by the keys in which the runs differ.",
        example="runs/texture --rows objective.style_weight --output texture.png",
    )
    parser.add_runs()
    parser.add_argument(
        "--name", metavar="NAME", help="which images, images/NAME_<step>.png (default: the only kind there is)"
    )
    parser.add_argument(
        "--rows",
        metavar="KEY",
        help="the key by which runs stand in rows, such as objective.content_weight (default: by which they differ)",
    )
    parser.add_argument("--columns", metavar="KEY", help="the same for columns, such as dataset.style_size")
    parser.add_argument(
        "--output", type=Path, default=Path("sheet.png"), metavar="PATH.png", help="the sheet (default: %(default)s)"
    )
    parser.add_argument(
        "--height", type=int, default=256, metavar="PIXELS", help="of each image, in pixels (default: %(default)s)"
    )
    parser.add_argument("--inputs", action="store_true", help="the content and style image of style transfer, too")
    command_line.run(make_sheet, parser.parse_args())
