"""debug=fast and debug=overfit, with every experiment."""

import json
import re

import pytest
import torch

from conftest import EXPERIMENTS, IMAGES, SMALL, compose, run_script
from dlcourse.classifier.data.labelled import OneBatch
from dlcourse.engine.build import build

FOLDERS = ("cats", "logistic", "stylegan_few_images", "stylegan_paper")  # experiments on the user's images
OTHERS = [name for name in EXPERIMENTS if "style" in name] + [  # experiments that do not classify
    "combine_images",
    "content_reconstruction",
    "copy_image",
    "projection",
    "texture",
]
QUICK, SLOW = ("points", "digits", "logistic", "batchnorm"), pytest.mark.slow
CLASSIFIERS = [name for name in EXPERIMENTS if name not in OTHERS]


def preset(debug, experiment, run_dir, *more):
    """Train with a preset; return what the program said, and the rows of its metrics."""
    words = [f"experiment={experiment}", f"debug={debug}", f"run_dir={run_dir}", *more]
    if experiment in FOLDERS:
        words.append(f"dataset.root={IMAGES}")
    words += SMALL["projection"] if experiment == "projection" else []
    result = run_script("train.py", *words, cwd=run_dir.parent)
    metrics = run_dir / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return result, [json.loads(line) for line in lines]


@pytest.mark.long
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_fast_goes_the_whole_path_with_every_experiment(experiment, tmp_path):
    result, rows = preset("fast", experiment, tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert list((tmp_path / "run" / "images").glob("*_0000004.png"))
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("step_*")) == [
        "step_0000004.pt",
        "step_0000008.pt",
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "experiment", [name if name in QUICK else pytest.param(name, marks=SLOW) for name in CLASSIFIERS]
)
def test_every_classifier_fits_a_small_batch(experiment, tmp_path):
    result, rows = preset("overfit", experiment, tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert rows[-1]["train/loss"] < 0.02, rows[-1]


@pytest.mark.long
def test_weights_that_stay_zero_do_not_fit_a_small_batch(tmp_path):
    _, rows = preset("overfit", "initialization", tmp_path / "run", "model.init=zeros")
    assert rows[-1]["train/loss"] > 0.5


@pytest.mark.parametrize(
    ("experiment", "reason"),
    [("stylegan_faces", "losses of a GAN.*debug=fast"), ("texture", "always fits one image.*experiment=copy_image")],
)
def test_overfit_is_refused_where_no_loss_approaches_zero(experiment, reason, tmp_path):
    result, rows = preset("overfit", experiment, tmp_path / "run")
    assert result.returncode == 1 and not rows and not (tmp_path / "run").exists()
    assert re.fullmatch(rf"error: debug=overfit: not for task=\w+: .*{reason}.*\n", result.stderr)


def test_the_command_line_wins_over_the_preset_and_the_preset_over_the_experiment():
    config = compose("experiment=batch_size", "debug=fast", "runner.log_every=2")
    assert config["runner"]["max_steps"] == 8 and config["runner"]["log_every"] == 2
    assert config["dataset"]["faces"]["num_images"] == 128  # by the name of the data set
    assert compose("debug=overfit", "task.overfit=5")["task"]["overfit"] == 5
    assert compose("experiment=batch_size", "debug=overfit")["task"]["max_epochs"] is None


def test_one_batch_is_spread_over_the_classes_and_serves_as_all_three_sets():
    dataset = build(compose("experiment=regularization", "dataset.input_noise_std=1")["dataset"])
    order = dataset.train[1].argsort(stable=True)
    dataset.train = tuple(array[order] for array in dataset.train)
    batch = OneBatch(dataset, 16)
    inputs, labels = batch.train
    assert len(inputs) == len(labels) == 16 and len(labels.unique()) == 2
    assert batch.dev is batch.train and batch.test is batch.train
    assert torch.equal(batch.augment(inputs), inputs)
    assert len(OneBatch(dataset, 16).train[1]) == 16
    with pytest.raises(ValueError, match="overfit must be at least 1, got 0"):
        OneBatch(dataset, 0)
