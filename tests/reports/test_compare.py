import csv
import json

import pytest

from conftest import run_script
from dlcourse.errors import UserError
from dlcourse.reports.compare import (
    band,
    chosen_tags,
    differing_keys,
    draw_curves,
    group_by_settings,
    groups_spreadsheet,
    groups_table,
    without_tag,
)
from dlcourse.reports.runs import find_runs


def write_run(path, rows, **keys):
    config = {"seed": 0, "task": {"seed": 0}, "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1}} | keys
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(json.dumps(config))
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows(*losses, rate=10.0):
    return [
        {"step": 5 * (index + 1), "dev/loss": loss, "progress/epoch": index / 2, "perf/steps_per_second": rate}
        for index, loss in enumerate(losses)
    ]


@pytest.fixture
def sweep(tmp_path):
    adam = {"_target_": "torch.optim.Adam", "lr": 0.1, "eps": 1e-8}
    write_run(tmp_path / "0", rows(4.0, 2.0), seed=0)
    write_run(tmp_path / "1", rows(2.0, 1.0), seed=1, task={"seed": 1})
    write_run(tmp_path / "2", rows(1.0, 0.5, rate=20.0), seed=0, optimizer=adam, run_dir="elsewhere")
    return tmp_path


def test_runs_that_differ_in_their_seed_belong_together(sweep):
    runs = find_runs([sweep])
    assert set(differing_keys(runs)) == {"optimizer._target_", "optimizer.eps"}
    groups = group_by_settings(runs)
    assert [(group.name, len(group.runs)) for group in groups] == [("optimizer=SGD", 2), ("optimizer=Adam", 1)]


def test_mean_and_band_by_hand(sweep):
    first, second = group_by_settings(find_runs([sweep]))
    found = band(first.runs, "dev/loss", "step", 0.0)
    assert found.positions == [5, 10] and found.means == [3.0, 1.5]
    assert found.deviations == pytest.approx([2**0.5, 0.5**0.5])
    assert found.lower[0] == 2.0 and found.upper[0] == pytest.approx(3 + 2**0.5)
    assert band(second.runs, "dev/loss", "seconds", 0.0).positions == [0.25, 0.5]
    assert band(second.runs, "dev/loss", "epoch", 0.0).positions == [0, 0.5]
    assert band(second.runs, "dev/loss", "step", 0.0).deviations == [0.0, 0.0]
    assert band(second.runs, "dev/loss", "step", 0.5).means == pytest.approx([1.0, (0.25 + 0.25) / 0.75])


def test_the_table_and_the_spreadsheet_agree(sweep):
    groups = group_by_settings(find_runs([sweep]))
    assert groups_table(groups, ["dev/loss"]) == [
        ["settings", "runs", "step", "dev/loss"],
        ["optimizer=SGD", "2", "10", "1.5 ± 0.71"],
        ["optimizer=Adam", "1", "10", "0.5"],
    ]
    numbers = groups_spreadsheet(groups, ["dev/loss"])
    assert numbers[0] == ["settings", "runs", "step", "dev/loss mean", "dev/loss std"]
    assert numbers[1][3:] == [1.5, pytest.approx(0.7071, abs=1e-4)] and numbers[2] == [
        "optimizer=Adam",
        1,
        "10",
        0.5,
        "",
    ]


def test_a_value_that_was_no_number_is_said_so(tmp_path):
    write_run(tmp_path / "0", [{"step": 1, "dev/loss": None, "perf/steps_per_second": 1.0}])
    groups = group_by_settings(find_runs([tmp_path]))
    assert groups_table(groups, ["dev/loss"])[1] == ["all", "1", "1", "no number"]


def test_the_curves_are_drawn(sweep):
    groups = group_by_settings(find_runs([sweep]))
    image = draw_curves(groups, ["dev/loss"], "epoch", 0.5)
    assert image.shape[:2] == (1, 3) and image.std() > 0.05


def test_what_cannot_be_compared_is_named(tmp_path, sweep):
    runs = find_runs([sweep])
    assert chosen_tags(runs, None) == ["dev/loss"]
    with pytest.raises(UserError, match="--metrics dev/f1: logged by no run; there are dev/loss, "):
        chosen_tags(runs, ["dev/f1"])
    with pytest.raises(UserError, match="no run there or below"):
        find_runs([tmp_path / "nope"])
    (sweep / "2" / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match="has logged nothing yet"):
        find_runs([sweep])


MOMENTUM = {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9}


def test_groups_have_the_names_that_were_typed(tmp_path):
    write_run(tmp_path / "0", rows(4.0), choices={"experiment": "a", "optimizer": "sgd"})
    write_run(tmp_path / "1", rows(4.0), choices={"experiment": "a", "optimizer": "momentum"}, optimizer=MOMENTUM)
    write_run(tmp_path / "2", rows(4.0), choices={"experiment": "b", "optimizer": "plain"}, seed=1)  # it is sgd
    groups = group_by_settings(find_runs([tmp_path / "0", tmp_path / "1"]))
    assert [group.name for group in groups] == ["optimizer=sgd", "optimizer=momentum"]
    groups = group_by_settings(find_runs([tmp_path]))
    assert [(group.name, len(group.runs)) for group in groups] == [("momentum=-", 2), ("momentum=0.9", 1)]
    write_run(tmp_path / "3", rows(4.0), seed=2)  # of an earlier version, which noted no choices
    assert set(differing_keys(find_runs([tmp_path]))) == {"optimizer.momentum"}


def test_a_metric_that_some_runs_lack_is_shown_and_said(sweep):
    (sweep / "2" / "metrics.jsonl").write_text('{"step": 5, "train/loss": 3.0, "perf/steps_per_second": 1.0}\n')
    runs = find_runs([sweep])
    groups, tags = group_by_settings(runs), chosen_tags(runs, None)
    assert tags == ["dev/loss", "train/loss"]
    assert [row[3:] for row in groups_table(groups, tags)[1:]] == [["1.5 ± 0.71", "-"], ["-", "3"]]
    assert without_tag(runs, tags) == [
        f"dev/loss: not logged by 1 of 3 runs, such as {sweep / '2'}",
        f"train/loss: not logged by 2 of 3 runs, such as {sweep / '0'}",
    ]
    assert band(runs, "dev/loss", "step", 0.0).means == [3.0, 1.5]
    assert draw_curves(groups, tags, "step", 0.0).std() > 0.05


def test_without_losses_nothing_is_named_that_was_not_asked_for(tmp_path):
    write_run(tmp_path / "0", [{"step": 1, "gan/score": 1.0}])
    with pytest.raises(
        UserError, match="^no run has logged a loss or an accuracy; choose by --metrics from gan/score$"
    ):
        chosen_tags(find_runs([tmp_path]), None)


def test_a_run_without_speed_has_no_seconds(sweep, tmp_path):
    write_run(tmp_path / "slow" / "0", rows(4.0, 2.0, rate=0.0))
    (slow,) = find_runs([tmp_path / "slow"])
    assert slow.axis("seconds") == {}
    with pytest.raises(UserError, match="^--over seconds: no run has logged it; --over step is of all$"):
        draw_curves(group_by_settings([slow]), ["dev/loss"], "seconds", 0.0)
    runs = [slow, *find_runs([sweep / "2"])]
    assert draw_curves(group_by_settings(runs), ["dev/loss"], "seconds", 0.0).std() > 0.05


def test_images_of_style_transfer_are_no_settings_of_others(tmp_path):
    for name, path in (("0", "cat.jpg"), ("1", "$\\frac$ \x1b.jpg")):
        write_run(
            tmp_path / "points" / name,
            rows(4.0),
            content=path,
            dataset={"_target_": "dlcourse.classifier.data.points.Points"},
        )
        write_run(tmp_path / "style" / name, rows(4.0), content=path, dataset={"content": path})
    assert differing_keys(find_runs([tmp_path / "points"])) == {}
    runs = find_runs([tmp_path / "style"])
    assert list(differing_keys(runs)) == ["content"]
    groups = group_by_settings(runs)
    assert [group.name for group in groups] == ["content=cat.jpg", "content=$\\frac$ \\x1b.jpg"]
    assert draw_curves(groups, ["dev/loss"], "step", 0.0).std() > 0.05  # no formula is read into it


def test_the_script_writes_figure_and_table(sweep, tmp_path):
    done = run_script("compare.py", str(sweep), "--output", "out", "--over", "seconds", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "optimizer.eps: -, 1e-08" in done.stdout and "optimizer=SGD" in done.stdout
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / "table.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [row["settings"] for row in csv.DictReader(file)] == ["optimizer=SGD", "optimizer=Adam"]
    failed = run_script("compare.py", "nowhere", cwd=tmp_path)
    assert failed.returncode == 1 and failed.stderr == "error: nowhere: no run there or below\n"
