"""What is typed is what counts: paths of any name, resume, options anywhere, keys that nothing reads."""

import random
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from PIL import Image

from conftest import CONFIGS, run_script
from dlcourse.cli import (
    command_line,
    find_lr,
    hydra_words,
    path_overrides,
    prepare_dataset,
    resuming,
    sample,
    search,
    style_frames,
    train,
)
from dlcourse.cli.unread_keys import check_read, reached_from
from dlcourse.engine import checkpoint
from dlcourse.errors import UserError

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


def error_of(capsys, monkeypatch, *words, **options):
    """The one line that these words end in."""
    with pytest.raises(SystemExit) as end:
        run_here(monkeypatch, *words, **options)
    printed = capsys.readouterr()
    assert end.value.code == 1 and printed.err.count("\n") == 1 and printed.out == "", printed
    return printed.err.strip()


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
    ],
)
def test_lists_sweeps_references_and_quotes_keep_working(typed, is_sweep, taken):
    Path("a=b,c.png").touch()
    assert path_overrides.take_path(typed, is_sweep) == taken


def test_home_is_expanded_on_the_command_line_in_lists_in_configs_and_in_the_other_commands(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    style = "experiment=style_transfer_offline"
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
    of_others = {"singles", "num_classes", "dev_fraction", "test_fraction"}  # their comments speak of folders
    found = {match[1] for line in lines if (match := said.match(line))} - of_others
    assert len(found) > 9
    assert found <= {key.rpartition(".")[2] for key in path_overrides.PATHS}


def test_a_path_that_looks_like_a_number_is_a_path(monkeypatch):
    words = ["run_dir=2024", "resume=true", "content=1", "style=[1,2]", "model.weights=1e5"]
    cfg = run_here(monkeypatch, "experiment=style_transfer_offline", *words)
    assert (cfg.run_dir, cfg.resume, cfg.content) == ("2024", "true", "1")
    assert cfg.style == ["1", "2"] and cfg.model.weights == "1e5"
    assert run_here(monkeypatch, "experiment=stylegan_faces_tiny", "init_from=7").init_from == "7"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resume="], "resume=: no path is given; for none, resume=null"),
        (["--flag"], "--flag; keys have no dashes, as in seed=1"),
        (["--seed=1"], "--seed=1; keys have no dashes"),
        (["--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["seed", "=", "1"], "seed: neither an option nor key=value; around the = belong no spaces"),
        (["-m", "--cfg", "job"], "--multirun and --cfg exclude each other"),
        (["--resolve"], "--resolve belongs to --cfg job"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_make_no_command_line_are_refused_with_the_cure(words, said):
    with pytest.raises(UserError, match=re.escape(said)):
        hydra_words.prepared(words)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--flag", "error: unrecognized arguments: --flag"),
        ("optimizer.lr=größer", """if the value is a text, quote it: 'optimizer.lr="größer"'"""),
        ("optimizer=nope", "optimizer=nope: no such choice; optimizer is one of adam, adam_pixels, adamw"),
        ("content=A.jpg", "content=A.jpg: content plays no part here; it is for style transfer, as in experiment="),
        ("objective=gatys", "objective=gatys: objective plays no part here; it is for style transfer, as in"),
        ("loss.r1_gamma=1", "loss.r1_gamma=1: loss plays no part here; it is for StyleGAN, as in experiment=stylegan_"),
        ("init_from=RUN", "init_from=RUN: init_from plays no part here; it is for StyleGAN, as in experiment="),
        ("resume=true", "resume=true: not a run; there is no such folder"),
        ("optimizer=null", "optimizer=null: no such choice; optimizer is one of adam, adam_pixels"),
        ("optimizer=5", "optimizer=5: no such choice; optimizer is one of adam, adam_pixels"),
        ("devices=abc", "devices must be a whole number of processes, got abc"),
        ("devices=1.5", "devices must be a whole number of processes, got 1.5"),
        ("devices=null", "devices must be a whole number of processes, got None"),
        ("device=meta", "device=meta cannot be used here"),
        ("runner.num_threads=3000000000", "runner.num_threads must be at most 1024, got 3000000000"),
        ("optimizer.lr=1e40", "optimizer.lr must be at most 3.4e+38, torch's largest number, got 1e+40"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(word, said, monkeypatch, capsys):
    assert said in error_of(capsys, monkeypatch, word, job=train.train)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("key", ["singles", "compile"])
@pytest.mark.parametrize("value", ["maybe", "yes", "null", "1", "[true]"])
def test_what_is_neither_true_nor_false_is_refused(key, value, monkeypatch, capsys):
    line = error_of(capsys, monkeypatch, f"{key}={value}", "output=a.png", job=sample.sample, script=sample)
    got = "[True]" if value == "[true]" else value
    assert f"error: {key} must be true or false, got {got}" in line
    assert list(Path().iterdir()) == []


def test_a_key_is_read_at_first_or_second_hand_or_refused():
    nodes = "task: {model: '${model.g}'}, model: {g: '${dataset.n}'}, dataset: {n: 3}"
    cfg = OmegaConf.create(f"{{{nodes}, loss: {{a: 1}}, content: x, augment: null}}")
    read = ["task.x=1", "dataset.n=4", "++model.g=1", "model=mlp", "augment=null", "experiment=x"]
    check_read(cfg, read, ["task"])
    for word in ("loss=hinge", "++loss.a=2", "content=y", "~loss"):
        typed = re.escape(word.lstrip("+"))
        with pytest.raises(UserError, match=f"{typed}: (loss|content) plays no part here; it is for"):
            check_read(cfg, [word], ["task"])


@pytest.mark.parametrize("experiment", ["points", "lr_search", "style_transfer_offline", "stylegan_faces_tiny"])
def test_what_an_experiment_composes_it_reads(experiment):
    config = OmegaConf.to_container(command_line.compose("train", [f"experiment={experiment}"]))
    unread = {name for name, value in config.items() if value is not None} - reached_from(config, train.READS)
    assert unread == {"choices"}


def test_so_it_is_in_the_other_commands(monkeypatch, capsys):
    line = error_of(capsys, monkeypatch, "target=A.jpg", script=sample)
    assert "target plays no part here; it is for projection, as in sampler=project" in line
    assert "devices=2: devices plays no part here; leave it out" in error_of(
        capsys, monkeypatch, "devices=2", script=find_lr
    )
    cfg = run_here(monkeypatch, "sampler=project", "target=Köln (1).jpg", "checkpoint=5", script=sample)
    assert cfg.sampler.target == "Köln (1).jpg" and cfg.checkpoint == "5"
    with pytest.raises(UserError, match="augment plays no part here"):
        search.composed([], {"augment": "adaptive"})
    sweeps, others = search.split(["content=ä,ö", "style=ü (1).jpg", "search.folder=a,b", "-m"])
    assert list(sweeps[0].sweep_string_iterator()) == ['"ä"', '"ö"']
    assert others == ['style="ü (1).jpg"', 'search.folder="a,b"']


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("augment=null", "augment=none"),
        ("dataset=null", 'dataset="null"'),
        ("model=5", 'model="5"'),
        ("model=true", 'model="true"'),
        ("optimizer=adam", "optimizer=adam"),
        ("seed=5", "seed=5"),
    ],
)
def test_a_group_takes_null_and_names_that_look_like_numbers(word, given):
    assert hydra_words.prepared([word]) == [given]


def test_null_is_a_groups_none(monkeypatch):
    none = run_here(monkeypatch, "experiment=stylegan_faces_tiny", "augment=none")
    assert run_here(monkeypatch, "experiment=stylegan_faces_tiny", "augment=null") == none


@pytest.mark.parametrize("word", ["output=same.png", "output=ä.png"])
def test_the_runs_of_a_sweep_do_not_write_one_file(word):
    with pytest.raises(UserError, match="every run of the sweep would write this; give a folder, as in output=A/"):
        hydra_words.prepared(["-m", "sampler=grid,uncurated", word])
    for fine in ("output=A/", "output=null", "output=a.png,b.png"):
        hydra_words.prepared(["-m", "sampler=grid,uncurated", fine])
    hydra_words.prepared([word])


def test_null_asks_for_nothing(monkeypatch):
    words = ["experiment=stylegan_faces_tiny", "init_from=null", "resume=${oc.env:NO_SUCH_RUN,null}", "seed=3"]
    cfg = run_here(monkeypatch, *words)
    assert cfg.seed == 3 and cfg.resume is None and cfg.init_from is None


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["seed=0,1", "-m", "optimizer=sgd"], ["seed=0,1", "optimizer=sgd", "-m"]),
        (["--multirun", "seed=0", "content=a,ö"], ["seed=0", 'content=a,"ö"', "--multirun"]),
        (["seed=0", "--cfg", "job", "seed=1"], ["seed=0", "seed=1", "--cfg", "job"]),
        (["-c", "job", "~scheduler"], ["~scheduler", "-c", "job"]),
        (["resume=null", "seed=1"], ["resume=null", "seed=1"]),
        (["resume=run", "resume=null", "seed=1"], ["resume=run", "resume=null", "seed=1"]),
        (["resume=run", "seed=1", "optimizer=sgd"], ["++resume=run", "++seed=1", "optimizer=sgd"]),
        (["resume=a,b", "-m", "hydra/launcher=joblib"], ["++resume=a,b", "hydra/launcher=joblib", "-m"]),
        (["+resume=5", "~seed", "+a=1"], ['+resume="5"', "~seed", "+a=1"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_options_stand_anywhere_and_a_resumed_run_has_its_own_keys(typed, given):
    assert hydra_words.prepared(typed) == given


def config_of(run):
    return yaml.safe_load(Path(run, "config.yaml").read_text())


def test_runs_of_any_name_go_on_alone_and_in_a_sweep_with_what_is_typed(monkeypatch, capsys):
    runs = ["it's (1) ä=b,c", "2"]
    run_here(monkeypatch, "resume=null", f"run_dir={runs[0]}", "runner.max_steps=2", "seed=5", job=train.train)
    assert config_of(runs[0])["seed"] == 5
    shutil.copytree(*runs)
    capsys.readouterr()
    run_here(monkeypatch, "-m", f"resume={','.join(runs)}", "runner.max_steps=3", "optimizer.lr=0.5", job=train.train)
    for run in runs:
        config = config_of(run)
        assert (config["optimizer"]["lr"], config["runner"]["max_steps"], config["seed"]) == (0.5, 3, 5)
    run_here(monkeypatch, "resume=nowhere", f"resume={runs[0]}", job=train.train)
    word = capsys.readouterr().out.partition("train on: ")[2].rpartition(" ")[0]
    assert shlex.split(word) == [f"resume={runs[0]}"] and word != f"resume={runs[0]}"

    def said(*words):
        return error_of(capsys, monkeypatch, *words, job=train.train)

    run = f"resume={runs[1]}"
    assert "optimizer.nope: no such key; optimizer has lr, betas, eps" in said(run, "optimizer.nope=1")
    assert "~runner.profile: a resumed run keeps its keys; give runner.profile another" in said(run, "~runner.profile")
    assert "optimizer=sgd: a resumed run keeps its optimizer" in said(run, "optimizer=sgd")
    assert "run_dir=x: a resumed run keeps its folder" in said(run, "run_dir=x")
    assert "content=x: content plays no part here" in said(run, "content=x")
    assert f"lies in a run; give its folder, {run}" in said(f"{run}/checkpoints/step_0000003.pt")
    assert f"lies in a run; give its folder, {run}" in said(f"{run}/checkpoints")
    assert "resume=.: a folder of runs (2); give one of them, such as" in said("resume=.")
    with pytest.raises(UserError, match=r"^\.: a folder of runs \(2\); give one of them, such as "):
        checkpoint.newest(Path())
    Path("empty").mkdir()
    assert "not a run of scripts/train.py (it has no composed.yaml)" in said("resume=empty")


def test_a_key_of_another_task_reaches_its_resumed_run():
    Path("run").mkdir()
    composed = command_line.compose("train", ["experiment=style_transfer_offline", "content=a"])
    OmegaConf.save(composed, "run/composed.yaml")
    words = hydra_words.prepared(["resume=run", "objective.content_weight=0.5", "style=[b (1),c]"])
    cfg = resuming.config_of(Path("run"), words, train.READS)
    assert (cfg.objective.content_weight, cfg.content, cfg.style) == (0.5, "a", ["b (1)", "c"])
    command_line.compose("train", words)  # by which it goes to Hydra first, whose own config has no objective
    with pytest.raises(UserError, match="objective.content_wait: no such key; did you mean content_weight"):
        resuming.config_of(Path("run"), ["++objective.content_wait=1"], train.READS)


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


def test_a_shell_hands_on_a_image_of_any_name(tmp_path):
    Image.linear_gradient("L").resize((24, 20)).save("it's ä.jpg")
    words = ["sampler=project", "target=it's ä.jpg", "sampler.steps=1", "output=w, ü/"]
    found = run_script("sample.py", *words, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert [path.suffix for path in sorted(Path("w, ü").iterdir())] == [".png", ".pt"]
