"""Classify images or points with a trained network."""

import argparse
import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dlcourse.classifier.data.words import TABLES, check_there
from dlcourse.cli import command_line
from dlcourse.cli.memory_told import memory_told
from dlcourse.cli.report import DEVICES, device_of, share
from dlcourse.engine import run_folder
from dlcourse.errors import UserError
from dlcourse.files.terminal import aligned, padded, printable, say, width

if TYPE_CHECKING:
    from PIL import Image

    from dlcourse.classifier.predict import Prediction
    from dlcourse.classifier.trained import TrainedClassifier

WIDEST_NAME = 60  # columns of the terminal; longer names push the others of their line to the right


@memory_told("another --device, or on a machine with more")
def predict(arguments: argparse.Namespace) -> None:
    """Rebuild the network from its checkpoint, classify, print and write the predictions."""
    check_words(arguments.run, arguments.inputs)
    path = best_or_newest(arguments.run)
    from dlcourse.classifier.data.unlabelled import samples_of  # here: they load torch
    from dlcourse.classifier.predict import MAX_SHOWN, predictions
    from dlcourse.classifier.trained import TrainedClassifier
    from dlcourse.datasets.sources import report_files
    from dlcourse.files import outputs
    from dlcourse.files.atomic import atomic_write
    from dlcourse.images.files import save_image
    from dlcourse.reports.runs import results_folder

    folder = arguments.output or results_folder(path, "predictions")
    outputs.check_folder(folder, f"--output {folder}", "predictions.csv")
    classifier = TrainedClassifier.load(path, device_of(arguments.device))
    samples = samples_of(list(map(str, arguments.inputs)), classifier.shape)
    say(f"{path}: step {classifier.step}, {described(classifier)}", "")
    batches = predictions(classifier, samples, samples.batch_size)
    if (first := next(batches, None)) is None:
        raise UserError(samples.why_none())
    table = outputs.unused(folder / "predictions.csv")
    folder.mkdir(parents=True, exist_ok=True)
    results = Results(classifier, arguments.uncertain, MAX_SHOWN[len(classifier.shape)])
    with atomic_write(table) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        results.take(chain([first], batches), file)
    report_files("skipped", f"{len(samples.skipped)} file{'s' * (len(samples.skipped) != 1)}", samples.skipped)
    results.say_summary(samples.plural)
    save_image(results.figure(samples), table.with_suffix(".png"))
    say("", table, table.with_suffix(".png"))


def check_words(run: Path, inputs: Sequence[Path]) -> None:
    """Raise UserError for an input in the place of the run, or one that is not there."""
    from dlcourse.images.files import SUFFIXES  # here: it loads numpy and Pillow

    if not inputs and not run_folder.all_of(run):
        raise UserError(
            f"{run}: a run comes first, then what to classify: dlcourse predict RUN {shlex.quote(str(run))}"
        )
    if not inputs:
        raise UserError("no INPUT: an image, a folder of images, or a point such as 0.3,0.7")
    is_input = run.suffix.lower() in {*SUFFIXES, *TABLES, ".zip"} and not run.is_dir()
    other = next((one for one in inputs if run_folder.all_of(one)), None)
    if is_input or (other and not run.is_file() and not run_folder.all_of(run)):
        words = shlex.join(map(str, [other or "RUN", run]))
        raise UserError(f"{run}: not a run; the run comes first: dlcourse predict {words}")
    if not run.exists():
        run_folder.newest(run)
    for one in inputs:
        check_there(str(one))


def best_or_newest(run: Path) -> Path:
    """The checkpoint with the lowest dev loss of a run folder, if it kept one, else as `run_folder.newest`."""
    best = run / "checkpoints" / "best.pt"
    return best if best.is_file() else run_folder.newest(run)


def described(classifier: "TrainedClassifier") -> str:
    """The classes and the inputs of a classifier, for the first line."""
    names = ", ".join(classifier.classes[:10]) + (", ..." if len(classifier.classes) > 10 else "")
    of_images = " x ".join(map(str, classifier.shape[1:]))
    inputs = f"images of {of_images} pixels" if of_images else "points"
    return f"{inputs} in {len(classifier.classes)} classes ({names})"


class Results:
    """Prints and writes predictions as they come, counts them, and keeps the first ones for a figure."""

    def __init__(self, classifier: "TrainedClassifier", threshold: float, most_shown: int):
        self.classifier, self.threshold, self.most_shown = classifier, threshold, most_shown
        self.classes = classifier.classes
        self.counts, self.uncertain = Counter[int](), Counter[int]()  # by class
        self.right, self.labelled, self.unknown = 0, 0, Counter[str]()  # of the labels in tables
        self.shown: list[Prediction] = []
        self.name_width, self.class_width = 0, max(map(width, self.classes))

    def take(self, batches: Iterable[Sequence["Prediction"]], file: TextIO) -> None:
        """Print and count predictions, and write them into a CSV file."""
        from dlcourse.images.tables import unique

        columns = ["file", "class", "probability"]
        writer = csv.writer(file)
        writer.writerow([*columns, *unique([*columns, *self.classes])[len(columns) :]])
        for batch in batches:
            self.say_lines(batch)
            self.count_right(batch)
            self.shown += batch[: self.most_shown - len(self.shown)]
            for one in batch:
                self.counts[one.label] += 1
                self.uncertain[one.label] += one.is_uncertain(self.threshold)
                numbers = [f"{value:.6g}" for value in (one.probability(), *one.probabilities.tolist())]
                name = printable(one.sample.name)
                writer.writerow([name, self.classes[one.label], *numbers])

    def say_lines(self, batch: Sequence["Prediction"]) -> None:
        """Print a line for each prediction, in columns."""
        names = [printable(one.sample.name) for one in batch]
        self.name_width = max([self.name_width, *(min(width(name), WIDEST_NAME) for name in names)])
        for name, one in zip(names, batch, strict=True):
            label = padded(self.classes[one.label], self.class_width)
            other = f"  uncertain: {self.classes[one.second]} {one.probabilities[one.second]:.3f}"
            end = other if one.is_uncertain(self.threshold) else ""
            say(f"{padded(name, self.name_width)}  {label}  {one.probability():.3f}{end}")

    def count_right(self, batch: Sequence["Prediction"]) -> None:
        """Compare the predictions with the labels, where there are any."""
        from dlcourse.classifier.predict import classes_of

        known = classes_of({one.sample.truth for one in batch} - {""}, self.classes)
        self.unknown.update(one.sample.truth for one in batch if one.sample.truth and one.sample.truth not in known)
        labelled = [one for one in batch if one.sample.truth in known]
        self.labelled += len(labelled)
        self.right += sum(known[one.sample.truth] == one.label for one in labelled)

    def say_summary(self, plural: str) -> None:
        """Print how many inputs are of each class that was found, how many are uncertain, and the accuracy."""
        rows = [[self.classes[n], str(self.counts[n]), str(self.uncertain[n])] for n in sorted(self.counts)]
        rows.append(["all", str(self.counts.total()), str(self.uncertain.total())])
        say("", *aligned([["class", plural, f"uncertain (below {self.threshold:g})"], *rows]))
        if self.labelled:
            say("", f"accuracy {self.right / self.labelled:.4f} on {self.labelled} labelled {plural}")
        if self.unknown:
            label, _ = self.unknown.most_common(1)[0]
            say(f"labels that are no class of this classifier: {self.unknown.total()}, such as {label}")

    def figure(self, samples: Any) -> "Image.Image":
        """The decision map or the contact sheet, of the first predictions."""
        from dlcourse.classifier.predict import figure

        return figure(self.shown, self.classifier, samples, self.threshold, self.counts.total())


def main() -> None:
    parser = command_line.Parser(
        description="The class of each image or point by a trained network, with its probability. Needs no training "
        "data. Writes predictions.csv and predictions.png.",
        example="runs/mine PHOTO.jpg",
    )
    parser.add_argument(
        "run",
        type=command_line.run_argument("Classification"),
        metavar="RUN",
        help="a run folder (its best.pt, else its newest checkpoint) or a checkpoint",
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        type=Path,
        metavar="INPUT",
        help="images, folders of images, .zips; for a classifier of points: tables (.csv, .tsv, .npz) with columns x1, "
        "x2 and perhaps label, or points such as 0.3,-1.2",
    )
    parser.add_argument(
        "--uncertain",
        type=share,
        default=0.6,
        metavar="P",
        help="a prediction with a probability below P is uncertain, and the next class is named (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help=DEVICES)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder of the results (default: predictions/ in the run, or here)",
    )
    parser._negative_number_matcher = re.compile(r"-[\d.]+([,，]|$)")  # argparse: -1.2,0.3 is no option, either
    command_line.run(predict, parser.parse_args())
