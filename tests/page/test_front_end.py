"""The files of the page: both languages, imports that lead somewhere, nothing from another host."""

import re

import pytest

from dlcourse.page.app import KINDS, STATIC

TABS = ("stylegan", "style_transfer", "playground")
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
TEXT = r'"((?:[^"\\]|\\.)+)"'  # a string of JavaScript


def name_of(path):
    return path.relative_to(STATIC).as_posix()


def read(path):
    return path.read_text(encoding="utf-8")


def test_all_files_are_served():
    assert len(SCRIPTS) > 20 and {path.suffix for path in FILES} <= set(KINDS)


@pytest.mark.parametrize("tab", TABS)
def test_every_text_has_chinese_words(tab):
    known = {text for path in (STATIC / "words.js", STATIC / tab / "words.js") for text in re.findall(TEXT, read(path))}
    scripts = [*(STATIC / tab).glob("*.js"), STATIC / "dom.js", STATIC / "app.js"]
    used = {text for path in scripts for text in re.findall(rf"\bt\(\s*{TEXT}", read(path))}
    assert len(used) > 30 and used <= known, used - known


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts(path):
    text = read(path)
    assert text.startswith("// ") and text.count("\n") <= 300 and max(map(len, text.splitlines())) <= 120
    for found in re.findall(r'(?:import|from)\s*"([^"]+)"', text):
        assert found.startswith(".") and (path.parent / found).is_file(), found
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b", text)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_comes_from_another_host(path):
    assert set(re.findall(r"https?://[^\s\"'`<)]+", read(path))) <= {"http://www.w3.org/2000/svg"}


def test_the_page_loads_its_styles():
    page = read(STATIC / "index.html")
    for path in (path for path in FILES if path.suffix == ".css"):
        assert f'href="/static/{name_of(path)}"' in page
