"""The Chinese pages show the commands of the English ones, and lead to them and back."""

import os

import pytest

from conftest import ROOT
from documented import TRANSLATED, of_page, plain


def test_readme_and_the_three_systems_are_there_in_chinese():
    pages = ("classifier", "explore", "style_transfer", "stylegan")
    assert set(TRANSLATED) == {ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in pages)}


@pytest.mark.parametrize(("english", "chinese"), TRANSLATED.items(), ids=lambda page: page.name)
def test_both_languages_show_the_same_commands(english, chinese):
    commands, translated = ([plain(one) for one in of_page(page.read_text())] for page in (english, chinese))
    assert set(commands) == set(translated) and len(commands) > (4 if english.name == "explore.md" else 20)


@pytest.mark.parametrize(("english", "chinese"), TRANSLATED.items(), ids=lambda page: page.name)
def test_each_language_leads_to_the_other(english, chinese):
    for page, other in ((english, chinese), (chinese, english)):
        assert f"]({os.path.relpath(other, page.parent)})" in page.read_text()
