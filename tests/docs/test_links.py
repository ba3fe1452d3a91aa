"""Links of README and docs lead somewhere, and to the symbols they name; commands: test_documented_commands.py."""

import re

import pytest

from conftest import ROOT
from documented import PAGES

LINKS = [
    (path.relative_to(ROOT), text, target)
    for path in PAGES
    for text, target in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", path.read_text())
    if not target.startswith("https:")
]


def anchors(page):
    """The ids that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "text", "target"), LINKS, ids=lambda value: str(value)[:40])
def test_every_link_leads_to_a_file_which_holds_the_symbols_it_names(page, text, target):
    name, _, anchor = target.partition("#")
    path = (ROOT / page).parent / name if name else ROOT / page
    assert path.exists(), target
    assert not anchor or anchor in anchors(path), target
    for symbol in re.findall(r"`(\w+)`", text):
        assert re.search(rf"\b(def|class) {symbol}\b|^{symbol} = |^{symbol}: ", path.read_text(), re.MULTILINE), symbol


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=str)
def test_the_files_to_read_are_about_as_long_as_stated(page):
    stated = re.findall(r"\]\((src/[\w/]+\.py)\)\s*[(（](\d+)[)）]", page.read_text())
    assert len(stated) == 9
    for name, count in stated:
        assert abs(int(count) - len((ROOT / name).read_text().splitlines())) <= 10, name


def test_equations_and_pages_were_found():
    equations = [text for page, text, _ in LINKS if page.name == "equations.md" and re.search(r"`\w+`", text)]
    assert len(equations) > 25 and {page for page, _, _ in LINKS} == {path.relative_to(ROOT) for path in PAGES}


@pytest.mark.parametrize("page", [page for page in PAGES if not page.name.startswith("README.")], ids=str)
def test_a_page_opens_with_a_sentence_an_image_and_its_command(page):
    languages = r"(?:English \| .+\n\n|\[English.+\n\n)?"
    assert re.match(rf"# .+\n\n{languages}(?!!|#|`)[^\n](?:.+\n)+\n!\[.+\n\n```\n(dlcourse|python) ", page.read_text())
