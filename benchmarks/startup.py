"""How soon a run takes its first step: scripts/train.py against a script that does the same with plain torch.

    python benchmarks/startup.py

All are whole processes, from their start to the end of the first step, in turn, `--repeats` times; the ratio is taken
pair by pair. The plain scripts get the composed config for nothing, and draw or read the same data, build the same
networks and take one step of the same optimizer, without Hydra, runner, checkpoint and TensorBoard. Beside them stands
the floor, `import torch`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hydra
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = ("points", "style_transfer_offline", "stylegan_faces_tiny")
# scripts/train.py, which ends without farewell after its first step
OURS = """
import os, runpy, sys
from dlcourse.runner import Runner

take = Runner.step
Runner.step = lambda *arguments: (take(*arguments), os._exit(0))
sys.path.insert(0, os.path.dirname(sys.argv[1]))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PRELUDE = """
import copy, json, os, sys
import torch
from torch.nn import functional as F
from dlcourse.build import build

config = json.load(open(sys.argv[1]))
torch.set_num_threads(config["runner"]["num_threads"] or torch.get_num_threads())
torch.manual_seed(0)
task = config["task"]
"""
PLAIN = {
    "points": """
inputs, labels = build(task["dataset"]).train
inputs = (inputs - inputs.mean(0)) / inputs.std(0)
model = build(task["model"])((2,), 3)
optimizer = build(task["optimizer"])(model.parameters())
F.cross_entropy(model(inputs), labels).backward()
optimizer.step()
""",
    "style_transfer_offline": """
objective, dataset = build(task["objective"]), build(task["dataset"])
pictures = dataset.at(task["smallest_size"] or dataset.longest_side)
objective.aim(pictures)
image = torch.nn.Parameter(pictures.content.clone())
optimizer = build(task["optimizer"])([image])

def closure():
    optimizer.zero_grad()
    loss = objective(image)["loss"]
    loss.backward()
    return loss

optimizer.step(closure)
""",
    "stylegan_faces_tiny": """
images = build(task["dataset"]).levels[0]
generator, discriminator = build(task["generator"]), build(task["discriminator"])
average = copy.deepcopy(generator)
g_optimizer, d_optimizer = (build(task["optimizer"])(net.parameters()) for net in (generator, discriminator))
size = task["growth"]["batch_size"]
reals = (images[torch.randint(len(images), (size,))].float() / 127.5 - 1).requires_grad_()
fakes = generator(torch.randn(size, generator.z_dim), noise="random")
real_scores, fake_scores = discriminator(reals), discriminator(fakes.detach())
(slope,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
loss = F.softplus(fake_scores).mean() + F.softplus(-real_scores).mean() + 5 * slope.square().sum((1, 2, 3)).mean()
loss.backward()
d_optimizer.step()
F.softplus(-discriminator(fakes)).mean().backward()
g_optimizer.step()
""",
}


def seconds_of(*arguments: str) -> float:
    """Seconds of a Python process in an empty folder."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": path}
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True, env=environment)
        return time.perf_counter() - start


def measure(experiment: str, repeats: int, folder: Path) -> str:
    """A line of the table."""
    overrides = [f"experiment={experiment}", "device=cpu"]
    with hydra.initialize_config_dir(str(ROOT / "configs"), version_base=None):
        config = OmegaConf.to_container(hydra.compose("train", overrides), resolve=True)
    file = folder / f"{experiment}.json"
    file.write_text(json.dumps(config))
    ours = ("-c", OURS, str(ROOT / "scripts" / "train.py"), *overrides)
    plain = ("-c", f"{PRELUDE}{PLAIN[experiment]}\nos._exit(0)\n", str(file))
    for command in (ours, plain):
        seconds_of(*command)  # byte code and files are warm from here on
    pairs = [(seconds_of(*ours), seconds_of(*plain)) for _ in range(repeats)]
    ratios = [own / bare for own, bare in pairs]
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{experiment:24} {medians[0]:6.2f} s  {medians[1]:6.2f} s  {statistics.median(ratios):5.2f} {spread}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Seconds to the first step, as whole processes.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    floor = [seconds_of("-c", "import torch") for _ in range(repeats + 1)][1:]
    script = str(ROOT / "scripts" / "train.py")
    for name, arguments in {
        "import torch": None,
        "train.py --help": [script, "--help"],
        "train.py --cfg job": [script, "--cfg", "job"],
    }.items():
        times = [seconds_of(*arguments) for _ in range(repeats)] if arguments else floor
        print(f"{name:24} {statistics.median(times):6.2f} s")
    print(f"\n{'to the first step':24} {'runner':>8}  {'plain':>8}  ratio")
    with tempfile.TemporaryDirectory() as folder:
        for experiment in EXPERIMENTS:
            print(measure(experiment, repeats, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
