"""Tables of points as people's programs write them, and what is wrong with others."""

import re

import numpy as np
import pytest

from dlcourse.classifier.data import points_table
from dlcourse.classifier.data.points_file import PointsFile

ROWS = [(0.5 * i, 1.25 - 0.25 * i, "red" if i % 3 else "blue") for i in range(20)]


def points_file(path, dev_fraction=0.2, test_fraction=0.2):
    return PointsFile(str(path), dev_fraction, test_fraction, input_noise_std=0.0, seed=0)


def table(separator=",", rows=ROWS, end="\n", header=("x1", "x2", "label")):
    return "".join(separator.join(map(str, row)) + end for row in [header, *rows])


def with_commas(rows):
    return [(str(x).replace(".", ","), str(y).replace(".", ","), label) for x, y, label in rows]


def write(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (table(";"), "utf-8"),
        (table("\t"), "utf-8"),
        (table("|"), "utf-8"),
        (table(" "), "utf-8"),
        (table("  "), "utf-8"),
        (table(", "), "utf-8"),
        (table(";", with_commas(ROWS)), "utf-8-sig"),
        (table("\t", with_commas(ROWS)), "utf-16"),
        (table("\t", end="\r\n"), "utf-16"),
        ("\ufeff" + table(), "utf-16-be"),
        ("sep=;\r\n" + table(";", end="\r\n") + "\r\n\r\n", "utf-8-sig"),
        ("\n" + table(end="\n\n") + " , ,\n,,\n\n", "utf-8"),
        (table(header=(" X1", '"X2"', "Label ")), "utf-8"),
        (table(header=("# x1", "x2", "label")), "utf-8"),
        (table(";", [(f'"{x}"', f'" {y} "', f'"{label}"') for x, y, label in ROWS]), "utf-8"),
        (table(",", [(f'"{x}"', f'"{y}"', label) for x, y, label in ROWS], header=('"x1"', "x2", "label")), "utf-8"),
        (table(rows=[(*row, "", "") for row in ROWS]), "utf-8"),
        (
            table(";", [(7, label, "a,b", y, x) for x, y, label in ROWS], header=("n", "label", "c,d", "x2", "x1")),
            "utf-8",
        ),
    ],
    ids=range(18),
)
def test_every_way_of_writing_the_same_points(tmp_path, content, encoding):
    expected = points_file(write(tmp_path / "plain.csv", table()))
    found = points_file(write(tmp_path / "a.tsv", content, encoding))
    assert found.classes == ["blue", "red"]
    for one, other in zip(
        (found.train, found.dev, found.test), (expected.train, expected.dev, expected.test), strict=True
    ):
        assert one[0].equal(other[0]) and one[1].equal(other[1])


@pytest.mark.parametrize(
    ("labels", "classes", "counts"),
    [
        (["0", "0.0", "1", "1.00", "01"], ["0", "1"], [8, 12]),
        (["10", "9", "8"], ["8", "9", "10"], [6, 7, 7]),
        (["7", "2"], ["2", "7"], [10, 10]),
        (["1", "1.0", "one"], ["1", "1.0", "one"], [7, 7, 6]),
        (["9007199254740993", "9007199254740992"], ["9007199254740992", "9007199254740993"], [10, 10]),
        (["10", "1_0"], ["10", "1_0"], [10, 10]),
        (["\x1b[2Ja", "b" * 100], [r"\x1b[2Ja", "b" * 37 + "..."], [10, 10]),
    ],
)  # fmt: skip
def test_labels_are_classes_by_value_and_named_as_in_the_file(tmp_path, labels, classes, counts):
    rows = [(i, -i, labels[i % len(labels)]) for i in range(20)]
    data = points_file(write(tmp_path / "a.csv", table(rows=rows)))
    assert data.classes == classes
    assert sum(labels.bincount() for _, labels in (data.train, data.dev, data.test)).tolist() == counts


def test_labels_of_arrays_are_classes_too(tmp_path):
    x = np.arange(20.0)
    for label, classes in (
        (np.arange(20) % 2 * 7, ["0", "7"]),
        (np.array([b"k\xc3\xa4se", b"b"] * 10), ["b", "käse"]),
        (np.array([True, False] * 10), ["False", "True"]),
        (np.array(["0", "0.0", "1", "1"] * 5), ["0", "1"]),
        (np.array([0.1, 1] * 10, dtype=">f4"), ["0.1", "1.0"]),
    ):
        np.savez(tmp_path / "a.npz", x1=x.astype(">f8"), x2=(2 * x).astype(np.uint8), label=label)
        data = points_file(tmp_path / "a.npz")
        assert data.classes == classes and len(data.train[0]) == 12


GOOD = table(rows=[(i, -i, i % 2) for i in range(20)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "1,2,7\n", "class 7 has 1 sample; at least 3 are needed, for train, dev and test"),
        (GOOD + "1,2,7\n3,3,7.0\n", "class 7 has 2 samples; at least 3"),
        (GOOD + "1,5,2,5,1\n", "line 22 has 5 cells, and the header 3"),
        (GOOD.replace(",", ";") + "1,5;2.5;1\n", "x2 of sample 21 is '2.5', but ',' was used before .line 22"),
        (GOOD.replace(",", ";") + "1.234,5;2;1\n", "x1 of sample 21 is '1.234,5', not a finite number .* .line 22"),
        (GOOD + "\n\n1_000,2,1\n", "x1 of sample 21 is '1_000', not a finite number .* .line 24"),
        (GOOD + "1,-inf,1\n", "x2 of sample 21 is '-inf', not a finite number of at most 1e.18 .line 22"),
        (GOOD + "1,1e30,1\n", "x2 of sample 21 is '1e30', not a finite number of at most 1e.18 .line 22"),
        (GOOD + "1,{0},1\n", "x2 of sample 21 is '[{]0}', not a finite number"),
        (GOOD + "1,2,NaN\n", "sample 21 has no label .line 22"),
        (GOOD + '1,2,"a\n' + GOOD, "cannot be read .unexpected end of data"),
        ("x1,x1,x2,label\n", "has two columns x1"),
        ("1,2,a\n" * 9, "has no x1, x2, label .it has 1, 2, a"),
        (table(rows=[(1_700_000_000 + i, i, i % 2) for i in range(100)]), "x1 is from 1700000000 to 1700000099: its "
         "values do not differ in the first 7 digits, .* subtract their mean"),
        (table(rows=[(i, i, i) for i in range(1001)]), "more than 1000 different labels; they must be classes"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_told_with_its_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        points_file(write(tmp_path / "a.csv", text))
    assert str(error.value).startswith(f"path={tmp_path / 'a.csv'}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"dev_fraction": 0}, "dev_fraction must be in (0, 1), got 0"),
        ({"test_fraction": 1.0}, "test_fraction must be in (0, 1), got 1.0"),
        (
            {"dev_fraction": 0.5, "test_fraction": 0.5},
            "test_fraction=0.5 and dev_fraction=0.5 leave no points to train on",
        ),
    ],
)
def test_fractions_that_leave_a_set_empty_are_named(tmp_path, fractions, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        points_file(write(tmp_path / "points.csv", table()), **fractions)


def test_text_in_another_encoding_is_not_guessed(tmp_path):
    with pytest.raises(ValueError, match="is no text in UTF-8 or UTF-16 .* save it as CSV UTF-8"):
        points_file(write(tmp_path / "a.csv", GOOD + "1,2,käse\n", "cp1252"))


def test_limits_of_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(points_table, "MAX_ROWS", 1500)
    with pytest.raises(ValueError, match="more than 1500 samples"):
        points_file(write(tmp_path / "a.csv", GOOD * 1 + "1,2,1\n" * 1500))
    monkeypatch.setattr(points_table, "MAX_LINES", 100)
    with pytest.raises(ValueError, match="or more than 100 lines"):
        points_file(write(tmp_path / "a.csv", GOOD + "\n" * 100))


def test_points_that_are_there_twice_are_told(tmp_path, capsys):
    points_file(write(tmp_path / "a.csv", table(rows=[(i // 2, 1, i % 2) for i in range(20)])))
    assert "10 of 20 points lie where another one does" in capsys.readouterr().err
    points_file(write(tmp_path / "a.csv", GOOD))
    assert capsys.readouterr().err == ""


def test_huge_values_and_a_constant_column_are_trained_on(tmp_path):
    import torch

    from conftest import compose
    from dlcourse.engine.build import build

    write(tmp_path / "a.csv", table(rows=[((i - 50) * 2e16, 5, i % 2) for i in range(100)]))
    task = build(compose("dataset=points_file", f"dataset.path={tmp_path / 'a.csv'}")["task"], "task")
    task.setup(torch.device("cpu"))
    assert all(task.step()["train/loss"].isfinite() for _ in range(5))
    assert all(image.isfinite().all() for image in task.visualize().values())


def test_a_thousand_classes_are_a_small_image():
    import torch

    from dlcourse.images.tensors import LARGEST_TABLE, table_of_counts

    counts = torch.eye(1000, dtype=torch.int64) * 3
    table = table_of_counts(counts, [str(index) for index in range(1000)], "true class", "predicted")
    assert max(table.size) <= LARGEST_TABLE + 24
    assert table.getpixel((2, 26)) == (8, 64, 129) and table.getpixel((9, 26)) == (255, 255, 255)
    names = table_of_counts(counts[:20, :20], ["x" * 40] * 20, "true class", "predicted")
    assert max(names.size) <= LARGEST_TABLE + 24  # names of forty letters make wide cells
