import re
import sys

import pytest
import torch
from torch import nn

from conftest import run_script
from dlcourse.classifier.diagnosis import calibration_error, diagnose, top_losses, weight_norms
from dlcourse.cli import report
from dlcourse.engine import checkpoint, run_folder
from dlcourse.errors import UserError
from dlcourse.files import torch_file
from dlcourse.stylegan.interop.files import load_pretrained


@pytest.mark.parametrize(
    ("train", "dev", "bayes", "verdict"),
    [
        (0.01, 0.11, 0.0, "high variance (overfitting)"),
        (0.15, 0.16, 0.0, "high bias (underfitting)"),
        (0.15, 0.30, 0.0, "high bias and high variance"),
        (0.005, 0.01, 0.0, "bias and variance are both low"),
        (0.15, 0.16, 0.15, "bias and variance are both low"),
        (0.20, 0.42, 0.0, "high bias and high variance"),  # 80 % right in training, 58 % on dev
    ],
)
def test_the_diagnoses_of_the_course(train, dev, bayes, verdict):
    found = diagnose(train, dev, bayes, tolerance=0.05)
    assert found.verdict == verdict and found.advice
    assert found.avoidable_bias == pytest.approx(train - bayes) and found.variance == pytest.approx(dev - train)


def test_top_losses_weights_and_calibration_by_hand():
    logits = torch.tensor([[4.0, 0.0], [0.0, 1.0], [5.0, 0.0]])
    labels = torch.tensor([0, 1, 1])
    assert [row[:3] for row in top_losses(logits, labels, 2)] == [(2, 1, 0), (1, 1, 1)]
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.weight, 2.0)
    layer.weight.data[0, 0] = 0.0
    assert weight_norms(layer) == [("weight", 4, 12.0, 0.25)]
    sure = torch.tensor([[0.8, 0.2]]).expand(10, -1)
    assert calibration_error(sure, torch.tensor([0] * 8 + [1] * 2)) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(sure, torch.tensor([0] * 5 + [1] * 5)) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--top", "-5", "must be at least 0, got -5"),
        ("--bayes-error", "1.5", r"must be in \[0, 1\], got 1.5"),
        ("--bayes-error", "nan", "must be a number, got nan"),
    ],
)
def test_senseless_numbers_are_refused(option, value, reason, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["report.py", "run", option, value])
    with pytest.raises(SystemExit, match="1"):
        report.main()
    assert re.match(f"error: argument {option}: {reason}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("task", "serves"),
    [
        ("dlcourse.classifier.task.Classification", "of a classifier: dlcourse report and dlcourse predict read it"),
        ("dlcourse.stylegan.task.StyleGAN", "of a StyleGAN: dlcourse sample and dlcourse evaluate read it"),
        (
            "dlcourse.style_transfer.task.StyleTransfer",
            "of a style transfer: dlcourse sheet and dlcourse animate read it",
        ),
        ("dlcourse.classifier.attribute_task.Attributes", "of a reader of attributes: dlcourse evaluate reads it"),
        ("dlcourse.engine.runner.Runner", "of another task"),
        (["os.system"], "of another task"),
    ],
)
def test_a_checkpoint_of_another_system_is_told_what_serves_it(task, serves, tmp_path):
    file = tmp_path / "a.pt"
    checkpoint.save_checkpoint(file, 1, {"task": {"_target_": task}}, {"canvas": {}})
    if "classifier:" not in serves:
        with pytest.raises(
            UserError, match=f"^{file}: dlcourse report needs a checkpoint of a classifier; this one is {serves}$"
        ):
            report.load_task(file, "cpu")
    if "StyleGAN" not in serves:
        with pytest.raises(
            UserError, match=f"^{file}: a checkpoint of dlcourse, but not of a StyleGAN; it is {serves}$"
        ):
            load_pretrained(file)


def test_a_run_of_any_task_gets_its_page(tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("task: {_target_: dlcourse.stylegan.task.StyleGAN}")
    monkeypatch.setattr(sys, "argv", ["report.py", str(run)])
    report.main()
    assert capsys.readouterr().out == f"{run / 'summary.html'}\n"
    assert "<h1>a StyleGAN</h1>" in (run / "summary.html").read_text()
    (run / "images").symlink_to(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        report.main()
    assert capsys.readouterr().err == f"error: {run / 'images'}: a link that leaves the run's folder; remove it\n"


def test_the_script_reports_a_run_and_refuses_others(tmp_path):
    done = run_script("train.py", "run_dir=run", "runner.max_steps=300", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_script("report.py", "run", "--top", "2", "--bayes-error", "0.01", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("avoidable bias", "what helps", "confusion on dev", "highest losses on dev", "sum of squares"):
        assert words in done.stdout
    assert {path.name for path in (tmp_path / "run" / "report").iterdir()} == {"decision_map.png", "confusion.png"}
    failed = run_script("report.py", "nowhere", cwd=tmp_path)
    assert failed.returncode == 1 and failed.stderr == "error: nowhere: no such run folder or checkpoint file\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    done = run_script("train.py", "run_dir=p", "runner.max_steps=2", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def assert_told(folder, message, *words):
    done = run_script("report.py", *words, cwd=folder)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: {message}")


def test_a_batch_size_in_the_file_that_does_not_fit_is_told(run, tmp_path):
    content = torch_file.load(run_folder.newest(run / "p"))
    content["config"]["task"]["batch_size"] = 0
    torch_file.save(content, tmp_path / "a.pt")
    assert_told(tmp_path, "a.pt: its task.batch_size must be at least 1", "a.pt")


def test_weights_that_are_no_numbers_are_told(run, tmp_path):
    content = torch_file.load(run_folder.newest(run / "p"))
    weights = content["state"]["model"]
    name = next(name for name in weights if name.endswith("weight"))
    weights[name] = torch.full_like(weights[name], 3e38)
    torch_file.save(content, tmp_path / "huge.pt")
    assert_told(tmp_path, "huge.pt: the classifier's outputs on train are no finite numbers", "huge.pt")
    weights[name][0, 0] = torch.nan
    torch_file.save(content, tmp_path / "nan.pt")
    assert_told(tmp_path, f"nan.pt: its classifier has weights that are not finite ({name}): it is damaged", "nan.pt")


def test_a_device_that_is_not_there_is_told(run):
    assert_told(run, "--device nope cannot be used here (", "p", "--device", "nope")
