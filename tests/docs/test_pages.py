"""The pages in docs keep their word: programs run, files and symbols exist; commands: test_documented_commands.py."""

import re

import pytest

from conftest import ROOT
from dlcourse.classifier.demonstrations import SUMMARIES

PAGE = "".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
DEMONSTRATIONS = re.findall(r"`dlcourse demonstrate (\w+)`", PAGE)


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_a_program_runs_and_says_true_shapes(program, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(program, names)
    said = re.findall(r"^ *(\w+) = .*# .*?(\([\d, ]+\))", program, re.MULTILINE)
    assert said and all(str(tuple(names[name].shape)) == shape for name, shape in said)


def test_every_demonstration_has_its_line():
    assert set(DEMONSTRATIONS) == set(SUMMARIES)


def test_every_row_of_the_course_has_its_line():
    counts = {"E": 5, "M": 11, "T": 6, "B": 6, "O": 14, "V": 6, "R": 9, "I": 6, "C": 11, "N": 9, "S": 16}
    mentioned = set(re.findall(r"\b[EMTBOVRICNS]\d+\b", PAGE))
    for letter, first, last in re.findall(r"\b([EMTBOVRICNS])(\d+)-[EMTBOVRICNS]?(\d+)\b", PAGE):
        mentioned |= {f"{letter}{number}" for number in range(int(first), int(last) + 1)}
    assert {f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)} <= mentioned


def test_files_and_symbols_exist():
    cells = re.findall(r"\[[\w./]+\]\(\.\./([^)#]+)\)((?:,? `[\w.]+`)*)", PAGE)
    assert len(cells) > 30
    for path, symbols in cells:
        text = (ROOT / path).read_text()
        for symbol in re.findall(r"`([\w.]+)`", symbols):
            for part in symbol.split("."):
                assert re.search(rf"^\s*(class|def) {part}\b|^{part}\b", text, re.MULTILINE), f"{path}: {part}"
