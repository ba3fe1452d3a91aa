"""The user's own points in the playground: colours, files, tables, names of classes."""

import pytest
from test_playground import POINTS, config_of, run, state_of

from dlcourse.cli.explore import compose
from dlcourse.errors import UserError
from dlcourse.page.fields import Fields
from dlcourse.page.playground import own_points
from dlcourse.page.playground.options import overrides_of
from dlcourse.page.playground.tab import PlaygroundTab
from dlcourse.page.worker import Worker


def test_own_points_keep_their_colours_and_their_plane(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points = [[x, y, 5 if number else 2] for x, y, number in POINTS]
    tab = PlaygroundTab(Worker(), compose)
    colors = tab.write_points(Fields(state_of(own=points)))
    config = config_of(data="own", own=points, steps=3)
    events = run(config, plane=(-1, 3, -1, 2), colors=colors)
    assert [(one["name"], one["color"]) for one in events[0]["classes"]] == [("3", 2), ("6", 5)]
    assert events[0]["plane"] == (-1, 3, -1, 2)
    assert {point[2] for point in events[0]["train_points"]} == {2, 5}


def test_files_of_points_go_unless_their_command_was_copied(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tab = PlaygroundTab(Worker(), compose)
    names = lambda: sorted(path.name for path in own_points.FOLDER.iterdir())
    states = [state_of(data="own", own=POINTS[: 10 + count]) for count in range(4)]
    paths = [own_points.path_of(own_points.read_points(Fields(one))).name for one in states]
    tab.write_points(Fields(states[0]))
    tab.write_points(Fields(states[1]))
    assert names() == [paths[1]]
    tab.command(Fields({"state": states[1], "keep": True}))
    tab.write_points(Fields(states[2]))
    tab.command(Fields({"state": states[3]}))
    assert names() == sorted(paths[1:3])


def test_a_table_is_read_as_the_command_reads_it():
    read = own_points.read_table_text("x1;x2;label\n0,5;1;b\n1,5;2;a\n")
    assert read == {"points": [[0.5, 1, 1], [1.5, 2, 0]], "classes": ["a", "b"], "names": ["a", "b"]}
    for text, message in {
        "": "has no x1, x2, label",
        "x1,x2\n1,2\n": "has no label",
        "x1,x2,label\n1,here,a\n": "not a finite number",
        "x1,x2,label\n1,2,a\n": "only one class",
        "x1,x2,label\n" + "1,2,a\n1,3,b\n" * 1001: "at most 2000",
        "x1,x2,label\n\ud800,2,a\n": "not a finite number",
    }.items():
        with pytest.raises((UserError, ValueError), match=message) as told:
            own_points.read_table_text(text)
        assert "\n" not in str(told.value)


NEAR_TABLES = {
    "other names": "x,y,label\n0.5,1,b\n1.5,2,a\n",
    "Chinese names": "长,宽,种类\n0.5,1,b\n1.5,2,a\n",
    "no header": "0.5,1,b\n1.5,2,a\n",
    "decimal commas": "sep=;\n0,5;1,0;b\n1,5;2,0;a\n",
    "spaces": "# p q r\n0.5 1 b\n1.5 2 a\n",
    "more columns": "p,q,kind,color\n0.5,1,b,3\n1.5,2,a,4\n",
}


@pytest.mark.parametrize("text", NEAR_TABLES.values(), ids=list(NEAR_TABLES))
def test_a_table_may_have_other_names_or_none(text):
    assert own_points.read_table_text(text)["points"] == [[0.5, 1, 1], [1.5, 2, 0]]


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,x,y,kind\n1,0.5,1,b\n", "mine.csv: has no x1, x2, label"),
        ("label,x1,y\n1,2,3\n", "mine.csv: has no x2"),
        ("1,2\n3,4\n", "mine.csv: has no"),
        ("1,2,a\n3,here,b\n", r"mine.csv: x2 of sample 2 is 'here'.*\(line 2\)"),
        ("x,y,label\n3,here,b\n", r"mine.csv: has no x1, x2"),
        ("x,y,label\n1,2,a\n3,here,b\n", r"mine.csv: x2 of sample 2 is 'here'.*\(line 3\)"),
    ],
)
def test_a_table_that_is_not_clear_is_refused_by_its_own_name(text, message):
    with pytest.raises(UserError, match=message):
        own_points.read_table_text(text, "mine.csv")


@pytest.mark.parametrize("names", [["dog", "鸟", "cat, black"], ["10", "9"], ["3", "2.0"], []])
def test_the_file_of_own_points_has_the_names_of_their_classes(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points = [[index / 10, (index * index % 7) / 7, index % 4] for index in range(24)]
    state = Fields(state_of(data="own", own=points, names=names, steps=1))
    tab = PlaygroundTab(Worker(), compose)
    colors = tab.write_points(state)
    labels = own_points.read_points(state).labels
    assert labels[: len(names)] == names and len(set(labels)) == own_points.MOST_COLORS
    first = run(compose("train", overrides_of(state, compose)), colors=colors)[0]
    assert {one["color"]: one["name"] for one in first["classes"]} == dict(enumerate(labels[:4]))
    placed = {(point[0], point[1]): point[2] for point in points}
    for x, y, color in first["train_points"]:
        nearest = min(placed, key=lambda one: abs(one[0] - x) + abs(one[1] - y))
        assert placed[nearest] == color


@pytest.mark.parametrize("names", ["cat", [1], ["a", "a"], ["1", "1.0"], [""], ["nan"], [" a"], ["a\nb"], ["a"] * 7])
def test_other_names_are_refused(names):
    with pytest.raises(UserError, match="names must be"):
        own_points.read_points(Fields(state_of(names=names)))
