"""Sum up a run in summary.html; of a classifier, also print errors, bias or variance, highest losses."""

import argparse
from pathlib import Path
from typing import Any

from dlcourse.cli import command_line
from dlcourse.cli.memory_told import memory_told
from dlcourse.errors import UserError
from dlcourse.files.terminal import aligned, say

DEVICES = "auto, cpu, cuda, cuda:N or mps (default: %(default)s)"


def count(text: str) -> int:
    if command_line.whole_number(text) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {text}")
    return int(text)


def share(text: str) -> float:
    if not 0 <= command_line.number(text) <= 1:
        raise argparse.ArgumentTypeError(f"must be in [0, 1], got {text}")
    return float(text)


@memory_told("another --device, or on a machine with more")
def report(arguments: argparse.Namespace) -> None:
    """Write the run's page; of a classifier, rebuild it from its checkpoint, print the report and write the images."""
    if (arguments.run / "config.yaml").is_file() and not write_page(arguments.run, arguments.output):
        return
    from dlcourse.engine import run_folder
    from dlcourse.files import outputs
    from dlcourse.reports.runs import results_folder

    path = run_folder.newest(arguments.run)
    output = arguments.output or results_folder(path, "report")
    outputs.check_folder(output, f"--output {output}")
    from dlcourse.images.figures import save_figure  # here: it loads torch

    task = load_task(path, arguments.device)
    say(path, "")
    print_errors(task, arguments)
    print_details(task, arguments.top)
    for name, images in task.visualize().items():
        save_figure(images, output / f"{name}.png")
        say(output / f"{name}.png")


def write_page(run_dir: Path, folder: Path | None) -> bool:
    """Write summary.html of a run, into it or a folder; return whether there is more to report: of a classifier."""
    from dlcourse.classifier.task import Classification
    from dlcourse.engine.checkpoint import task_of
    from dlcourse.engine.run_folder import all_of
    from dlcourse.reports.runs import check_links, read_config
    from dlcourse.reports.summary import write_summary

    check_links(run_dir)
    try:
        say(write_summary(run_dir, folder=folder))
    except PermissionError as error:
        raise UserError(f"{error.filename}: {error.strerror}; give --output FOLDER, another one") from error
    return issubclass(task_of(read_config(run_dir)), Classification) and bool(all_of(run_dir))


def load_task(path: Path, device: str) -> Any:
    """The classification task of a checkpoint, with its state, on a device.

    Raises:
        UserError: no such device, another task, a damaged checkpoint, or settings that do not fit the data.
    """
    from dlcourse.classifier.task import Classification
    from dlcourse.engine.build import objection
    from dlcourse.engine.checkpoint import Checkpoint, check_weights_finite, task_of
    from dlcourse.engine.rebuild import build_of_file
    from dlcourse.engine.targets import CLASSIFICATION

    saved = Checkpoint.load(path)
    if not issubclass(task_of(saved.config), Classification):
        raise UserError(f"{path}: dlcourse report needs a checkpoint of a classifier; this one is {saved.kind()}")
    imposed = {"cache": None, "download": False}  # an untrusted file must not write or download anything
    task = build_of_file(saved.config.get("task"), "task", path, CLASSIFICATION, imposed)
    if not isinstance(task, Classification):
        raise UserError(f"{path}: a checkpoint of {type(task).__name__}; this report is about classifiers")
    place = device_of(device)
    try:
        task.setup(place)
    except ValueError as error:
        raise UserError(f"{path}: its {objection('task', error, {'batch_size': None})}") from error
    except UserError as error:
        raise UserError(f"{path}: its {error}") from error
    saved.restore(task.state())
    check_weights_finite(task.model.state_dict(), f"{path}: its classifier")
    return task


def device_of(name: str) -> Any:
    """The torch.device of --device; UserError if there is none."""
    from dlcourse.engine.device import find_device

    try:
        return find_device(name)
    except ValueError as error:
        raise UserError(str(error).replace("device=", "--device ")) from error


def print_errors(task: Any, arguments: argparse.Namespace) -> None:
    """Print errors, losses and calibration on the three sets, and the diagnosis of bias and variance."""
    from dlcourse.classifier.diagnosis import calibration_error, diagnose

    rows, errors = [["set", "samples", "error", "loss", "calibration error"]], {}
    for name, (inputs, labels) in {"train": task.train_set, "dev": task.dev_set, "test": task.test_set}.items():
        measured = task.measure(inputs, labels)
        errors[name] = 1 - float(measured["accuracy"])
        probabilities = task.probabilities(inputs)
        if not probabilities.isfinite().all():
            reason = "its weights are damaged, or its training diverged"
            raise UserError(f"{arguments.run}: the classifier's outputs on {name} are no finite numbers: {reason}")
        calibration = calibration_error(probabilities, labels)
        rows.append([name, str(len(labels)), f"{errors[name]:.4f}", f"{measured['loss']:.4g}", f"{calibration:.4f}"])
    found = diagnose(errors["train"], errors["dev"], arguments.bayes_error, arguments.tolerance)
    say(*aligned(rows))
    say("", f"avoidable bias {found.avoidable_bias:.4f}, variance {found.variance:.4f}: {found.verdict}")
    say(f"what helps: {found.advice}", "")


def print_details(task: Any, num_top: int) -> None:
    """Print the confusion matrix, the highest losses and the norms of the weights."""
    from dlcourse.classifier.diagnosis import top_losses, weight_norms
    from dlcourse.classifier.task import confusion_matrix

    inputs, labels = task.dev_set
    logits, classes = task.logits(inputs), task.dataset.classes
    counts = confusion_matrix(labels, logits.argmax(1), len(classes)).tolist()
    say("confusion on dev (rows true, columns predicted)")
    say(*aligned([["", *classes], *([name, *map(str, row)] for name, row in zip(classes, counts, strict=True))]))
    say("", "highest losses on dev", "-" * 21)
    worst = top_losses(logits, labels, num_top)
    rows = [[str(i), classes[t], classes[p], f"{v:.3g}"] for i, t, p, v in worst]
    say(*aligned([["sample", "true", "predicted", "loss"], *rows]))
    norms = [[n, str(c), f"{s:.4g}", f"{z:.3f}"] for n, c, s, z in weight_norms(task.model)]
    say("", "weights", *aligned([["name", "number", "sum of squares", "share below 0.001"], *norms]), "")


def main() -> None:
    parser = command_line.Parser(
        description="Write a run's page, RUN/summary.html. Of a classifier, also print train, dev and test error, "
        "diagnosis of bias and variance, confusion matrix, top losses and weights.",
        example="runs/points/TIME --top 20",
    )
    text = "a run folder, or a checkpoint file of a classifier"
    parser.add_argument("run", type=command_line.run_argument(), metavar="RUN", help=text)
    parser.add_argument(
        "--bayes-error",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="the error nobody can go below, in [0, 1] (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerance",
        type=share,
        default=0.05,
        metavar="SHARE",
        help="a difference of errors above this is high (default: %(default)s)",
    )
    parser.add_argument(
        "--top",
        type=count,
        default=10,
        metavar="N",
        help="how many of the highest losses on dev to list (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help=DEVICES)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder of page and images (default: the run, and report/ in it, or here)",
    )
    command_line.run(report, parser.parse_args())
