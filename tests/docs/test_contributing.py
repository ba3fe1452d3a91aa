"""CONTRIBUTING.md keeps its word: its files, put into a copy of the project, train by its commands."""

import re
import shutil

import pytest
import yaml

from conftest import ROOT
from warm import warm

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
SECTIONS = dict(re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
TARGETS = "src/dlcourse/engine/targets.py"


def add(section, project):
    """Write the files of a section, and its line of targets.py."""
    for before, code in re.findall(r"([^\n]+\n?[^\n]+)\n\n```(?:python|yaml)\n(.*?)```", section, re.DOTALL):
        *_, path = re.findall(r"`((?:src|configs)/[\w/.]+)`", before)
        assert not (project / path).exists()
        (project / path).write_text(code)
    for line in re.findall(r'`("dlcourse\.[\w.]+": "\w+",)`', section):
        for group in re.findall(r"to `([A-Z]+)`", section):
            text = (project / TARGETS).read_text()
            text, count = re.subn(rf"^({group} = [^{{]*\{{)", rf"\1{line}", text, flags=re.MULTILINE)
            assert count == 1
            (project / TARGETS).write_text(text)


def run(command, project, cwd):
    words = [str(project / "src" / "dlcourse" / "cli" / "main.py"), *command.split()[1:]]
    return warm(project=False).start(words, cwd, PYTHONPATH=str(project / "src")).wait()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with all that the page adds."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "configs", folder / "configs")
    for section in SECTIONS.values():
        add(section, folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("name", SECTIONS)
def test_what_a_section_adds_trains_by_its_command(name, project, tmp_path):
    (command,) = re.findall(r"^```\n(dlcourse train .*)\n```", SECTIONS[name], re.MULTILINE)
    done = run(f"{command} runner.max_steps=3", project, tmp_path)
    assert done.returncode == 0, done.stderr
    (config,) = tmp_path.rglob("config.yaml")
    chosen = yaml.safe_load(config.read_text())["choices"]
    words = dict(word.split("=") for word in command.split()[2:])
    assert all(chosen[group] == words[group] for group in words.keys() & chosen.keys())
    assert next(tmp_path.rglob("step_0000003.pt")).stat().st_size > 0 and list(tmp_path.rglob("images/*.png"))


@pytest.mark.long
def test_a_report_reads_a_run_of_the_new_model(project, tmp_path):
    assert run("dlcourse train model=residual runner.max_steps=3 run_dir=run", project, tmp_path).returncode == 0
    done = run("dlcourse report run", project, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_experiments_may_lie_in_a_folder_of_ones_own(project, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    text = (project / "configs" / "experiment" / "spirals.yaml").read_text()
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text(text.replace("max_steps: 2000", "max_steps: 3"))
    done = run("dlcourse train --config-dir mine experiment=own", project, tmp_path)
    assert done.returncode == 0 and list((tmp_path / "runs" / "own").rglob("step_0000003.pt")), done.stderr


def test_the_page_has_a_section_for_each_kind():
    assert list(SECTIONS) == ["Add a model", "Add a data set", "Add an experiment", "Add a task"]
