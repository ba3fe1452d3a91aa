"""--help: what a command has, and what one key, group or choice means."""

import re

import pytest
from omegaconf import OmegaConf

from conftest import CONFIGS, EXPERIMENTS
from dlcourse.cli import key_help
from dlcourse.cli.compose import Composed
from dlcourse.errors import UserError

COMMANDS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def answer(command, *words):
    return "\n".join(key_help.answer(list(words), command))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_short_and_of_its_own_groups(command):
    lines = answer(command, "--help").splitlines()
    assert len(lines) <= 48
    named = [match[1] for line in lines if (match := re.match(r"  ([a-z][\w.]*)=\S+(   |$)", line))]
    composed = Composed(command, key_help.EXAMPLE.get(command, []))
    groups = {name for name in named if (CONFIGS / name).is_dir()}
    assert groups <= set(composed.choices)
    assert len(named) > 8 or set(named) == set(composed.config)  # blend has only a few keys
    assert set(named) <= {*composed.choices, *key_help.Page(command, composed.overrides).comments}
    assert max(map(len, lines[1:])) <= 102 and len(lines[0]) <= 106


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_that_a_help_names_is_one_for_some_experiment(command):
    text = OmegaConf.load(CONFIGS / f"{command}.yaml").hydra.help.template
    names = {line.strip() for line in text.splitlines() if key_help.NAMED.fullmatch(line)}
    experiments = [
        "cats",
        "projection",
        "style_transfer",
        "stylegan_faces",
        "face_attributes",
        "logistic",
        "batch_size",
    ]
    given = [[f"experiment={one}"] for one in experiments] if "experiment" in names else [[]]
    pages = [key_help.Page(command, overrides) for overrides in given]
    known = {name for page in pages for name in (*page.comments, *page.composed.choices)}
    assert names and names <= known, names - known


def test_values_are_those_of_the_overrides_before_it():
    assert "optimizer.lr=0.001" in answer("train", "--help", "optimizer.lr")
    assert "optimizer.lr=0.0015" in answer("train", "experiment=stylegan_faces", "--help", "optimizer.lr")
    assert "optimizer.lr=5" in answer("train", "optimizer.lr=5", "-h", "lr")
    assert "objective.style_weight=1000 " in answer("train", "experiment=style_transfer_offline", "--help")
    assert "task.l2" not in answer("train", "experiment=style_transfer_offline", "--help")
    assert "seeds=0-4" in answer("sample", "sampler=mixing", "help")


def test_a_key_comes_with_its_meaning_and_its_values_by_choice():
    said = answer("train", "--help", "optimizer.lr")
    assert said.splitlines()[:2] == ["optimizer.lr=0.001", "  learning rate, > 0"]
    assert "By optimizer: adam 1.0e-3, adam_pixels 0.02" in said
    said = answer("sample", "sampler=mixing", "--help", "seeds")
    assert said.index("sources, in the top row") < said.index("0-15, [0,1,2]")
    assert "dataset.root=...\n  needed\n  a folder" in answer("train", "experiment=cats", "--help", "dataset.root")
    assert "task.growth.batch_size=16" in answer("train", "experiment=stylegan_faces", "--help", "task.growth")
    assert answer("train", "--help", "task.optimizer.lr") == answer("train", "--help", "optimizer.lr")
    assert answer("train", "--help", "seed", "device").count("\n\n") == 1


def test_a_group_comes_with_its_choices_and_the_keys_of_the_chosen_one():
    said = answer("train", "experiment=batchnorm", "--help", "optimizer")
    assert "  sgd           Plain gradient descent." in said and "optimizer=sgd, as here, has:" in said
    assert "optimizer.weight_decay=0" in said and "optimizer.betas" not in said
    said = answer("train", "--help", "experiment")
    assert all(f"\n  {name} " in said or f"\n  {name}\n" in said for name in EXPERIMENTS)
    assert "For StyleGAN, as in experiment=stylegan_faces_tiny." in answer("train", "--help", "augment")
    assert "augment.target=0.6" in answer("train", "--help", "adaptive")
    assert "interpolate" in answer("sample", "--help", "sampler")


def test_a_choice_comes_with_its_whole_header_and_what_it_sets():
    said = answer("train", "--help", "cats")
    assert said == answer("train", "--help", "experiment=cats")
    for part in ("Paper:    LeCun", "Duration: 15 s", "Result: ", "dataset.root=...   needed; a folder or .zip"):
        assert part in said
    sets = said.partition("It chooses and sets:")[2]
    assert re.search(r"model=deep_mlp\n.*task\.batch_size=64 +samples per step", sets, re.DOTALL)
    assert "sampler.destinations={coarse:5-7" in answer("sample", "--help", "mixing")
    assert "--help dataset=points" in answer("train", "--help", "points")
    said = answer("train", "--help", "batch_size")
    assert said.startswith("task.batch_size=null") and "--help experiment=batch_size" in said


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_explained(name):
    said = answer("train", "--help", f"experiment={name}")
    assert "Paper:" in said and "It chooses and sets:" in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help", "epochs"], "task.max_epochs=null"),
        (["--help", "learning-rate"], "optimizer.lr=0.001"),
        (["--help", "gpu"], "device=auto"),
        (["--help", "content"], "content comes with experiment=style_transfer_offline:"),
        (["--help", "optimizer.nesterov"], "optimizer.nesterov comes with optimizer=momentum:"),
        (["--help", "task.growth"], "task.growth comes with experiment=stylegan_faces_tiny:"),
        (["--help", "optim"], "optimizer is one of:"),
        (["help", "gpus"], "devices=1"),
    ],
)
def test_synonyms_and_keys_of_other_choices_lead_to_what_is_meant(words, said):
    assert answer("train", *words).startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help", "optimzer"], "optimzer: no such key, group or choice; did you mean optimizer? --help lists"),
        (["--help", "learnin_rate"], "learnin_rate: no such key, group or choice; did you mean optimizer.lr?"),
        (["--help", "catz"], "did you mean cats?"),
        (["--help", "experiment=catz"], "experiment=catz: no such choice; did you mean cats? --help experiment lists"),
        (["--help", "xyzzy"], "xyzzy: no such key, group or choice; --help lists the main ones, --cfg job all keys"),
        (["--flag", "--help"], "unrecognized arguments: --flag"),
    ],
)
def test_what_is_not_there_is_an_error_with_what_may_be_meant(words, said):
    with pytest.raises(UserError, match=re.escape(said)):
        key_help.answer(words, "train")


def test_help_is_a_word_too_unless_a_run_has_this_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert key_help.is_asked(["help"]) and key_help.is_asked(["seed=1", "-h"]) and not key_help.is_asked(["seed=1"])
    (tmp_path / "help").mkdir()
    assert not key_help.is_asked(["help"]) and key_help.is_asked(["help", "--help"])
