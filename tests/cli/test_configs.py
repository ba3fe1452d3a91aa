"""Every YAML file says something that the code understands."""

import inspect
import re

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from conftest import CONFIGS, EXPERIMENTS, compose, nodes_with_target, small_overrides
from dlcourse.engine.build import build, locate

FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_the_globs_are_not_empty():
    assert len(FILES) > 20 and len(EXPERIMENTS) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_target_takes_exactly_its_arguments(path):
    whole = yaml.safe_load(path.read_text()) or {}
    for key, node in nodes_with_target(whole):
        names = {name: None for name in node if name not in ("_target_", "_partial_", "defaults")}
        signature = inspect.signature(locate(node["_target_"], key))
        # an experiment, and a file with defaults of its own, overrides a part
        is_partial = node.get("_partial_", False) or path.parent.name == "experiment" or "defaults" in whole
        (signature.bind_partial if is_partial else signature.bind)(**names)


@pytest.mark.long
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_builds(name):
    config = compose(*small_overrides(name, 1))
    build(config["runner"], "runner")
    build(config["task"], "task")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_no_default_lives_both_in_yaml_and_in_the_signature(path):
    node = yaml.safe_load(path.read_text()) or {}
    for key, target in nodes_with_target(node):
        if target["_target_"].startswith("dlcourse."):
            parameters = inspect.signature(locate(target["_target_"], key)).parameters
            for name in target:
                if name in parameters:
                    assert parameters[name].default is inspect.Parameter.empty, f"{path.name}: {name}"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_opens_with_paper_command_duration_and_result(name):
    head = (CONFIGS / "experiment" / f"{name}.yaml").read_text().partition("\n\n")[0]
    for entry in ("Paper", "Command", "Duration", "Result"):
        assert re.search(rf"^# {entry}: +\S", head, re.MULTILINE), entry
    assert "TODO" not in head
    assert f"experiment={name}" in head or name == "points"


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "adamw", "lbfgs"])
@pytest.mark.parametrize("scheduler", ["constant", "hyperbolic", "exponential", "inverse_sqrt", "cosine"])
def test_every_optimizer_and_schedule_builds(optimizer, scheduler):
    import torch

    config = compose(f"optimizer={optimizer}", f"scheduler={scheduler}")
    built = build({"optimizer": config["optimizer"], "scheduler": config["scheduler"]})
    assert built["optimizer"]([torch.nn.Parameter(torch.zeros(2))]).param_groups[0]["lr"] > 0
    assert built["scheduler"](0) == 1.0


def test_interpolations_follow_their_sources():
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("train", ["scheduler=cosine", "experiment=stylegan_faces"])
    cfg.runner.max_steps = 77
    cfg.dataset.resolution = 128
    config = OmegaConf.to_container(cfg, resolve=True)
    assert config["task"]["scheduler"]["total_updates"] == 77
    assert {config["task"][name]["resolution"] for name in ("generator", "discriminator", "dataset")} == {128}
