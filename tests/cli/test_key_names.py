"""What people type for a key leads, in one line, to the key that works when typed."""

import functools
import re

import pytest
from omegaconf import OmegaConf

from dlcourse.cli import hydra_words, key_names
from dlcourse.cli.compose import compose_config
from dlcourse.errors import UserError

COMMANDS = ("train", "sample", "evaluate", "search", "find_lr")
config_of = functools.cache(lambda command: compose_config(command, []))


def check_key(key, command):
    """The key is one of the command's."""
    parent, _, name = key.rpartition(".")
    assert name in (OmegaConf.select(config_of(command), parent) if parent else config_of(command)), key


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_key_leads_to_one_that_works(command):
    tried = "lr epochs psi cuda learning-rate optim optimiser lr_scheduler dataset.folder folder Batch bs momentum wd"
    for key in [*tried.split(), "optimizer.learning_rate", "learnin_rate", "num_gpus", "threads"]:
        if key_names.meant(key, key_names.dotted_keys(OmegaConf.to_container(config_of(command)))) == key:
            continue
        line = key_names.no_such_key(key, config_of(command), command)
        assert line.startswith(f"{key}: no such key") and len(line) < 200, line
        if right := re.search(r"did you mean ([\w.]+)\?", line):
            check_key(right[1], command)
        else:
            assert re.search(r" is of (dlcourse |\w+=)| is null here; --help \w+", line), line


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("word", ["--lr=0.1", "--seed=1", "--psi", "--output_dir=x"])
def test_a_key_with_dashes_leads_to_one_without(command, word):
    with pytest.raises(UserError) as error:
        hydra_words.prepared([word], command)
    right = re.search(r"keys have no dashes, as in ([\w.]+)=", str(error.value))
    check_key(right[1], command)


def said(key, command, *overrides):
    return key_names.no_such_key(key, compose_config(command, list(overrides)), command)


def test_the_key_of_this_task_comes_first_then_other_choices_then_other_commands():
    assert said("epochs", "train") == "epochs: no such key; did you mean task.max_epochs?"
    gan = "experiment=stylegan_faces"
    assert said("epochs", "train", gan) == "epochs: no such key; did you mean task.total_images?"
    style = "experiment=style_transfer"
    assert said("epochs", "train", style) == "epochs: no such key; did you mean runner.max_steps?"
    assert said("momentum", "train") == "momentum: no such key here; optimizer.momentum is of optimizer=momentum"
    assert said("optimizer.nesterov", "train").endswith("optimizer.nesterov is of optimizer=momentum")
    assert said("lr", "evaluate") == "lr: no such key here; optimizer.lr is of dlcourse train"
    added = compose_config("train", ["+folder=x"])
    with pytest.raises(UserError, match="^folder: no such key here; dataset.root is of dataset=cifar10, image_classes"):
        key_names.check_known_keys(added, "train")
    assert said("xyzzy", "train") == "xyzzy: no such key; --help lists the keys"


def test_long_lists_are_cut():
    names = [f"option{number}" for number in range(25)]
    assert key_names.no_such_choice("g", "x", names) == "g=x: no such choice; --help g lists them"
    assert key_names.no_such_choice("g", "optoin3", names).startswith(
        "g=optoin3: no such choice; did you mean option3?"
    )
    assert key_names.no_such_choice("g", "mix", ["grid", "mixing"]).startswith(
        "g=mix: no such choice; did you mean mixing?"
    )
    assert key_names.no_such_choice("g", "x", ["a", "b"]) == "g=x: no such choice; g is one of a, b"
    line = said("task.xyzzy", "train", "experiment=style_transfer")
    assert line.startswith("task.xyzzy: no such key; task has dataset, ") and len(line) < 200
    assert key_names.cut(names) == [*names[:14], "..."]
    assert said("runner.xyzzy", "train").endswith(", keep_best, profile")


def test_values_are_written_as_one_types_them():
    values = {"null": None, "true": True, "1e-08": 1e-8, "[a,1,null]": ["a", 1, None], "{8:128}": {8: 128}}
    for text, value in values.items():
        assert key_names.as_word(value) == text
    assert float(key_names.as_word(0.123456789)) == 0.123456789
