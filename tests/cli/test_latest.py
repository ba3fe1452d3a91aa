"""RUN=latest, for every command that takes a run, and the names of run folders."""

import itertools
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dlcourse.cli import command_line, hydra_words, latest, path_overrides, run_names, search, submit, train
from dlcourse.engine import run_lock
from dlcourse.errors import UserError

GAN, CLASSIFIER = "dlcourse.stylegan.task.StyleGAN", "dlcourse.classifier.task.Classification"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make_run(path, started, target=CLASSIFIER):
    record = Path(path, "composed.yaml")
    record.parent.mkdir(parents=True)
    record.write_text(f"seed: 0\ntask:\n  _target_: {target}\n  seed: 0\n")
    os.utime(record, (started, started))


@pytest.fixture
def runs():
    make_run("runs/points/2026-01-01_00-00-02", 20)
    make_run("runs/points/2026-01-01_00-00-01/3_seed=1", 50)  # of a sweep, resumed later
    make_run("runs/stylegan_faces_tiny/2026-01-01_00-00-03_seed=1,x=it's", 30, GAN)
    make_run("runs/mine", 40)
    Path("runs/broken").mkdir()
    Path("runs/broken/composed.yaml").symlink_to("nowhere")


def test_it_is_the_run_that_was_started_or_resumed_last_of_any_depth(runs, capsys):
    assert latest.resolved("latest") == "runs/points/2026-01-01_00-00-01/3_seed=1"
    assert capsys.readouterr().err == "latest: runs/points/2026-01-01_00-00-01/3_seed=1\n"
    os.utime("runs/mine/composed.yaml", (60, 60))
    assert latest.resolved("latest") == "runs/mine"
    assert latest.resolved("latest:points") == "runs/points/2026-01-01_00-00-01/3_seed=1"
    for other in ("", "runs/latest", "LATEST", "latest.pt", "./latest"):
        assert latest.resolved(other) == other


def test_a_command_of_one_system_takes_its_newest_run_and_the_newest_of_all_if_there_is_none(runs):
    gan = "runs/stylegan_faces_tiny/2026-01-01_00-00-03_seed=1,x=it's"
    assert latest.resolved("latest", "StyleGAN") == gan
    assert latest.resolved("latest", "Classification") == latest.resolved("latest")
    assert latest.resolved("latest:mine", "StyleGAN") == "runs/mine"
    Path("runs/mine/composed.yaml").unlink()
    os.mkfifo("runs/mine/composed.yaml")  # a stranger's; nothing waits for it
    assert latest.resolved("latest", "StyleGAN") == gan


def test_no_run_is_told_with_the_names_that_there_are(runs):
    with pytest.raises(UserError, match="^latest:cats: no run in runs/cats here; there are latest:points, latest:m"):
        latest.resolved("latest:cats")


def test_a_file_or_folder_of_that_name_is_itself(runs):
    Path("latest").mkdir()
    assert latest.resolved("latest") == "latest"
    assert path_overrides.take_path("resume=latest", False) == "resume=latest"


@pytest.mark.parametrize("key", sorted(path_overrides.RUNS))
def test_every_key_of_a_run_is_replaced_before_hydra_sees_it(key, runs):
    """Hence records hold the path, and all runs of a sweep take the same."""
    task = path_overrides.RUNS[key]
    for is_sweep in (False, True):
        word = path_overrides.take_path(f"{key}=latest", is_sweep)
        assert path_overrides.PARSER.parse_override(word).value() == latest.resolved("latest", task)
    sweep = path_overrides.PARSER.parse_override(path_overrides.take_path(f"{key}=latest:mine,latest:points", True))
    assert [path.strip('"') for path in sweep.sweep_string_iterator()] == [
        "runs/mine",
        "runs/points/2026-01-01_00-00-01/3_seed=1",
    ]
    assert path_overrides.take_path("content=latest", False) == "content=latest"


def test_the_first_word_of_sample_and_a_search_may_be_latest(runs):
    gan = "runs/stylegan_faces_tiny/2026-01-01_00-00-03_seed=1,x=it's"
    (word,) = hydra_words.prepared(["latest"], "sample")
    assert path_overrides.PARSER.parse_override(word).value() == gan
    _, (word,) = search.split_command_line(["init_from=latest"])
    assert path_overrides.PARSER.parse_override(word).value() == gan


def test_a_job_on_a_cluster_takes_the_run_that_is_the_latest_when_it_is_submitted(runs, monkeypatch):
    class Executor:
        def __init__(self, *_, **__): ...

        def update_parameters(self, **_): ...

        def submit(self, job):
            raise UserError(job.overrides[0])

    monkeypatch.setattr("submitit.AutoExecutor", Executor, raising=False)
    options = {"run_dir": Path("x"), "gpus": 0, "hours": 1.0, "cpus": 1, "partition": None, "cluster": "local"}
    with pytest.raises(UserError, match="init_from=.*2026-01-01_00-00-03_seed=1,x=it's"):
        submit.submit(command_line.Namespace(overrides=["init_from=latest"], **options))


def test_argparse_commands_replace_it_too(runs, capsys):
    parser = command_line.Parser()
    parser.add_argument("runs", nargs="+", type=command_line.run_argument())
    assert parser.parse_args(["latest", "latest:mine", "~/x"]).runs == [
        Path("runs/points/2026-01-01_00-00-01/3_seed=1"),
        Path("runs/mine"),
        Path("~/x").expanduser(),
    ]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        parser.parse_args(["latest:nope"])
    assert capsys.readouterr().err.startswith("error: argument runs: latest:nope: no run in runs/nope here; there are ")


TIME = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], ""),
        (["experiment=cats", "device=cpu", "run_dir=null", "hydra/launcher=joblib", "resume=null"], ""),
        (["optimizer=momentum", "optimizer.lr=0.3"], "_optimizer=momentum,optimizer.lr=0.3"),
        (["content=/home/me/Köln 1/it's (1).jpg"], "_content=its_1.jpg"),
        (["content=日本.jpg"], "_content=日本.jpg"),
        (['style=["a/b/A.jpg",mosaic]'], "_style=A.jpg,mosaic"),
        (["dataset.root=/data/cats/"], "_dataset.root=cats"),
        (["model.hidden=[64,32]", "+x=a/b", "~y"], "_model.hidden=64,32,x=a_b,y="),
        (["init_from=runs/a/2026-01-01_00-00-00_b=c"], "_init_from=2026-01-01_00-00-00_b=c"),
        (["x=\x1b[2J\n$(rm);`a`\udcff<>|?*:"], "_x=_2J_rm_a"),
    ],
)
def test_the_name_of_a_new_run_is_its_time_and_what_was_typed(overrides, name):
    assert re.fullmatch(TIME + re.escape(name), run_names.name_of(overrides))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("latest:../..", "latest:../..: the name of a folder in runs/ follows the colon"),
        ("latest:/etc", "latest:/etc: the name of a folder in runs/ follows the colon"),
        ("latest:" + "r" * 300, "latest:rrr.*: File name too long"),
    ],
)
def test_only_names_in_runs_follow_the_colon(word, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match=message):
        latest.resolved(word)


def test_the_name_needs_no_quotes_in_a_shell_and_has_a_limit():
    words = [f"task.key{index}=ä" for index in range(20)]
    name = run_names.name_of(words)
    assert len("2026-01-01_00-00-00_") + 60 < len(name.encode()) <= len("2026-01-01_00-00-00_") + 80
    assert name.partition(",")[2].split(",") == words[1 : name.count("=")]  # none is cut
    ascii_name = run_names.name_of(["a.b=[1,'x y']", "c=$HOME&", "d={e: f}"])
    assert shlex.quote(ascii_name) == ascii_name


def test_everybody_gets_a_folder_of_his_own_and_none_that_is_empty_is_left():
    wanted = Path("runs/points/2026-01-01_00-00-00")
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(run_lock.claim, itertools.repeat(wanted, 40)))
    assert len(set(found)) == 40 and all(path.is_dir() for path in found)
    assert {path.name for path in found} == {wanted.name, *(f"{wanted.name}-{number}" for number in range(2, 41))}
    with pytest.raises(UserError), run_lock.new_folder(Path("new/a/b")) as folder:
        assert folder == Path("new/a/b") and folder.is_dir()
        raise UserError
    assert not Path("new").exists()
    with run_lock.new_folder(Path("new/a/b")) as folder:
        (folder / "file").touch()
    assert Path("new/a/b/file").exists()


def run_here(monkeypatch, *words, job=train.train):
    monkeypatch.setattr("sys.argv", ["dlcourse train", *words])
    command_line.command("train", job, train.READS)


def test_a_run_and_a_sweep_are_named_and_can_be_resumed_by_latest(monkeypatch, capsys):
    monkeypatch.setattr(run_names, "TIME", "2026-01-01_00-00-00")  # all in one second
    words = ["optimizer=momentum", "optimizer.lr=0.3", "runner.max_steps=1", "device=cpu"]
    name = "2026-01-01_00-00-00_optimizer=momentum,optimizer.lr=0.3,runner.max_steps=1"
    for _ in range(2):
        run_here(monkeypatch, *words)
    assert {path.name for path in Path("runs/points").iterdir()} == {name, f"{name}-2"}
    run_here(monkeypatch, "resume=latest", "runner.max_steps=2")
    said = capsys.readouterr().err
    assert f"latest: runs/points/{name}-2\n" in said and "continuing from step 1" in said
    record = Path(f"runs/points/{name}-2/composed.yaml")
    assert "latest" not in record.read_text() and OmegaConf.load(record).runner.max_steps == 2
    with pytest.raises(SystemExit):
        run_here(monkeypatch, "runner.max_steps=0")
    assert len(list(Path("runs/points").iterdir())) == 2  # a mistake leaves no folder


def test_a_sweep_resolves_latest_once_and_two_sweeps_of_one_second_do_not_collide(monkeypatch):
    folders, found = set(), []

    def note(cfg):
        with run_names.run_dir_of(cfg) as run_dir:
            run_dir.mkdir(parents=True)
            (run_dir / "composed.yaml").write_text("seed: 0\n")
            found.append((run_dir, cfg.init_from))

    make_run("runs/gan/first", 10, GAN)
    for _ in range(2):
        words = ["-m", "seed=1,2", "init_from=latest", "experiment=stylegan_faces_tiny"]
        run_here(monkeypatch, *words, job=note)
        folders |= {run_dir.parent for run_dir, _ in found}
    assert len(folders) == 2 and {init_from for _, init_from in found} == {"runs/gan/first"}
    assert all(re.fullmatch(TIME + r"(-2)?", folder.name) for folder in folders)
    assert {run_dir.name.partition("_")[0] for run_dir, _ in found} == {"0", "1"}


@pytest.mark.parametrize("words", [["resume=old"], ["-m", "resume=old,old"]], ids=" ".join)
def test_the_config_of_a_stranger_creates_no_folder(words, monkeypatch, capsys):
    composed = command_line.compose_config("train", [])
    composed.seed = "${new_folder:elsewhere}"
    Path("old").mkdir()
    OmegaConf.save(composed, "old/composed.yaml")
    with pytest.raises(SystemExit):
        run_here(monkeypatch, *words)
    assert "new_folder is for hydra.sweep.dir alone" in capsys.readouterr().err
    assert not Path("elsewhere").exists()


def test_a_run_below_a_folder_that_is_there_is_a_path_also_with_equal_signs():
    Path("runs/points").mkdir(parents=True)
    Path("dataset").mkdir()
    assert not hydra_words.has_key("runs/points/2026_a=b")
    assert hydra_words.has_key("dataset/augment=none") and hydra_words.has_key("hydra/launcher=joblib")


def test_the_command_says_so_in_another_process_too(runs):
    code = "from dlcourse.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "animate", "latest:mine"], capture_output=True, text=True)
    assert done.stderr.splitlines()[0] == "latest:mine: runs/mine"
