"""The shape of the code, held by measurement: who imports whom, and how long things are."""

import ast
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "dlcourse"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CODE = SOURCES + sorted((ROOT / "scripts").glob("*.py")) + sorted((ROOT / "benchmarks").glob("*.py"))
LEAVES = {
    f"dlcourse.{name}"
    for name in (
        "allocator",
        "animation_files",
        "bounded_files",
        "colors",
        "errors",
        "figures",
        "fonts",
        "images",
        "interruption",
        "outputs",
        "standard_streams",
        "pickle_machine",
        "picture_files",
        "picture_table",
        "processes",
        "profiling",
        "run_lock",
        "srgb",
        "targets",
        "tensor_files",
        "terminal",
        "tiff_files",
    )
}
# package or module -> what of dlcourse it may know besides itself and the leaves
MAY_IMPORT = {
    "dlcourse.models": set(),
    "dlcourse.losses": set(),
    "dlcourse.data": set(),
    "dlcourse.colors": set(),
    "dlcourse.images": set(),
    "dlcourse.picture_files": set(),
    "dlcourse.augment": {"dlcourse.descent"},
    "dlcourse.ema": set(),
    "dlcourse.growth": set(),
    "dlcourse.schedules": set(),
    "dlcourse.descent": {"dlcourse.schedules"},
    "dlcourse.search": set(),
    "dlcourse.study": set(),
    "dlcourse.build": set(),
    "dlcourse.checkpoint": set(),
    "dlcourse.logbook": {"dlcourse.checkpoint"},
    "dlcourse.runner": {
        "dlcourse.build",
        "dlcourse.checkpoint",
        "dlcourse.descent",
        "dlcourse.logbook",
        "dlcourse.tasks.base",
    },
    "dlcourse.sampling": {"dlcourse.models", "dlcourse.descent", "dlcourse.schedules"},
    "dlcourse.tasks": {
        "dlcourse.models",
        "dlcourse.losses",
        "dlcourse.data",
        "dlcourse.descent",
        "dlcourse.augment",
        "dlcourse.ema",
        "dlcourse.growth",
        "dlcourse.sampling",
        "dlcourse.schedules",
        "dlcourse.search",
    },
    "dlcourse.metrics": {
        "dlcourse.models",
        "dlcourse.data",
        "dlcourse.sampling",
        "dlcourse.checkpoint",
        "dlcourse.build",
    },
    "dlcourse.interop": {"dlcourse.models", "dlcourse.checkpoint", "dlcourse.build"},
    "dlcourse.reports": {
        "dlcourse.models",
        "dlcourse.data",
        "dlcourse.tasks",
        "dlcourse.metrics",
        "dlcourse.schedules",
        "dlcourse.checkpoint",
        "dlcourse.build",
        "dlcourse.search",
        "dlcourse.study",
    },
}


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


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_one_way(path):
    module = module_of(path)
    owner = next((name for name in MAY_IMPORT if is_inside(module, name)), None)
    allowed = {owner} | LEAVES | MAY_IMPORT.get(owner, set())
    for imported in imports_of(path):
        assert not is_inside(imported, "hydra") and not is_inside(imported, "omegaconf"), f"{module}: {imported}"
        if is_inside(imported, "dlcourse"):
            assert any(is_inside(imported, name) for name in allowed if name), f"{module} imports {imported}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_files_and_functions_fit_in_one_sitting(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


def test_the_training_loop_is_short():
    tree = ast.parse((PACKAGE / "runner.py").read_text())
    train = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "train")
    assert train.end_lineno - train.lineno < 60


def test_something_was_looked_at():
    assert len(SOURCES) > 20
