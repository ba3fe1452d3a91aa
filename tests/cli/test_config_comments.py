"""The comments of the configs: read right, and there for every key and every choice."""

import pytest
from omegaconf import OmegaConf

from conftest import CONFIGS
from dlcourse.cli import config_comments, key_names
from dlcourse.cli.config_comments import entries, groups, header, owners, prefix, task_of

FILES = sorted(CONFIGS.rglob("*.yaml"))
CHOICES = [path for path in FILES if path.parent != CONFIGS]


def name(path):
    return str(path.relative_to(CONFIGS))


def keys_of(node, before=""):
    """The keys of a config and those within, with their values; None for a block of keys."""
    for key, value in node.items():
        if key not in config_comments.UNTYPED:
            is_block = isinstance(value, dict)
            yield f"{before}{key}", None if is_block else value
            if is_block:
                yield from keys_of(value, f"{before}{key}.")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_keys_and_values_are_those_that_omegaconf_reads(path):
    expected = dict(keys_of(OmegaConf.to_container(OmegaConf.load(path))))
    found = {entry.key: entry for entry in entries(path)}
    inside_braces = {key for key in expected if key.rpartition(".")[0] in found and found[key.rpartition(".")[0]].value}
    assert set(found) == set(expected) - inside_braces
    for key, entry in found.items():
        if entry.value and expected[key] is not None:
            assert OmegaConf.to_container(OmegaConf.create(f"a: {entry.value}"))["a"] == expected[key], key
        assert "#" not in entry.value and "\n" not in entry.comment


def test_comments_are_those_of_the_line(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "# @package _global_\n# What it is for.\n#   more\n\n# not this\nx: 'a # b'  # of x, # 1\nempty:\n"
        "block:  # of the block\n  y: [1,\n    2]  # of y\n  z: {a: 1}\nw: 1 # of w\n"
    )
    assert [(one.key, one.value, one.comment) for one in entries(path)] == [
        ("x", "'a # b'", "of x, # 1"),
        ("empty", "", ""),
        ("block", "", "of the block"),
        ("block.y", "[1,     2]", "of y"),
        ("block.z", "{a: 1}", ""),
        ("w", "1", "of w"),
    ]
    assert header(path) == ["What it is for.", "  more"]


def test_every_key_has_a_comment_in_some_file():
    """That of its block is enough: model.continuous.yaw is explained by model.continuous."""
    explained, typed = set(), {}
    for path in FILES:
        for entry in entries(path):
            key = prefix(path) + entry.key
            explained |= {key} if entry.comment else set()
            if entry.value and not entry.value.startswith("${"):
                typed[key] = path
    alone = {key for key in typed if not explained & {key, key.rpartition(".")[0]}}
    assert len(typed) > 150 and not alone, alone


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_every_choice_says_in_its_first_line_what_it_is(path):
    first, *others = header(path)
    assert 5 <= len(first) <= 118
    assert not others or first.endswith(".") or not others[0][0].islower(), "the sentence goes on in the next line"


def test_groups_are_those_of_the_defaults_list_and_of_choices():
    assert groups("sample") == ["sampler"]
    assert groups("prepare_dataset") == ["dataset", "dataset/augment"]
    assert groups("evaluate")[:2] == ["evaluation", "dataset"]
    assert groups("find_lr") == groups("train")
    assert set(groups("train")) >= {"optimizer", "experiment", "objective", "loss", "augment", "evaluation"}
    assert "sampler" not in groups("train")


def test_tasks_of_experiments_follow_what_they_build_on():
    assert task_of("texture") == task_of("style_transfer_hq") == "style_transfer"
    assert task_of("stylegan_paper") == "stylegan" and task_of("cats") == task_of("points") == "classification"
    assert task_of("face_attributes") == "attributes"


def test_synonyms_stand_for_keys_that_there_are():
    known = {key.rpartition(".")[2] for command in ("train", "sample", "evaluate") for key in owners(command)}
    known |= {entry.key.rpartition(".")[2] for path in CONFIGS.glob("*.yaml") for entry in entries(path)}
    known |= set(groups("train"))
    meant = {one for ones in key_names.SYNONYMS.values() for one in ones}
    assert meant <= known, meant - known
