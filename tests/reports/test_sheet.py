"""The last images of several runs on a sheet: which stands where, under which title, fitted into equal cells."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from dlcourse.errors import UserError
from dlcourse.images.tables import columns_of, draw_tables, rows_of, wrap
from dlcourse.reports.runs import Run
from dlcourse.reports.sheet import arrange, brief

FONT = ImageFont.load_default(14)


def runs_of(*settings, path="sweep"):
    return [Run(Path(path, str(index)), keys, [{"step": 1}]) for index, keys in enumerate(settings)]


def grid_of(table):
    """The numbers of the runs, row by row; None is an empty cell."""
    numbers = {cell: int(run.path.name) for cell, run in table.items()}
    return [[numbers.get((row, column)) for column in columns_of(table)] for row in rows_of(table)]


def weights(*pairs):
    return runs_of(*({"seed": 0, "task.content_weight": alpha, "task.style_weight": beta} for alpha, beta in pairs))


def test_one_key_makes_a_row_in_the_order_of_the_runs():
    table = arrange(weights((10.0, 1.0), (2.5, 1.0), (1e6, 1.0)))
    assert rows_of(table) == [""]
    assert columns_of(table) == ["content_weight 10", "content_weight 2.5", "content_weight 1e+06"]
    assert grid_of(table) == [[0, 1, 2]]


def test_two_keys_make_a_table_whose_rows_change_less_often():
    pairs = [(alpha, beta) for alpha in (1, 10, 100) for beta in (5, 6)]
    table = arrange(weights(*pairs))
    assert rows_of(table) == ["content_weight 1", "content_weight 10", "content_weight 100"]
    assert columns_of(table) == ["style_weight 5", "style_weight 6"]
    assert grid_of(table) == [[0, 1], [2, 3], [4, 5]]
    swapped = arrange(weights(*((beta, alpha) for alpha, beta in pairs)))
    assert rows_of(swapped)[0] == "style_weight 1" and grid_of(swapped) == grid_of(table)
    assert grid_of(arrange(weights(*pairs[:-1]))) == [[0, 1], [2, 3], [4, None]]


def test_asked_for_rows_or_columns_leave_the_rest_to_the_other_axis():
    runs = weights(*((alpha, beta) for alpha in (1, 10, 100) for beta in (5, 6)))
    for asked in ({"columns": "task.content_weight"}, {"rows": "task.style_weight"}):
        table = arrange(runs, **asked)
        assert rows_of(table) == ["style_weight 5", "style_weight 6"] and grid_of(table) == [[0, 2, 4], [1, 3, 5]]
    both = arrange(runs, rows="task.style_weight", columns="task.content_weight")
    assert grid_of(both) == [[0, 2, 4], [1, 3, 5]]
    column = arrange(runs[::2], rows="task.content_weight")
    assert columns_of(column) == [""] and grid_of(column) == [[0], [2], [4]]
    row = arrange(runs[::2], columns="task.content_weight")
    assert rows_of(row) == [""] and grid_of(row) == [[0, 2, 4]]


def test_three_keys_share_the_columns_and_a_sparse_table_is_a_row():
    full = [{"a.x": x, "a.y": y, "seed": seed} for x in (1, 2) for y in (3, 4) for seed in (0, 1)]
    table = arrange(runs_of(*full))
    assert rows_of(table) == ["x 1", "x 2"] and grid_of(table) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert columns_of(table)[1] == "y 3\nseed 1"
    sparse = arrange(runs_of(*({"a.x": n, "a.y": n // 2, "a.z": n // 4} for n in (0, 1, 2, 3, 4))))
    assert grid_of(sparse) == [[0, 1, 2, 3, 4]]
    mixed = [{"a.x": 0, "a.y": y, "a.z": 0} for y in (1, 2, 3)] + [{"a.x": x, "a.y": 0, "a.z": x} for x in (1, 2, 3)]
    mixed += [{"a.x": 5, "a.y": 1, "a.z": 9}]
    assert grid_of(arrange(runs_of(*mixed))) == [[0, 1, 2, 3, 4, 5, 6]]


def test_seeds_are_an_axis_like_others_but_not_before_them():
    row = arrange(runs_of(*({"seed": seed, "dataset.seed": seed} for seed in (3, 1, 2))))
    assert columns_of(row) == ["seed 3", "seed 1", "seed 2"] and grid_of(row) == [[0, 1, 2]]
    adam, sgd = "torch.optim.Adam", "torch.optim.SGD"
    runs = runs_of(*({"seed": s, "optimizer._target_": o} for o in (adam, sgd) for s in (0, 1, 2)))
    table = arrange(runs)
    assert rows_of(table) == ["optimizer Adam", "optimizer SGD"] and columns_of(table)[2] == "seed 2"
    assert rows_of(arrange(runs, columns="optimizer")) == ["seed 0", "seed 1", "seed 2"]
    together = arrange(runs_of(*({"seed": n, "lr": n} for n in (0, 1))))
    assert columns_of(together) == ["lr 0", "lr 1"]


def test_another_choice_of_layers_is_one_key():
    layers = [{"relu1_1": 1}, {"relu2_1": 1.0}, {"relu1_1": 0.5, "relu2_1": 0.5}, {"relu1_1": 1, "relu2_1": 0.25}]
    runs = [{f"task.content_layers.{name}": value for name, value in choice.items()} for choice in layers]
    runs = runs_of(*(keys | {"task._target_": "x.Task", "task.init": "noise"} for keys in runs))
    table = arrange(runs)
    assert grid_of(table) == [[0, 1, 2, 3]] and columns_of(table) == [
        "content_layers relu1_1",
        "content_layers relu2_1",
        "content_layers relu1_1, relu2_1",
        "content_layers relu1_1: 1, relu2_1: 0.25",
    ]
    proportional = [
        {"layers.a": 1, "layers.b": 1},
        {"layers.a": 2.0, "layers.b": 2.0},
        {"layers.a": 1.0, "layers.b": 1},
    ]
    table = arrange(runs_of(*(keys | {"seed": seed} for seed, keys in enumerate(proportional))), columns="layers")
    assert columns_of(table) == ["layers {a: 1, b: 1}", "layers {a: 2, b: 2}"]
    even = runs_of(*({"task.layers.a": a, "task.layers.b": b} for a, b in ((1, 0), (0, 1), (1, 1))))
    assert columns_of(arrange(even, columns="task.layers")) == ["layers a", "layers b", "layers a, b"]


def test_other_arguments_of_another_class_are_no_mapping():
    sgd, adam = {"optimizer._target_": "torch.optim.SGD"}, {"optimizer._target_": "torch.optim.Adam"}
    table = arrange(runs_of(sgd | {"optimizer.momentum": 0.9}, adam | {"optimizer.eps": 1e-8}))
    assert columns_of(table) == ["optimizer SGD", "optimizer Adam"]


def test_values_are_brief_unless_that_makes_them_the_same():
    paths = ["a/cat.jpg", "b/dog.jpg"]
    assert columns_of(arrange(runs_of(*({"content": path} for path in paths)))) == [
        "content cat.jpg",
        "content dog.jpg",
    ]
    paths = ["a/cat.jpg", "b/cat.jpg"]
    assert columns_of(arrange(runs_of(*({"content": path} for path in paths)))) == [f"content {path}" for path in paths]
    assert columns_of(arrange(runs_of({"x": 0.12345678}, {"x": 0.12345679}))) == ["x 0.12345678", "x 0.12345679"]
    assert columns_of(arrange(runs_of({"x": None}, {"x": True}, {}))) == ["x null", "x true", "x -"]
    assert columns_of(arrange(runs_of({"x": 10, "y": 1}, {"x": 10.0, "y": 2}))) == ["y 1", "y 2"]  # 10 is 10.0
    assert brief([1.0, 0.5]) == "1, 0.5" and brief([]) == "none" and brief({"a": 0, "b": 0}) == "a, b"


def test_names_that_would_be_the_same_keep_their_path():
    runs = runs_of(*({"a.x": x, "g.lr": g, "d.lr": d} for x in (1, 2) for g in (3, 4) for d in (5, 6)))
    assert next(iter(arrange(runs))) == ("x 1", "g.lr 3\nd.lr 5")
    table = arrange(runs_of(*({"g.lr": g, "d.lr": d} for g in (3, 4) for d in (5, 6))))
    assert next(iter(table)) == ("g.lr 3", "d.lr 5")


def test_runs_without_a_difference_are_called_by_their_folders():
    assert columns_of(arrange(runs_of({"lr": 1}))) == ["folder 0"]
    assert columns_of(arrange(runs_of({"lr": 1}, {"lr": 1}))) == ["folder 0", "folder 1"]
    twice = runs_of({"lr": 1}, {"lr": 2}, path="a") + runs_of({"lr": 1}, path="b")
    assert columns_of(arrange(twice)) == ["folder a/0", "folder a/1", "folder b/0"]


def test_keys_that_make_no_table_are_named_with_the_cure():
    runs = runs_of(*({"seed": s, "a.x": x, "a.y": y} for s in (0, 1) for x in (1, 2) for y in (1, 2)))
    with pytest.raises(UserError, match=r"several runs in one cell, for they differ in seed too; leave out --rows or"):
        arrange(runs, rows="a.x", columns="a.y")
    with pytest.raises(UserError, match=r"^a\.z: no such key; the runs differ in seed, a\.x, a\.y$"):
        arrange(runs, rows="a.z")
    same = runs_of({"a.x": 1}, {"a.x": 1})
    with pytest.raises(UserError, match=r"they differ in folder too"):
        arrange(same, rows="a.x", columns="a.x")
    with pytest.raises(UserError, match=r"the runs differ in nothing"):
        arrange(same, rows="lr")


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)),
    kept=st.sets(st.integers(0, 47), min_size=1),
    asked=st.sampled_from([{}, {"rows": "x"}, {"columns": "y"}, {"rows": "z"}]),
)
def test_every_run_has_a_cell_of_its_own(shape, kept, asked):
    settings = [{"x": i, "y": j, "z": k} for i in range(shape[0]) for j in range(shape[1]) for k in range(shape[2])]
    runs = runs_of(*(found for number, found in enumerate(settings) if number in kept or number == 0))
    table = arrange(runs, **asked)
    assert sorted(run.path for run in table.values()) == sorted(run.path for run in runs)


@given(text=st.text(alphabet="ab ._\n", max_size=60), width=st.integers(20, 200))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text, width):
    lines = wrap(text, FONT, width)
    squeeze = lambda words: "".join(words).replace(" ", "").replace("\n", "")
    assert squeeze(lines) == squeeze(text) and all(FONT.getlength(line) <= width for line in lines if len(line) > 1)


def test_titles_of_forged_values_are_a_line_each():
    table = arrange(runs_of({"content": "a\nb\x1b.jpg"}, {"content": "\udce9.jpg"}))
    assert columns_of(table) == [r"content a\nb\x1b.jpg", r"content \udce9.jpg"]
    image = draw_tables([{cell: Image.new("RGB", (16, 16)) for cell in table}], 64)
    assert image.width > 64
