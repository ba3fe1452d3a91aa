"""Names that no encoding, number or file system foresaw: of files and folders, and keys as a person types them."""

import json

import pytest
import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlcourse.cli import key_names, path_overrides, resuming, run_folders
from dlcourse.engine.logger import RunLogger
from dlcourse.errors import UserError
from dlcourse.reports.runs import find_runs, read_config
from dlcourse.stylegan.interop import huangzh13, mmgen
from dlcourse.stylegan.interop.files import load_pretrained

RAW = b"q\xff\xe9.jpg".decode(errors="surrogateescape")  # a file name of raw bytes, as Python gives it


def test_a_run_remembers_a_name_of_raw_bytes(tmp_path):
    config = {"content": RAW, RAW: 1, "style": "日本.jpg", "control": "a\x1b\nb"}
    run_folders.record_config(OmegaConf.create(config), tmp_path)
    with RunLogger(tmp_path, config, step=0, max_steps=1) as logger:
        logger.advance(1, {"train/loss": 1.0}, is_last=True)
    assert read_config(tmp_path) == config
    assert OmegaConf.to_container(resuming.read_composed(tmp_path / "composed.yaml")) == config
    assert EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]


def test_a_run_with_odd_metrics_goes_on(tmp_path):
    tags = {
        tag: 1.0
        for name in ("a", "((", "\udce9", "\x1b]0;")
        for tag in (f"train/{name}", f"dev/{name}", f"{name}/d_{name}")
    }
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1} | tags) + "\n")
    with RunLogger(tmp_path, {}, step=1, max_steps=2) as logger:
        logger.advance(2, {"train/loss": 1.0}, is_last=True)
    assert "((" in logger.charts and all(map(str.isprintable, logger.charts))


def test_runs_are_sorted_by_any_digits(tmp_path):
    for name in ("1²2", "٣", "10_a", "2_a", "½"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("{}")
        (tmp_path / name / "metrics.jsonl").write_text('{"step": 1}\n')
    names = [run.path.name for run in find_runs([tmp_path])]
    assert names.index("2_a") < names.index("٣") < names.index("10_a") and len(names) == 5


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a" * 300, "File name too long; choose another name"), (RAW, "whose name is not UTF-8; choose another")],
)
def test_a_folder_that_cannot_have_its_name_is_refused(name, reason, tmp_path):
    with pytest.raises(UserError, match=f"^run_dir=x: .*{reason}$"):
        run_folders.check_name("run_dir=x", tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_bundled_file_of_too_long_a_name_is_none():
    path = f"checkpoints/{'a' * 300}.pt"
    assert path_overrides.bundled(path) == path


def test_a_key_is_named_as_it_is_typed():
    config = {"seed": 0, "runner": {"seed": "${seed}"}, "optimizer": {"lr": "${start}"}, "start": 1}
    config |= {"task": {"optimizer": "${optimizer}", "models": [{"a": 1}], "size": "${size:}px"}}
    for key, typed in {
        "task.optimizer": "optimizer",
        "task.optimizer.momentum": "optimizer.momentum",
        "task.optimizer.lr": "start",
        "runner.seed": "seed",
        "task.models[0].a": "task.models[0].a",
        "task.size": "task.size",
        "elsewhere/task.optimizer": "elsewhere/task.optimizer",
    }.items():
        for end in ("", " must be a number", ": Adam: odd", "._target_: refused"):
            assert key_names.as_typed(key + end, config) == typed + end
    assert key_names.as_typed("", config) == ""


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 9, "٣" * 5])
@pytest.mark.parametrize("name", [huangzh13.CONST, huangzh13.SCORE, mmgen.CONST, "synthesis.layer0.const"])
def test_a_name_with_an_absurd_number_is_of_no_known_format(name, number, tmp_path):
    torch.save({name: torch.zeros(1), f"blocks.{number}.conv0_up.weight": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="of none of the known formats") as caught:
        load_pretrained(tmp_path / "a.pt")
    assert len(str(caught.value)) < 500
