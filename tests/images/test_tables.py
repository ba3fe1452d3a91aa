"""Titles and captions of image tables."""

import time

from PIL import Image

from dlcourse.images.fonts import font_for
from dlcourse.images.tables import MOST_LETTERS, draw_tables, wrap


def test_a_word_too_long_is_cut_where_the_width_ends():
    text = "short " + "abcdefghij" * 20
    font = font_for(text, 13)
    first, *pieces = wrap(text, font, 100)
    assert first == "short" and "".join(pieces) == text.removeprefix("short ")
    for piece, following in zip(pieces, pieces[1:], strict=False):
        assert font.getlength(piece) <= 100 < font.getlength(piece + following[0])
    assert wrap("WW", font, 1) == ["W", "W"]  # at least a letter a line


def test_endless_titles_are_cut_and_drawn_soon():
    """As the seed of a stranger's run: "xxx...", 100 000 letters of it, in 40 runs."""
    cells = {(f"seed={'x' * 100_000}{run}", ""): Image.new("RGB", (64, 48)) for run in range(40)}
    start = time.process_time()
    sheet = draw_tables([cells], 48)
    assert sheet.height < 40 * 80 and time.process_time() - start < 20
    assert "".join(wrap("x" * 1000, font_for("x", 13), 100)) == "x" * MOST_LETTERS + "..."
