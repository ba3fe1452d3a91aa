"""What a config can have built: the list of names, and what lies behind each of them."""

import ast
import inspect
import os
import sys
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from conftest import CONFIGS, compose, nodes_with_target, run_script
from dlcourse.cli import evaluate, report, resuming, run_folders
from dlcourse.engine import checkpoint
from dlcourse.engine.build import locate
from dlcourse.engine.runner import Runner
from dlcourse.engine.targets import TARGETS
from dlcourse.engine.task import Task
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.files import load_generator, load_pretrained
from readers import NODE, generator

PURE = {
    "dlcourse.stylegan.losses",
    "dlcourse.style_transfer.losses",
    "dlcourse.stylegan.networks.variants",
}  # functions of numbers
IMPORTERS = {"importlib", "runpy", "pickle", "subprocess", "__import__", "eval", "exec"}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_name_is_a_class_of_ours_an_optimizer_or_a_function_of_numbers(name):
    target = locate(name, "")
    if name.startswith("torch."):
        assert issubclass(target, torch.optim.Optimizer) and target.__module__.startswith("torch.optim.")
        return
    assert target.__module__.startswith("dlcourse.")
    assert inspect.isclass(target) or (inspect.isfunction(target) and target.__module__ in PURE)
    assert not inspect.signature(target).parameters.keys() & {"module", "module_path", "func"}


def test_no_module_behind_a_name_imports_by_name_or_runs_code():
    files = {inspect.getsourcefile(locate(name, "")) for name in TARGETS if name.startswith("dlcourse.")}
    assert len(files) > 20
    for file in files:
        tree = ast.parse(Path(file).read_text())
        names = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import)
                 for alias in node.names}  # fmt: skip
        names |= {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & IMPORTERS, file


def test_every_name_of_the_configs_is_in_the_list():

    nodes = [
        node for path in CONFIGS.rglob("*.yaml") for _, node in nodes_with_target(yaml.safe_load(path.read_text()))
    ]
    assert len(nodes) > 80 and {node["_target_"] for node in nodes} <= TARGETS


# --- attacks --------------------------------------------------------------------------------------------------------

MNIST = {
    "_target_": "dlcourse.classifier.data.builtin.Torchvision",
    "name": "MNIST",
    "root": "evil",
    "dev_fraction": 0.1,
    "seed": 0,
}
MNIST |= {
    "augment": {
        "_target_": "dlcourse.classifier.data.augmentation.FlipRotateCrop",
        "flip": False,
        "rotate": 0.0,
        "crop": 1.0,
    }
}
ATTACKS = {
    "fa3": {"_target_": "torch.nn.attention._fa3._fa3_import_module", "module_path": "payload"},
    "fa4": {"_target_": "torch.nn.attention._fa4._fa4_import_module", "module_path": "payload"},
    "register fa3": {"_target_": "torch.nn.attention._fa3.register_flash_attention_fa3", "module_path": "payload"},
    "register fa4": {"_target_": "torch.nn.attention._fa4.register_flash_attention_fa4", "module_path": "payload"},
    "activate": {"_target_": "torch.nn.attention.activate_flash_attention_impl", "impl": "FA4"},
    "lazy": {"_target_": "torch.nn.utils._deprecation_utils.lazy_deprecated_import", "all": ["x"],
             "old_module": "payload", "new_module": "payload"},
    "browser": {"_target_": "torch.nn.attention._fa3._fa3_import_module", "module_path": "antigravity"},
    "partial": {"_target_": "torch.nn.attention._fa3._fa3_import_module", "module_path": "payload", "_partial_": True},
    "nested": NODE | {"parts": [{"_target_": "torch.nn.attention._fa3._fa3_import_module", "module_path": "payload"}]},
    "memory": {"_target_": "torch.nn.Linear", "in_features": 60_000, "out_features": 60_000},
    "payload": {"_target_": "payload.run"},
    "download": MNIST,
}  # fmt: skip


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A folder on the path with a module that leaves a mark when it is imported; nothing must change in there."""
    (tmp_path / "payload.py").write_text("import pathlib; pathlib.Path('executed').touch()\ndef run(): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    yield tmp_path
    assert "payload" not in sys.modules and "antigravity" not in sys.modules
    assert not Path("executed").exists() and not Path("evil").exists()


def file_of(path: Path, model: dict, **config) -> Path:
    state = {"generator": generator().state_dict(), "generator_ema": generator().state_dict()}
    checkpoint.save_checkpoint(path, 1, {"model": model, **config}, state)
    return path


@pytest.mark.long
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_config_of_a_file_has_nothing_built_but_the_list(trap, attack):
    # the second file has no weights for the attack
    of_generator = file_of(trap / "generator.pt", {"generator": attack})
    of_discriminator = file_of(
        trap / "discriminator.pt", {"generator": NODE, "discriminator": attack}
    )  # no state of it
    in_a_task = {"_target_": "dlcourse.classifier.task.Classification", "model": attack}
    of_data = file_of(trap / "data.pt", {"generator": NODE}, dataset=attack, task=in_a_task)
    settings = {"dataset": None, "dataset_cache": None}
    tiny = OmegaConf.create(compose("experiment=stylegan_faces_tiny", "dataset.resolution=8"))
    composed = {"runner": attack, "task": {"_target_": "dlcourse.stylegan.task.StyleGAN", "discriminator": attack}}
    routes = [
        lambda: load_generator([of_generator]),
        lambda: load_pretrained(of_discriminator),
        lambda: run_folders.with_networks_of(of_generator, tiny),
        lambda: run_folders.with_networks_of(of_discriminator, tiny),
        lambda: evaluate.build_dataset(of_data, attack, settings),
        lambda: report.load_task(of_data, "cpu"),
        lambda: run_folders.build_a(Runner, composed, "runner", {"download": False}),
        lambda: run_folders.build_a(Task, composed, "task", {"download": False}),
    ]
    for number, route in enumerate(routes):
        with pytest.raises(UserError) as caught:
            route()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000, number
        assert "_target_" in str(caught.value) or "evil" in str(caught.value), number


@pytest.mark.long
def test_the_commands_say_it_in_a_line_and_write_nothing(trap):
    file_of(trap / "weights.pt", {"generator": NODE, "discriminator": ATTACKS["fa3"]})
    file_of(trap / "data.pt", {"generator": NODE}, dataset=ATTACKS["lazy"])
    config = compose("experiment=stylegan_faces_tiny", "dataset.resolution=8", "dataset.num_images=8", "device=cpu")
    config["task"]["discriminator"] = MNIST
    (trap / "run").mkdir()
    OmegaConf.save(OmegaConf.create(config), trap / "run" / "composed.yaml")
    before = sorted(trap.rglob("*"))
    tiny = ("experiment=stylegan_faces_tiny", "dataset.resolution=8", "dataset.num_images=8", "device=cpu")
    for command, message in (
        (("sample.py", "checkpoint=weights.pt"), "weights.pt: model.discriminator._target_: 'torch.nn.attention"),
        (("evaluate.py", "checkpoint=data.pt"), "data.pt: dataset._target_: 'torch.nn.utils._dep"),
        (("train.py", "init_from=weights.pt", *tiny), "weights.pt: model.discriminator._target_: 'torch.nn.attention"),
        (("train.py", "resume=run"), "MNIST is not in root=evil and is downloaded for new runs only"),
    ):
        done = run_script(*command, cwd=trap)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr
    assert sorted(trap.rglob("*")) == before


def test_a_node_without_weights_is_not_taken_over(tmp_path):
    huge = {"_target_": "dlcourse.stylegan.networks.discriminator.Discriminator", "resolution": 8, "num_classes": 0}
    huge |= {"channel_base": 10**6, "channel_max": 10**6}
    cfg = OmegaConf.create(compose("experiment=stylegan_faces_tiny", "dataset.resolution=8"))
    own = dict(cfg.model.discriminator)
    path = file_of(tmp_path / "a.pt", {"generator": NODE, "discriminator": huge, "channel_max": 7})
    taken = run_folders.with_networks_of(path, cfg)[0].model
    assert taken.generator == NODE and taken.discriminator == own and taken.channel_max != 7
    asks = file_of(tmp_path / "b.pt", {"generator": NODE | {"parts": "${oc.env:HOME}"}})
    with pytest.raises(UserError, match=r"model\.generator\.parts must be"):
        run_folders.with_networks_of(asks, cfg)


def test_a_run_of_a_stranger_that_is_none(tmp_path):
    (tmp_path / "composed.yaml").write_text("seed: 0\ndevice: cpu\n")
    with pytest.raises(UserError, match=r"not the config of a run .it has no devices, model, runner, task\)"):
        resuming.config_of(tmp_path, [], [])
    with pytest.raises(UserError, match="^task: must be a Task, got a Constant"):
        run_folders.build_a(Task, {"task": {"_target_": "dlcourse.engine.schedules.Constant"}}, "task", {})
