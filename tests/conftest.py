import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors: threads cost more than they bring
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the commands do beside busy processes

import gc
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from dlcourse.engine.build import build
from dlcourse.nn.vgg_weights import torchvision_names
from warm import warm

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and what they start, ignore it
SCRATCH = tempfile.TemporaryDirectory(prefix="dlcourse-tests-")  # removed when the tests end
os.environ["DLCOURSE_CACHE"] = str(Path(SCRATCH.name) / "cache")
ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))

# What makes an experiment small enough for a test; an experiment that is not named here runs as it is.
VGG_FILE = Path(SCRATCH.name) / "vgg.pth"  # sooner read than drawn
SMALL_STYLE = ["dataset.content_size=44", "dataset.style_size=44", f"model.weights={VGG_FILE}"]
COARSE_TO_FINE = [*SMALL_STYLE, "task.smallest_size=32", "task.steps_per_scale=3"]
SMALL_GAN = [
    "dataset.num_images=24",
    "dataset.resolution=16",
    "model.channel_max=8",
    "model.z_dim=8",
    "model.w_dim=8",
    "task.growth.batch_size=4",
]
SMALL_FACES = ["dataset.faces.num_images=80", "dataset.faces.resolution=8", "task.batch_size=16"]
IMAGES = Path(SCRATCH.name) / "images"
SMALL_FOLDER = [f"dataset.root={IMAGES}", "dataset.resolution=8", "task.batch_size=8"]
SMALL = {
    "adain_style": [
        "dataset.num_faces=4",
        "dataset.num_textures=4",
        "dataset.num_dev=2",
        "task.crop_size=32",
        "task.batch_size=2",
    ],
    "batch_size": SMALL_FACES,
    "cats": SMALL_FOLDER,
    "face_attributes": [
        "dataset.num_images=24",
        "task.dev_dataset.num_images=24",
        "dataset.resolution=16",
        "model.resolution=16",
        "model.channels=[4,4]",
        "task.batch_size=8",
    ],
    "combine_images": [*SMALL_STYLE, "dataset.content_size=[44,33]", "dataset.style_size=[44,33]"],
    "content_reconstruction": SMALL_STYLE,
    "copy_image": SMALL_STYLE,
    "logistic": SMALL_FOLDER,
    "lr_decay": SMALL_FACES,
    "optimizers": SMALL_FACES,
    "projection": [f"target={ROOT}/docs/images/stylegan/project.png"],
    "style_transfer": SMALL_STYLE,
    "style_transfer_gatys": SMALL_STYLE,
    "style_transfer_hq": [
        *COARSE_TO_FINE,
        "objective.style_layers=[relu1_1,relu2_1]",
        "objective.style_layer_weights=null",
    ],
    "style_transfer_offline": COARSE_TO_FINE,
    "style_transfer_untrained": COARSE_TO_FINE,
    "stylegan_faces": [*SMALL_GAN, "task.growth.batch_sizes=null"],
    "stylegan_faces_tiny": SMALL_GAN,
    "stylegan_few_images": [
        *SMALL_GAN[1:],
        f"dataset.root={IMAGES}",
        "dataset.min_size=1",
        "dataset.cache=null",
        "task.growth.batch_sizes=null",
    ],
    "stylegan_paper": [
        *SMALL_GAN[1:],
        f"dataset.root={IMAGES}",
        "dataset.min_size=1",
        "dataset.cache=null",
        "task.growth.batch_sizes=null",
        "task.updates.minibatch_repeats=2",
    ],
    "texture": COARSE_TO_FINE,
}
EVERY_STEP = [
    "runner.log_every=1",
    "runner.evaluate_every=2",
    "runner.visualize_every=2",
    "runner.checkpoint_every=2",
]


def small_overrides(experiment: str, max_steps: int) -> list[str]:
    return [
        f"experiment={experiment}",
        *SMALL.get(experiment, []),
        *EVERY_STEP,
        f"runner.max_steps={max_steps}",
    ]


def compose(*overrides: str, config_name: str = "train") -> dict:
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose(config_name, list(overrides))
    return OmegaConf.to_container(cfg, resolve=True)


def run_script(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    """What a command does and says; without its start, which tests/cli/test_startup.py looks at."""
    return warm().run([f"scripts/{name}", *map(str, arguments)], cwd)


def assert_same(first, second, place: str = "") -> None:
    """Equal to the last bit, through nested dicts, lists and tensors."""
    assert type(first) is type(second), place
    if isinstance(first, dict):
        assert first.keys() == second.keys(), place
        for key in first:
            assert_same(first[key], second[key], f"{place}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), place
        for index, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{place}[{index}]")
    elif isinstance(first, torch.Tensor):
        assert first.shape == second.shape and first.dtype == second.dtype, place
        assert torch.equal(first, second), place
    else:
        assert first == second, place


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def kaggle_folder(root: Path, num_train: int, num_test: int) -> None:
    """Noisy images, cats reddish and dogs bluish, in the layout of Kaggle's cats and dogs."""
    random = np.random.default_rng(0)
    for folder, count in (("training_set", num_train), ("test_set", num_test)):
        for name, color in (("cats", (180, 90, 60)), ("dogs", (60, 90, 180))):
            (root / folder / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(random.normal(color, 50, (12, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / folder / name / f"{index:03}.jpg")


@pytest.fixture(scope="session", autouse=True)
def vgg_file():
    torch.manual_seed(0)
    layers = build(compose("experiment=style_transfer_untrained")["model"])().layers
    torch.save(dict(zip(torchvision_names(19), layers.state_dict().values(), strict=True)), VGG_FILE)


@pytest.fixture(scope="session", autouse=True)
def image_folder():
    kaggle_folder(IMAGES, num_train=12, num_test=5)


@pytest.fixture
def quick_and_small():
    """No attack takes more than a second, nor a hundred megabytes above what the process held before."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
    start, before = time.process_time(), peak_memory()
    yield
    assert peak_memory() - before < 100 * 2**20
    assert time.process_time() - start < 3  # of a busy processor, with the making of the file


def peak_memory() -> int:
    """The most bytes that this process held since its peak was reset."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def nodes_with_target(node, key=""):
    """(key, node) of everything that a config has built."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield key, node
        for name, value in node.items():
            yield from nodes_with_target(value, f"{key}.{name}")
