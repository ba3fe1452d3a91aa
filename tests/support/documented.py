"""The commands that pages, configs and programs name: found, filled in with small real things, and made quick."""

import ast
import re
import shlex
from pathlib import Path

import torch

from conftest import ROOT, SMALL, SMALL_FACES, small_overrides

NAMES = "|".join(sorted(path.stem for path in (ROOT / "scripts").glob("*.py")))
PROGRAM = rf"(?:python (?:scripts|benchmarks)/\w+\.py|\bdlcourse (?:{NAMES})\b)"
OTHER_PROGRAMS = ("torchrun", "tensorboard")
PAGES = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "checkpoints" / "README.md"]
TRANSLATED = {  # page -> the same in Chinese
    ROOT / "README.md": ROOT / "README.zh-CN.md",
    **{path.parent.parent / path.name: path for path in (ROOT / "docs" / "zh").glob("*.md")},
}
# What stands for itself nowhere: usage as --help and docstrings have it, and its plainest example.
USAGE = {
    r"\[(group=choice|key=value) \.\.\.\]": "",
    r"key=value \.\.\.": "",
    r"KEY=SPACE \.\.\.": "optimizer=sgd,adam",
    r"=NAME\b": "=points",
    r"=N\b": "=2",
    r"\[NAME \.\.\.\]": "softmax",
    r"\[NAME\]": "decision_map",
    r"--rows KEY": "--rows objective.content_weight",
    r"--columns KEY": "--columns dataset.style_size",
    r"TARGET\.pkl or TARGET\.onnx": "TARGET.pkl",
    r"PATH(\.\w+)(\|\.\w+)*": r"new\1",
    r"\.\.\.": "",
    r" \[((?:[^\[\]]|\[[^\[\]]*\])*)\]": r" \1",  # what may be left out is given
}


def everywhere() -> dict[str, str]:
    """Each command, and the first place where it stands."""
    found: dict[str, str] = {}
    sources = [(path, of_page(path.read_text())) for path in sorted(PAGES)]
    sources += [(path, of_config(path.read_text())) for path in sorted((ROOT / "configs").rglob("*.yaml"))]
    for folder in ("scripts", "benchmarks"):
        sources += [(path, of_program(path)) for path in sorted((ROOT / folder).glob("*.py"))]
    for path, commands in sources:
        for command in commands:
            found.setdefault(plain(command), str(path.relative_to(ROOT)))
    return found


def of_page(text: str) -> list[str]:
    """The commands of a page: lines of its blocks of code, and code within a sentence."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    codes = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", sentences)]
    codes = [code for code in codes if not re.fullmatch(r"(scripts|benchmarks)/\w+\.py|dlcourse \w+", code)]  # names
    return [code for code in [line for block in blocks for line in block.splitlines()] + codes if is_command(code)]


def of_config(text: str) -> list[str]:
    """The commands in a config's comments and in its text for --help."""
    return re.findall(rf"^(?:#.*?|\s+)({PROGRAM}.*)$", text, re.MULTILINE)


def of_program(path: Path) -> list[str]:
    """The commands in a program's docstring."""
    return re.findall(rf"{PROGRAM}.*", ast.get_docstring(ast.parse(path.read_text())) or "")


def is_command(code: str) -> bool:
    begins = re.match(rf"(?:{PROGRAM}|(?:scripts|benchmarks)/\w+\.py)(?! *--+>)", code)  # but for README's diagram
    return bool(begins) or code.partition(" ")[0] in OTHER_PROGRAMS and " " in code


def plain(command: str) -> str:
    """The script with its words: no `python` or `dlcourse`, comment, full stop or brackets of usage."""
    command = re.sub(r"\s+# .*", "", command).removeprefix("python ")
    command = re.sub(r"^dlcourse (\w+)", r"scripts/\1.py", command)
    for pattern, example in USAGE.items():
        command = re.sub(pattern, example, command)
    return " ".join(command.split()).removesuffix(".")


# Placeholders and examples, by program; the things are made in test_documented_commands.py.
IMAGES = r"=(MY_IMAGES|IMAGES|PHOTOS|PAINTINGS|FOLDER_OR_ZIP|FOLDER|FFHQ)\b"
RUN = r"\bRUN(_DIR)?(_OR_FILE)?\b"
STAND_INS = [
    (r"style_frames.py", r"frames=FOLDER\b", "frames={things}/frames"),
    (r"blend.py", r"\bRUN\b|\blatest\b", "{things}/painting"),
    (r"blend.py", r"\bCONTENT RESULT\b", "A.jpg B.jpg"),
    (r"stylize.py", r"$", " size=32 style_size=32"),
    (r"stylize.py", r"CONTENT STYLE OUTPUT", "A.jpg B.jpg C.jpg"),
    (r"stylize.py", r"\b(MY_IMAGES|STYLES)\b", "{things}/frames"),
    (r"painted_images.py", r"\bRUN\b", "{things}/painting"),
    (r"predict.py", r"\bRUN\b|runs/mine", "{things}/classes"),
    (r"predict.py", r"\bRUN_ON_POINTS\b", "{things}/points"),
    (r"predict.py", r"\bMY_IMAGES\b", "{images}"),
    (r"predict.py", r"\bMY.zip\b", "{things}/images.zip"),
    (r"style_frames.py", r"output=FOLDER2\b", "output=painted"),
    (r"time_split.py", r"IMAGES|FOLDER", "{images}"),
    (r"shape.py", r"\bCHECKOUT\b", "{root}"),
    (r"", r"root=MY.zip", "root={things}/images.zip"),
    (r"", f"(root|styles){IMAGES}", r"\1={images}"),
    (r"", r"\b(POINTS.csv|A.jpg|A.mp4|B.jpg|PHOTO.jpg)\b", r"{things}/\1"),
    (r"train.py", rf"run_dir={RUN}", "run_dir=new"),
    (r"train.py", rf"resume=latest|resume={RUN}", "resume={copy}"),
    (r"sample.py", r"\blatest\b", "{things}/gan"),
    (r"", r"\blatest:points\b", "{things}/points"),
    (r"animate.py", rf"{RUN} image", "{things}/painting image"),
    (r"animate.py", rf"{RUN} fakes", "{things}/gan fakes"),
    (r"(sample|evaluate|export_checkpoint|train).py", rf"{RUN}|\bCHECKPOINT\b", "{things}/gan"),
    (r"sample.py", r"karras\S+\.pkl", "{things}/official.pkl"),
    (r"import_checkpoint.py", r"SOURCE|karras\S+\.pkl", "{things}/official.pkl"),
    (r"(bundle|import)_checkpoint.py", r"\bTARGET\b", "new.pt"),
    (r"export_checkpoint.py", r"\bTARGET\b", "new"),
    (r"(sample|evaluate|train).py", r"checkpoints/ffhq.pt", "{things}/imported.pt"),
    (r"(sample|evaluate|train).py", r"=checkpoints/stylegan_faces.pt", "={root}/checkpoints/stylegan_faces.pt"),
    (r"sample.py", r"seeds=\[0,photo\]", "seeds=[0,{things}/found]"),
    (r"sample.py", r"seeds=\[RUN", "seeds=[{things}/found"),
    (r"sheet.py", r"SWEEP|runs/\w+|\bRUNS\b", "{things}/paintings"),
    (r"", r"runs/optimizers", "{things}/optimizers"),
    (r"", rf"{RUN}|\bRUNS\b", "{things}/points"),
]


def filled(command: str, **places: object) -> str:
    """A command with real things for its placeholders."""
    program = command.partition(" ")[0]
    for where, pattern, thing in STAND_INS:
        if re.search(where, program):
            command = re.sub(pattern, thing, command)
    for name, place in places.items():
        command = command.replace(f"{{{name}}}", str(place))
    return command


QUICK = {  # what makes a program's work short
    "search.py": ["search.trials=2", "runner.max_steps=4", "runner.evaluate_every=2", "search.refine_after=null"],
    "find_lr.py": ["steps=50"],
    "prepare_dataset.py": ["dataset.resolution=8", "dataset.min_size=1", "dataset.cache=null"],
    "evaluate.py": ["num_images=8", "num_paths=1", "num_pairs=4"],
    "devices.py": ["--seconds", "0.001"],
    "runner_overhead.py": ["--repeats", "1", "--steps", "20"],
    "sweep_overhead.py": ["--repeats", "1", "--steps", "20"],
    "startup.py": ["--repeats", "1", "points"],
    "neighbours.py": ["--seconds=0", "--rounds=1", "stylegan", "dataset.resolution=8", "runner.num_threads=1"],
    "stacked_seeds.py": ["--seeds=2", "--rounds=1"],
    "stylegan_sampling.py": ["--resolutions=8", "--batches=1", "--rounds=1", "--repeats=2", "--product=64"],
    "stylegan_training.py": ["--resolutions=16", "--batches=4", "--rounds=1", "--threads=1"],
    "style_transfer.py": ["--sizes=32", "--repeats=1", "--threads=1"],
    "time_split.py": ["--batch-size", "8"],
}
QUICK_SAMPLERS = {
    "edit": ["sampler.component_seeds=0-99"],
    "interpolate": ["sampler.frames=2", "sampler.seconds=1", "sampler.stills=2"],
    "layers": ["seeds=0-1"],
    "mean_image": ["seeds=0-99", "sampler.pixel_samples=3"],
    "noise": ["sampler.noise_seeds=0-15"],
    "noise_walk": ["sampler.frames=4"],
    "uncurated": ["sampler.rows=1"],
}


def quick(command: str) -> list[str]:
    """The words of a command that was filled in, with those that make it short."""
    if not torch.cuda.is_available():
        command = command.replace("--device cuda --precision bf16", "").replace("--device cuda", "")
    program, *words = shlex.split(command)
    name = Path(program).name
    if "-m" in words:
        words = shorter_sweep(words)
    if "hydra/launcher=joblib" in words:
        words.append("hydra.launcher.n_jobs=1")
    swept = {word.partition("=")[0] for word in words if "," in re.sub(r"\[.*?\]|\{.*?\}|\(.*?\)", "", word)}
    chosen = {key: value for key, _, value in (word.partition("=") for word in words)}
    if name in ("train.py", "style_frames.py", "torchrun", "check_gradients.py"):
        more = quick_training(chosen)
    elif name == "sample.py":
        more = QUICK_SAMPLERS.get(chosen.get("sampler", "grid"), [])
    else:
        more = QUICK.get(name, [])
    if name == "find_lr.py" and chosen.get("experiment") == "optimizers":
        more = [*more, "dataset.faces.num_images=200"]
    names_a_run = "checkpoint" in chosen or any("=" not in word for word in words)
    if name == "evaluate.py" and ("/stylegan_faces.pt" in chosen.get("checkpoint", "") or not names_a_run):
        # the bundled faces: fewer of them, and only FD
        more = [*more, "dataset=faces", "dataset.num_images=40", "metrics=[fd]"]
    if "-h" in words or "--help" in words or "--cfg" in words:
        more = []
    return [program, *words, *(word for word in more if word.partition("=")[0] not in swept)]


def quick_training(chosen: dict[str, str]) -> list[str]:
    """Overrides that make a training short."""
    if "resume" in chosen:
        return ["runner.max_steps=4"]
    experiment = chosen.get("experiment", "points")
    more = small_overrides(experiment, 16 if "runner.profile" in chosen else 2)[1:]
    if chosen.get("dataset") == "face_attributes":
        more = [word for word in more if word not in SMALL["cats"]] + SMALL_FACES
    if chosen.get("dataset") == "image_folder":
        more += ["dataset.min_size=1", "dataset.cache=null"]
        more = [word for word in more if not word.startswith("dataset.num_images")]
    if "/stylegan_faces.pt" in chosen.get("init_from", ""):  # of 64 pixels, with networks of its own
        more = [word for word in more if not word.startswith(("model.", "dataset.resolution"))]
    elif "task.growth.initial_resolution" in chosen:
        more += ["task.growth.initial_resolution=16", "task.updates.freeze_d=1"]
    return more


def shorter_sweep(words: list[str]) -> list[str]:
    """Two values of the longest list, seeds last; of the others the first one."""
    lists = [values_of(word) for word in words]
    longest = max(lists, key=lambda values: (len(values) > 1, not values[0].startswith("seed="), len(values)))
    return [",".join(values[:2]) if values is longest else values[0] for values in lists]


def values_of(word: str) -> list[str]:
    """The values of a key in a sweep, the key before the first one."""
    return re.split(r",(?![^\[{(]*[\]})])", word)
