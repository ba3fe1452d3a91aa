"""Layout of the code, and how much of it a first training runs.

    python benchmarks/shape.py [CHECKOUT]

Counts, in this checkout or another: modules directly in src/dlcourse, imports between its folders, lines, and, for
each of the three systems, the lines of the functions that a training of two steps calls, with the share outside of the
folders of networks, losses, tasks and data ("machinery").
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TINY = "dataset.num_images=24 dataset.resolution=16 model.channel_max=8 task.growth.batch_size=4"
STYLE = "dataset.content_size=44 dataset.style_size=44 task.smallest_size=32 task.steps_per_scale=3"
SYSTEMS = {
    "points": "experiment=points",
    "style transfer": f"experiment=style_transfer_offline {STYLE}",
    "StyleGAN": f"experiment=stylegan_faces_tiny {TINY}",
}
SUBJECT = {  # folders, now and before, of what one comes to read
    *("classifier", "style_transfer", "stylegan", "nn", "datasets"),
    *("models", "losses", "tasks", "data", "sampling", "growth.py", "augment.py", "ema.py", "colors.py"),
}
TRACED = """
import atexit, inspect, json, runpy, sys, threading
called = {}
def note(frame, event, argument):
    code = frame.f_code
    is_function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
    if event == "call" and is_function and ("/src/dlcourse/" in code.co_filename or "/scripts/" in code.co_filename):
        called[code.co_filename, code.co_firstlineno] = max(code.co_firstlineno, *(x for *_, x in code.co_lines() if x))
def write():
    sys.setprofile(None)
    with open("called.json", "w") as file:
        json.dump([[name, first, last] for (name, first), last in called.items()], file)
atexit.register(write)
threading.setprofile(note)
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
sys.setprofile(note)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def imports(package: Path) -> list[tuple[str, str]]:
    """(importing folder, imported folder) for each imported name."""
    found = []
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).parts
        here = parts[0] if len(parts) > 1 else path.stem
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dlcourse":
                modules = [f"{node.module}.{alias.name}".split(".")[1] for alias in node.names]
                found += [(here, module) for module in modules if module != "errors"]
    return found


def called(checkout: Path, overrides: str) -> list[tuple[Path, int]]:
    """For each function that a training calls, its file relative to src/dlcourse and its number of lines."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*overrides.split(), "runner.max_steps=2", "device=cpu", "run_dir=run"]
        command = [sys.executable, "-c", TRACED, str(checkout / "scripts" / "train.py"), *words]
        environment = {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1", "PATH": ""}
        subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
        rows = json.loads(Path(folder, "called.json").read_text())
    package = checkout / "src" / "dlcourse"
    return [(Path(os.path.relpath(name, package)), last - first + 1) for name, first, last in rows]


def main() -> None:
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    package = checkout / "src" / "dlcourse"
    pairs = imports(package)
    crossing = sum(here != there for here, there in pairs)
    code = [*package.rglob("*.py"), *(checkout / "scripts").glob("*.py")]
    print(f"modules that lie flat in src/dlcourse: {len(list(package.glob('*.py'))) - 1}")
    print(f"imports that cross folders: {crossing} of {len(pairs)}, {crossing / len(pairs):.0%}")
    print(f"lines of src and scripts: {sum(path.read_text().count(chr(10)) for path in code)}")
    for name, overrides in SYSTEMS.items():
        found = called(checkout, overrides)
        lines = sum(count for _, count in found)
        machinery = sum(count for path, count in found if path.parts[0] not in SUBJECT)
        print(f"lines of functions run by a first training, {name}: {lines}, {machinery / lines:.0%} of them machinery")


if __name__ == "__main__":
    main()
