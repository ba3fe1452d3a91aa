"""Labels are drawn in letters, whatever they are: never as boxes."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from dlcourse.classifier.decision_map import decision_map
from dlcourse.images import fonts
from dlcourse.images.figures import new_figure, to_image, verbatim
from dlcourse.images.fonts import NO_LETTER, font_for, has, legible
from dlcourse.images.tables import captioned, draw_tables, labelled_grid, under
from dlcourse.images.tensors import table_of_counts

LABELS = ["x1 ≤ x2", "Käse", "café", "Ελλάδα", "猫"]


@pytest.fixture(params=["this computer's fonts", "no fonts"])
def cat(request, monkeypatch):
    """What the Chinese letter becomes: itself, or its code."""
    fonts.system_font.cache_clear()
    if request.param == "no fonts":
        monkeypatch.setattr(fonts, "FOLDERS", ())
        monkeypatch.setattr(fonts.shutil, "which", lambda name: None)
    yield "猫" if request.param != "no fonts" and fonts.system_font(frozenset("猫")) else r"\u732b"
    fonts.system_font.cache_clear()


@pytest.mark.parametrize("label", LABELS)
def test_a_label_has_a_font_with_all_its_letters(cat, label):
    font = font_for(label, 20)
    shown = legible(label, font)
    assert shown == label.replace("猫", cat)
    assert all(has(font, letter) for letter in shown if letter != " ")
    assert not has(font, NO_LETTER)


def test_plain_labels_keep_the_font_that_they_had():
    assert font_for(["cats", "dogs_2"], 20).getname() == ("Aileron", "Regular")


def test_a_letter_that_no_font_has_is_written_as_its_code():
    font = font_for(f"cat {NO_LETTER}\nä", 20)
    assert legible(f"cat {NO_LETTER}\nä", font) == "cat \\U0010ffff\nä"


def blank(width: int = 200, height: int = 100) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def counts(name: str) -> Image.Image:
    return table_of_counts(torch.zeros(2, 2, dtype=torch.long), [name, name], "true", "predicted")


def mapped(name: str) -> torch.Tensor:
    inputs = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    return decision_map(lambda points: points, inputs, torch.tensor([0, 1]), [name, "b"], "points")


DRAWN = {
    "a grid": lambda text: labelled_grid(torch.ones(1, 3, 100, 200), [text], 1),
    "a table's column": lambda text: draw_tables([{("a", text): blank()}], 100),
    "a table's row": lambda text: draw_tables([{(text, "a"): blank()}], 100),
    "a heading": lambda text: under(text, blank(), 16),
    "a caption": lambda text: captioned(blank(), text, (200, 100)),
    "counts": counts,
    "a decision map": mapped,
}


@pytest.mark.parametrize("place", DRAWN)
def test_different_letters_look_different_wherever_they_are_drawn(cat, place):
    for first, second in ("≤≥", "äö", "猫犬"):  # boxes are all alike
        assert not np.array_equal(*(np.asarray(DRAWN[place](2 * letter)) for letter in (first, second)))


@pytest.mark.parametrize("label", ["x1 ≤ x2", "猫", "a$b$"])
def test_figures_have_all_letters(cat, label):
    figure = new_figure(2, 1)
    figure.text(0.1, 0.5, verbatim(label))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib warns of letters that it does not have
        assert to_image(figure).min() < 0.2
    (text,) = figure.texts
    assert text.get_text() == label.replace("猫", cat).replace("$", r"\$")
    assert (len(text.get_fontfamily()) > 1) == ("猫" in text.get_text())
