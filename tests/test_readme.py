"""The README tells the truth: its commands compose, its links lead somewhere, its symbols exist."""

import re
import shlex

import pytest

from conftest import ROOT, compose

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(
    r"^python scripts/(train|sample|evaluate|style_frames|prepare_dataset)\.py(.*?)(?:\s+#.*)?$",
    README,
    re.MULTILINE,
)
LINKS = re.findall(r"\[([^\]]*)\]\(([^)#]+)\)", README)


def test_something_was_found():
    assert len(COMMANDS) >= 8 and len(LINKS) >= 12
    for target in re.findall(r"^make (\w[\w-]*)$", README, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


@pytest.mark.parametrize(("script", "arguments"), COMMANDS, ids=lambda value: value.strip()[:60])
def test_every_command_composes(script, arguments):
    overrides = [word for word in shlex.split(arguments) if word != "-m"]
    one_each = [re.split(r",(?![^\[{]*[\]}])", word)[0] for word in overrides]  # of a sweep, the first value
    compose(*one_each, config_name=script)


@pytest.mark.parametrize(("text", "target"), LINKS, ids=lambda value: value[:40])
def test_every_link_leads_to_a_file_which_holds_the_symbols_it_names(text, target):
    path = ROOT / target
    assert path.exists(), target
    for symbol in re.findall(r"`(\w+)`", text):
        assert re.search(rf"\b(def|class) {symbol}\b|^{symbol} = |^{symbol}: ", path.read_text(), re.MULTILINE), symbol
