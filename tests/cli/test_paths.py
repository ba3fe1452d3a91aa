"""Paths of any name are taken as they are typed, by every command."""

import random
import re
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from conftest import CONFIGS, run_script
from dlcourse.cli import (
    command_line,
    path_overrides,
    prepare_dataset,
    style_frames,
    train,
)
from dlcourse.errors import UserError
from dlcourse.files.locations import STYLEGAN_FACES

NAMES = [
    "Köln (1).jpg",
    "日本.jpg",
    "it's.jpg",
    'the "best".jpg',
    "a=b,c.jpg",
    "#1 {x} [y] 50%.jpg",
    "a&b; c.jpg",
    "a\\",
    "${seed}.jpg",
    "2024",
    "true",
    "1e5",
    "-",
    " a ",
    "a:b",
    "null.",
    "[x].jpg",
    "[x]",
    "choice(a,b)",
]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run_here(monkeypatch, *words, script=train, job=None):
    """What the script's job is given for these words, in this process; or let another job have it."""
    found = []
    name = script.__name__.rpartition(".")[2]
    monkeypatch.setattr("sys.argv", [f"{name}.py", *words])
    command_line.command(name, job or found.append, script.READS)
    return found[0] if found else None


def read_by_hydra(word):
    """The value that Hydra and OmegaConf read in key=value."""
    return OmegaConf.create({"seed": 7, "value": path_overrides.PARSER.parse_override(word).value()}).value


@pytest.mark.parametrize("is_sweep", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_taken_as_it_is(name, is_sweep):
    Path(name).write_text("")
    if not (is_sweep and name.startswith("choice")):  # there it is Hydra's function
        assert read_by_hydra(path_overrides.take_path(f"content={name}", is_sweep)) == name


def test_so_are_random_names_of_files_that_are_there_or_will_be():
    generator = random.Random(0)
    letters = [*"ab1.=, ()[]{}'\"\\$~#%&;:@!*?-+|<>\n\tä日", "null", "${", "\\$", "\udcff"]
    for _ in range(100):
        name = "x" + "".join(generator.choices(letters, k=generator.randint(1, 8)))
        word = path_overrides.take_path(f"output={name}", False)
        if "${" not in name:
            assert read_by_hydra(word) == name
            assert path_overrides.take_path(word, False) == word  # twice is once
        Path(name).touch()
        for is_sweep in (False, True):
            assert read_by_hydra(path_overrides.take_path(f"content={name}", is_sweep)) == name
        Path(name).unlink()


@pytest.mark.parametrize(
    ("typed", "is_sweep", "taken"),
    [
        ("content=A.jpg", False, "content=A.jpg"),
        ("content=null", False, "content=null"),
        ('content="my photo.jpg"', False, 'content="my photo.jpg"'),
        ("content='my photo.jpg'", True, "content='my photo.jpg'"),
        ("run_dir=runs/${seed}", False, "run_dir=runs/${seed}"),
        ("run_dir=läufe/${seed}", False, 'run_dir="läufe/${seed}"'),
        ("content=A.jpg,B.jpg", True, "content=A.jpg,B.jpg"),
        ("content=A.jpg,B.jpg", False, 'content="A.jpg,B.jpg"'),
        ("content=ä.jpg, ö (1).jpg", True, 'content="ä.jpg","ö (1).jpg"'),
        ("content=it's.jpg,that's.jpg", True, 'content="it\'s.jpg","that\'s.jpg"'),
        ("content=ä.jpg,a=b,c.png", True, 'content="ä.jpg","a=b,c.png"'),  # the last is there
        ("content=choice(A.jpg,B.jpg)", True, "content=choice(A.jpg,B.jpg)"),
        ("style=[A.jpg,ü.jpg]", False, 'style=[A.jpg,"ü.jpg"]'),
        ("style=[ü.jpg, a=b,c.png]", False, 'style=["ü.jpg","a=b,c.png"]'),
        ("style=[A.jpg,B.jpg],[ü.jpg]", True, 'style=[A.jpg,B.jpg],["ü.jpg"]'),
        ("style=[]", False, "style=[]"),
        ("dataset.style_regions=[left,r (1).png]", False, 'dataset.style_regions=[left,"r (1).png"]'),
        ("seeds=[0,my ö.pt]", False, 'seeds=[0,"my ö.pt"]'),
        ("seeds=0-3@2", False, "seeds=0-3@2"),
        ("seeds=0-3,8", False, 'seeds="0-3,8"'),
        ("seeds=0,1", True, "seeds=0,1"),
        ("+run_dir=5", False, '+run_dir="5"'),
        ("seed=5", False, "seed=5"),
        ("~content", False, "~content"),
        ("init_from=checkpoints/stylegan_faces.pt", False, f"init_from={path_overrides.quote(str(STYLEGAN_FACES))}"),
        ("output=checkpoints/stylegan_faces.pt", False, "output=checkpoints/stylegan_faces.pt"),
        ("checkpoint=checkpoints/mine.pt", False, "checkpoint=checkpoints/mine.pt"),
    ],
)
def test_lists_sweeps_references_and_quotes_keep_working(typed, is_sweep, taken):
    Path("a=b,c.png").touch()
    assert path_overrides.take_path(typed, is_sweep) == taken


def test_home_is_expanded_on_the_command_line_in_lists_in_configs_and_in_the_other_commands(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    style = "experiment=style_transfer_offline"
    for name in ("a (1).jpg", "b.jpg"):
        Image.new("RGB", (4, 4)).save(name)
    cfg = run_here(monkeypatch, style, "content=~/a (1).jpg", "style=[~/b.jpg,mosaic]", "run_dir=~nobody_here/x")
    assert cfg.content == cfg.dataset.content == f"{tmp_path}/a (1).jpg"
    assert cfg.style == [f"{tmp_path}/b.jpg", "mosaic"] and cfg.run_dir == "~nobody_here/x"
    assert path_overrides.take_path("output=~/found/", False) == f"output={tmp_path}/found/"
    of_file = OmegaConf.create({"content": "~/c.jpg", "dataset": {"root": "~/d", "path": "${content}"}, "seed": 0})
    path_overrides.expand_home(of_file)
    assert of_file == {
        "content": f"{tmp_path}/c.jpg",
        "dataset": {"root": f"{tmp_path}/d", "path": "${content}"},
        "seed": 0,
    }
    parser = command_line.Parser()
    parser.add_argument("run", type=Path)
    assert parser.parse_args(["~/run"]).run == tmp_path / "run"
    with pytest.raises(UserError, match="run_dir must be a path, got 2024"):
        path_overrides.expand_home(OmegaConf.create({"run_dir": 2024}))


def test_every_key_that_the_configs_call_a_path_is_one():
    words = r"path|PATH|a (run )?folder|folder (or|for|of|where)|FILE|CSV file|a file"
    said = re.compile(rf"^ *(\w+): .*# .*\b({words})\b")
    lines = [
        line
        for path in CONFIGS.rglob("*.yaml")
        if path.parent.name != "experiment"
        for line in path.read_text().splitlines()
    ]
    # the comments of these speak of folders
    of_others = {"singles", "num_classes", "num_textures", "dev_fraction", "test_fraction"}
    found = {match[1] for line in lines if (match := said.match(line))} - of_others
    assert len(found) > 9
    assert found <= {key.rpartition(".")[2] for key in path_overrides.PATHS}


def test_a_path_that_looks_like_a_number_is_a_path(monkeypatch):
    words = ["run_dir=2024", "resume=true", "content=1", "style=[1,2]", "model.weights=1e5"]
    cfg = run_here(monkeypatch, "experiment=style_transfer_offline", *words)
    assert (cfg.run_dir, cfg.resume, cfg.content) == ("2024", "true", "1")
    assert cfg.style == ["1", "2"] and cfg.model.weights == "1e5"
    assert run_here(monkeypatch, "experiment=stylegan_faces_tiny", "init_from=7").init_from == "7"


@pytest.mark.long
def test_files_of_any_name_are_read_and_written_by_every_command(monkeypatch):
    def do(script, *words):
        run_here(monkeypatch, *words, script=script, job=getattr(script, script.__name__.rpartition(".")[2]))

    for name in ("Köln (1).jpg", "日本.jpg", "it's.jpg"):
        Image.linear_gradient("L").convert("RGB").resize((24, 20)).save(name)
    sizes = ["dataset.content_size=20", "dataset.style_size=20", "task.smallest_size=null", "model.weights=random"]
    style = ["experiment=style_transfer_offline", *sizes, "objective.calibrate=false", "runner.max_steps=1"]
    do(train, *style, "content=Köln (1).jpg", "style=[日本.jpg,it's.jpg]", "run_dir=a=1,b")
    assert Path("a=1,b/images/image_0000001.png").exists()
    Path("Bilder (2)").mkdir()
    shutil.copy("Köln (1).jpg", "Bilder (2)/ä.jpg")
    do(style_frames, *style, "frames=Bilder (2)", "output=Ö [1]", "style=日本.jpg", "steps_next=1")
    assert Path("Ö [1]/ä.png").exists()
    small = ["dataset.resolution=8", "dataset.cache=null"]
    do(prepare_dataset, "dataset.root=Bilder (2)", *small, "output=bö (1).png")
    assert Path("bö (1).png").exists()


def test_a_shell_hands_on_an_image_of_any_name(tmp_path):
    Image.linear_gradient("L").resize((24, 20)).save("it's ä.jpg")
    words = ["experiment=projection", "target=it's ä.jpg", "runner.max_steps=1", "run_dir=w, ü", "output=ö, ü.png"]
    found = run_script("train.py", *words, cwd=tmp_path)
    assert found.returncode == 0 and Path("ö, ü.png").is_file(), found.stderr
    edited = run_script("sample.py", "sampler=edit", "seeds=[w, ü]", "output=a b/", cwd=tmp_path)
    assert edited.returncode == 0, edited.stderr
    assert [path.suffix for path in sorted(Path("a b").iterdir())] == [".png", ".pt"]
