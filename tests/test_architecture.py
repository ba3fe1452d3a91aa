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
    "dlcourse.style_transfer.colors": set(),
    "dlcourse.images.tensors": set(),
    "dlcourse.images.files": set(),
    "dlcourse.stylegan.augment": {"dlcourse.engine.optimization"},
    "dlcourse.stylegan.ema": set(),
    "dlcourse.stylegan.growth": set(),
    "dlcourse.engine.schedules": set(),
    "dlcourse.engine.optimization": {"dlcourse.engine.schedules"},
    "dlcourse.search.strategies": set(),
    "dlcourse.study": set(),
    "dlcourse.engine.build": set(),
    "dlcourse.engine.checkpoint": set(),
    "dlcourse.engine.logger": {"dlcourse.engine.checkpoint"},
    "dlcourse.engine.runner": {"dlcourse.engine.checkpoint", "dlcourse.engine.optimization", "dlcourse.engine.logger", "dlcourse.engine.task"},
    "dlcourse.sampling": {"dlcourse.models", "dlcourse.engine.optimization", "dlcourse.engine.schedules"},
    "dlcourse.tasks": {
        "dlcourse.models",
        "dlcourse.losses",
        "dlcourse.data",
        "dlcourse.engine.optimization",
        "dlcourse.stylegan.augment",
        "dlcourse.stylegan.ema",
        "dlcourse.stylegan.growth",
        "dlcourse.sampling",
        "dlcourse.engine.schedules",
        "dlcourse.search.strategies",
    },
    "dlcourse.metrics": {
        "dlcourse.models",
        "dlcourse.data",
        "dlcourse.sampling",
        "dlcourse.engine.checkpoint",
        "dlcourse.engine.build",
    },
    "dlcourse.stylegan.interop": {"dlcourse.models", "dlcourse.engine.checkpoint", "dlcourse.engine.build"},
    "dlcourse.reports": {
        "dlcourse.models",
        "dlcourse.data",
        "dlcourse.tasks",
        "dlcourse.metrics",
        "dlcourse.engine.schedules",
        "dlcourse.engine.checkpoint",
        "dlcourse.engine.build",
        "dlcourse.search.strategies",
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
