"""The files of the page: both languages, imports that lead somewhere, nothing from another host."""

import ast
import errno
import os
import re

import pytest
from omegaconf import OmegaConf

from conftest import ROOT
from dlcourse.page.app import KINDS, STATIC
from dlcourse.page.fields import Fields
from dlcourse.page.style_transfer.settings import STYLIZE, FastSettings

TABS = ("stylegan", "style_transfer", "playground")
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
TEXT = r'"((?:[^"\\]|\\.)+)"'  # a string of JavaScript
SOURCE = ROOT / "src" / "dlcourse"
OWN_VALUES = ("nothing", "no columns", "which is unknown", "bundled faces", "the network")  # no words of a user
PLACE = re.compile("|".join((r"\{\w+\}", *OWN_VALUES)))  # in a sentence of messages.js: where a value stands
FOR_THE_TERMINAL = {SOURCE / "page" / "server.py"}


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


def texts_of(path):
    """The strings of a module but its docstrings; {} where an f-string has a value."""
    nodes = list(ast.walk(ast.parse(read(path))))
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    inner |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in (node for node in nodes if id(node) not in inner):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)


def chinese_messages():
    """English -> Chinese, as messages.js has them."""
    found = re.findall(rf"^  {TEXT}:\s+{TEXT},$", read(STATIC / "messages.js"), re.MULTILINE)
    assert len(found) > 60 and len(dict(found)) == len(found)
    return dict(found)


def test_every_message_of_the_server_has_chinese_words():
    """A message is a string of src/dlcourse/page with two words; those that are Chinese, too, need no other.

    The name of a file before a message is no part of its sentence.
    """
    known = {PLACE.sub("{}", text) for text in chinese_messages()} | set(OWN_VALUES)
    known |= {text for tab in TABS for text in re.findall(TEXT, read(STATIC / tab / "words.js"))}
    paths = set((SOURCE / "page").rglob("*.py")) - FOR_THE_TERMINAL
    said = {text for path in paths for text in texts_of(path) if re.search("[a-z] [a-z]", text) and text.isascii()}
    unknown = {text for text in said if not {text, text.removeprefix("{}: ")} & known}
    assert len(said) > 30 and not unknown, unknown


def test_every_translated_message_is_one_of_the_server():
    said = "\n".join(text for path in SOURCE.rglob("*.py") for text in texts_of(path))
    said += "\n".join(map(os.strerror, errno.errorcode))
    for english, chinese in chinese_messages().items():
        assert PLACE.sub("{}", english) in said, english
        names = [sorted(re.findall(r"\{\w+\}", text)) for text in (english, chinese)]
        assert names[0] == names[1] and len(set(names[0])) == len(names[0]), english


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


def test_the_page_paints_at_once_by_the_defaults_of_the_command():
    defaults = OmegaConf.load(ROOT / "configs" / "stylize.yaml")
    assert STYLIZE == {name: defaults[name] for name in STYLIZE}
    assert FastSettings.of(Fields({"content_size": 96, "style_size": 512})).words() == ["size=96"]
    state = read(STATIC / "style_transfer" / "state.js")
    assert f"strength: [0, 1, {defaults.strength}], grain: [0, 3, {defaults.grain}]" in state
