"""The shape of the code, held by measurement: who imports whom, and how long things are."""

import ast
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "dlcourse"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CODE = SOURCES + sorted((ROOT / "scripts").glob("*.py")) + sorted((ROOT / "benchmarks").glob("*.py"))
# Folders of src/dlcourse from the bottom up: each imports itself and what stands below it.
LAYERS = (
    ("errors",),
    ("files",),
    ("images",),
    ("engine",),
    ("datasets", "nn"),
    ("classifier", "style_transfer", "stylegan"),
    ("search",),
    ("reports",),
    ("page",),
    ("cli",),
)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {
                name if (PACKAGE.parent / Path(*name.split("."))).with_suffix(".py").exists() else str(node.module)
                for name in names
            }
    return found


def is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def folder_of(module: str) -> str:
    """The part of dlcourse that a module belongs to; "" of dlcourse itself."""
    return (module.split(".") + [""])[1]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_down(path):
    """A system imports no other system; engine knows no system; Hydra is for cli."""
    module = module_of(path)
    here = folder_of(module)
    level = next(index for index, layer in enumerate(LAYERS) if here in layer) if here else 0
    below = {name for layer in LAYERS[:level] for name in layer}
    for imported in imports_of(path):
        is_hydra = is_inside(imported, "hydra") or is_inside(imported, "omegaconf")
        assert here == "cli" or not is_hydra, f"{module}: {imported}"
        if is_inside(imported, "dlcourse"):
            assert folder_of(imported) in below | {here}, f"{module} imports {imported}"


def test_only_errors_lies_flat():
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "errors.py"}


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_files_and_functions_fit_in_one_sitting(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_functions_that_are_not_read_at_a_glance_have_a_docstring(path):
    tree = ast.parse(path.read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in [*tree.body, *(method for one in classes for method in one.body)]:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            is_short = node.end_lineno - node.lineno < 4 or node.name == "main"  # of a command
            assert is_short or ast.get_docstring(node), f"{path.name}: {node.name}"


def test_the_training_loop_is_short():
    tree = ast.parse((PACKAGE / "engine" / "runner.py").read_text())
    train = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "train")
    assert train.end_lineno - train.lineno < 60


def test_something_was_looked_at():
    assert len(SOURCES) > 20
