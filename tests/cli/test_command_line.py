"""What is typed is what counts: paths of any name, resume, options anywhere, keys that nothing reads."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from PIL import Image

from dlcourse.cli import (
    command_line,
    find_lr,
    hydra_words,
    resuming,
    sample,
    search,
    train,
)
from dlcourse.cli.compose import compose_config
from dlcourse.cli.unread_keys import check_read, reached_from
from dlcourse.engine import run_folder
from dlcourse.errors import UserError
from dlcourse.files.locations import CONFIGS


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


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_a_run_may_be_the_first_word_of_commands_that_take_one(command, tmp_path):
    (tmp_path / "runs" / "0_seed=1, (b)").mkdir(parents=True)
    for typed, given in {
        "RUN": "checkpoint=RUN",
        "~/RUN": f"checkpoint={Path.home()}/RUN",
        "runs/0_seed=1, (b)": 'checkpoint="runs/0_seed=1, (b)"',
    }.items():
        words = [typed, "seeds=0-3", "--cfg", "job"]
        assert hydra_words.prepared(words, command) == [given, *words[1:]]
    assert hydra_words.prepared(["seeds=0-3"], command) == ["seeds=0-3"]
    assert hydra_words.prepared([], command) == []


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("sample", ["A", "checkpoint=B"], "A: checkpoint=B names another checkpoint; give one of them"),
        ("sample", ["seeds=0-3", "RUN"], "RUN: neither an option nor key=value; around the = belong no spaces"),
        ("evaluate", [""], "checkpoint=: no path is given; for none, checkpoint=null"),
        ("train", ["RUN"], "RUN: neither an option nor key=value; to go on with a run, resume=RUN; to choose an exp"),
        ("train", ["RUN", "seed=1"], "to choose an experiment, experiment=RUN"),
        ("search", ["RUN"], "RUN: neither an option nor key=value; around the = belong no spaces"),
    ],
)
def test_a_word_without_key_is_refused_where_it_could_mean_several_things(command, words, said):
    with pytest.raises(UserError, match=re.escape(said)):
        hydra_words.prepared(words, command)


@pytest.mark.long
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
        ("optimizer=[3]", "optimizer=[3]: optimizer takes one choice by its name; --help optimizer lists them"),
        ("model={mlp: 1}", "model={mlp: 1}: model takes one choice by its name; --help model lists them"),
        ("model.hidden={a: 1}", "model.hidden: takes a list, such as [a,b]"),
        ("runner=[3]", "runner: takes its keys one by one, as runner.NAME=VALUE"),
        ("experiment=../points", "experiment=../points: experiment takes one choice by its name; --help experiment"),
        ("model=${oc.env:HOME}", "model=${oc.env:HOME}: model takes one choice by its name; --help model lists"),
        (f"model={'x' * 5000}", f"model={'x' * 34}...: model takes one choice by its name; --help model lists"),
        ("--experiment=cats", "unrecognized arguments: --experiment=cats; keys have no dashes, as in experiment=cats"),
        ("--experimental-rerun=x", "--experimental-rerun: to go on with a run, resume=RUN"),
        ("--package=x", "--package belongs to --cfg job"),
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


@pytest.mark.parametrize(
    "experiment", ["points", "lr_search", "projection", "style_transfer_offline", "stylegan_faces_tiny"]
)
def test_what_an_experiment_composes_it_reads(experiment):
    config = OmegaConf.to_container(compose_config("train", [f"experiment={experiment}"]))
    unread = {name for name, value in config.items() if value is not None} - reached_from(config, train.READS)
    assert unread == {"choices", "overrides"}


def test_so_it_is_in_the_other_commands(monkeypatch, capsys):
    line = error_of(capsys, monkeypatch, "target=A.jpg", script=sample)
    assert "target plays no part here; it is for projection, as in experiment=projection" in line
    assert "devices=2: devices plays no part here; leave it out" in error_of(
        capsys, monkeypatch, "devices=2", script=find_lr
    )
    Image.new("RGB", (4, 4)).save("Köln (1).jpg")
    cfg = run_here(monkeypatch, "experiment=projection", "target=Köln (1).jpg")
    assert cfg.task.target == "Köln (1).jpg"
    assert run_here(monkeypatch, "checkpoint=5", script=sample).checkpoint == "5"
    with pytest.raises(UserError, match="augment plays no part here"):
        search.composed([], {"augment": "adaptive"})
    sweeps, others = search.split_command_line(["content=ä,ö", "style=ü (1).jpg", "search.folder=a,b", "-m"])
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


def test_a_sweep_may_name_all_choices_of_a_group():
    word = f"experiment={','.join(sorted(path.stem for path in (CONFIGS / 'experiment').glob('*.yaml')))}"
    assert len(word) > hydra_words.LONGEST_CHOICE and hydra_words.of_group(word) == word


def test_null_is_a_groups_none(monkeypatch):
    none = run_here(monkeypatch, "experiment=stylegan_faces_tiny", "augment=none")
    assert run_here(monkeypatch, "experiment=stylegan_faces_tiny", "augment=null") == none


@pytest.mark.parametrize("word", ["output=same.png", "output=ä.png"])
def test_the_runs_of_a_sweep_do_not_write_one_file(word):
    with pytest.raises(UserError, match="every run of the sweep would write this; give a folder, as in output=A/"):
        hydra_words.prepared(["-m", "sampler=grid,uncurated", word], "sample")
    for fine in ("output=A/", "output=null", "output=a.png,b.png"):
        hydra_words.prepared(["-m", "sampler=grid,uncurated", fine], "sample")
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


@pytest.mark.long
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
    word = capsys.readouterr().out.partition("train further: ")[2].rpartition(" ")[0]
    assert shlex.split(word) == ["dlcourse", "train", f"resume={runs[0]}"] and "'" in word

    def said(*words):
        return error_of(capsys, monkeypatch, *words, job=train.train)

    run = f"resume={runs[1]}"
    assert "optimizer.nope: no such key; optimizer has lr, betas, eps" in said(run, "optimizer.nope=1")
    assert "~runner.profile: a resumed run keeps its keys; give runner.profile another" in said(run, "~runner.profile")
    assert "optimizer=sgd: a resumed run keeps its optimizer" in said(run, "optimizer=sgd")
    assert "augment=none: a resumed run keeps its augment; leave it out" in said(run, "augment=none")
    assert "run_dir=x: a resumed run keeps its folder" in said(run, "run_dir=x")
    assert "content=x: content plays no part here" in said(run, "content=x")
    assert f"lies in a run; give its folder, {run}" in said(f"{run}/checkpoints/step_0000003.pt")
    assert f"lies in a run; give its folder, {run}" in said(f"{run}/checkpoints")
    assert "resume=.: a folder of runs (2); give one of them, such as" in said("resume=.")
    with pytest.raises(UserError, match=r"2/checkpoints: lies in a run; give its folder, 2$"):
        run_folder.newest(Path("2", "checkpoints"))
    with pytest.raises(UserError, match=r"^\.: a folder of runs \(2\); give one of them, such as "):
        run_folder.newest(Path())
    Path("empty").mkdir()
    assert "not a run of dlcourse train (it has no composed.yaml)" in said("resume=empty")


def test_a_key_of_another_task_reaches_its_resumed_run():
    Path("run").mkdir()
    composed = compose_config("train", ["experiment=style_transfer_offline", "content=a"])
    OmegaConf.save(composed, "run/composed.yaml")
    words = hydra_words.prepared(["resume=run", "objective.content_weight=0.5", "style=[b (1),c]"])
    cfg = resuming.config_of(Path("run"), words, train.READS)
    assert (cfg.objective.content_weight, cfg.content, cfg.style) == (0.5, "a", ["b (1)", "c"])
    compose_config("train", words)  # by which it goes to Hydra first, whose own config has no objective
    with pytest.raises(UserError, match="objective.content_wait: no such key; did you mean objective.content_weight"):
        resuming.config_of(Path("run"), ["++objective.content_wait=1"], train.READS)
