"""Underfitting, a good fit and overfitting: decision maps of three networks trained on the same points."""

from functools import partial

import torch

from dlcourse.classifier.data.points import NoisyLine, Points
from dlcourse.classifier.demonstrations import Demonstration
from dlcourse.classifier.networks import MLP
from dlcourse.classifier.task import Classification
from dlcourse.engine.schedules import Constant
from dlcourse.images.figures import new_figure, to_image

NOISE = 0.1  # share of training points with a wrong label, all above the line; the test labels are right
NUM_UPDATES = 1000
FITS: dict[str, list[int]] = {"underfitted": [], "well fitted": [10], "overfitted": [80, 50, 30]}  # -> hidden units
TITLE_HEIGHT = 60  # pixels


def fit(hidden: list[int], seed: int) -> Classification:
    """A classifier with these hidden layers, trained with full batches."""
    with torch.random.fork_rng(devices=[]):  # an MLP draws its weights from the global generator
        torch.manual_seed(seed)
        task = Classification(
            partial(MLP, hidden=hidden, activation="relu", init="he", init_std=0.0, dropout=0.0, norm="none"),
            Points(NoisyLine(NOISE), num_train=200, num_dev=1000, num_test=4000, input_noise_std=0.0, seed=seed),
            optimizer=partial(torch.optim.Adam, lr=0.01),
            scheduler=Constant(),
            batch_size=None,
            max_epochs=None,
            normalize="standard",
            l2=0.0,
            l1=0.0,
            patience=None,
            overfit=None,
            seed=seed,
        )
        task.setup(torch.device("cpu"))
        for _ in range(NUM_UPDATES):
            task.step()
    return task


def errors(task: Classification) -> tuple[float, float]:
    train, test = (1 - float(task.measure(*arrays)["accuracy"]) for arrays in (task.train_set, task.test_set))
    return train, test


def demonstrate() -> Demonstration:
    """Decision maps from the smallest to the largest network.

    A straight line is the best rule, and yet a linear model underfits: it cannot be confident below the line and
    uncertain above it, so the wrong labels shift its line.
    """
    tasks = {name: fit(hidden, seed=0) for name, hidden in FITS.items()}
    maps = [task.visualize()["decision_map"][0].permute(1, 2, 0).numpy() for task in tasks.values()]  # each (H, W, 3)
    height, width, _ = maps[0].shape
    figure = new_figure(len(maps) * width / 100, (height + TITLE_HEIGHT) / 100)
    lines = []
    for index, (name, task) in enumerate(tasks.items()):
        train, test = errors(task)
        title = f"{name}: hidden={FITS[name]}"
        figure.figimage(maps[index], xo=index * width, yo=0)  # pixel by pixel
        x, y = (index + 0.5) / len(maps), 1 - TITLE_HEIGHT / 2 / (height + TITLE_HEIGHT)
        text = f"{title}\ntrain error {train:.1%}, test error {test:.1%}"
        figure.text(x, y, text, ha="center", va="center", fontsize=14)
        lines.append(f"{title}: train error {train:.3f}, test error {test:.3f}")
    lines.append(f"{NOISE:.0%} of the training labels are wrong, none of the test labels")
    return Demonstration(to_image(figure), lines)
