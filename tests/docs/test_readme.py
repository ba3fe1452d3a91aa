"""The README tells the truth: links lead somewhere, symbols exist; for its commands see test_documented_commands.py."""

import re

import pytest

from conftest import ROOT

README = (ROOT / "README.md").read_text()
LINKS = re.findall(r"\[([^\]]*)\]\(([^)#]+)\)", README)


def test_something_was_found():
    assert len(LINKS) >= 12


@pytest.mark.parametrize(("text", "target"), LINKS, ids=lambda value: value[:40])
def test_every_link_leads_to_a_file_which_holds_the_symbols_it_names(text, target):
    path = ROOT / target
    assert path.exists(), target
    for symbol in re.findall(r"`(\w+)`", text):
        assert re.search(rf"\b(def|class) {symbol}\b|^{symbol} = |^{symbol}: ", path.read_text(), re.MULTILINE), symbol
