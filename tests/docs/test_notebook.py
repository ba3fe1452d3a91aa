"""The notebook is small, without outputs, and its cells run one after the other, here with short trainings.

No Jupyter is needed for that.
"""

import ast
import json
import re

import pytest
from PIL import Image

from conftest import ROOT

CELLS = json.loads((ROOT / "notebooks" / "tour.ipynb").read_text("utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def run_cell(source, names):
    """Run a cell; return the value of its last line, which a notebook shows."""
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return last and eval(compile(last, "cell", "eval"), names)


def test_the_notebook_is_stored_without_outputs():
    assert len(CODE) >= 9
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS if "outputs" in cell)


@pytest.mark.long
def test_the_cells_run_and_show_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    short = [re.sub(r"max_steps=\d+", "max_steps=40", source) for source in CODE]
    assert short != CODE
    shown = [run_cell(source, names) for source in short]
    images = [value for value in shown if isinstance(value, Image.Image)]
    assert len(images) == 8
    assert all(image.convert("L").getextrema()[1] > 100 for image in images)
    for index, image in enumerate(images):
        image.save(tmp_path / f"{index}.png")
