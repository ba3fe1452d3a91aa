"""Time to the first training step: scripts/train.py and a script that does the same with plain torch.

    python benchmarks/startup.py

Both are measured as whole processes, from their start to the end of the first step, in turn, `--repeats` times; ratios
of wall-clock and CPU seconds are taken for each pair. CPU seconds depend less on other work on the machine. The plain
scripts read the composed config from a file, and make the same data, build the same networks and take one step of the
same optimizer, without Hydra, runner, checkpoint and TensorBoard. `import torch` is the lower limit.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hydra
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parent.parent
# scripts/train.py, ended by os._exit after its first step
OURS = """
import os, runpy, sys
from dlcourse.engine.runner import Runner

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
from dlcourse.engine.build import build

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
images = dataset.at(task["smallest_size"] or dataset.longest_side)
objective.set_targets(images)
image = torch.nn.Parameter(images.content.clone())
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


Seconds = tuple[float, float]  # wall-clock, CPU


def seconds_of(*arguments: str) -> Seconds:
    """Time of a Python process in an empty folder."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), cpu_seconds()
        environment = os.environ | {"PYTHONPATH": path}
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True, env=environment)
        return time.perf_counter() - start, cpu_seconds() - used


def cpu_seconds() -> float:
    """Seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def medians_of(name: str, times: list[Seconds]) -> str:
    wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    return f"{name:32} {wall:7.2f} s  {cpu:7.2f} s"


def measure(experiment: str, repeats: int, folder: Path) -> None:
    """Measure and print one experiment."""
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
    for name, times in zip((experiment, "  plain"), zip(*pairs, strict=True), strict=True):
        print(medians_of(name, list(times)))
    ratios = [statistics.median(own[kind] / bare[kind] for own, bare in pairs) for kind in range(2)]
    print(f"  {'ratio':30} {ratios[0]:7.2f}    {ratios[1]:7.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds to the first step, as whole processes.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("experiments", nargs="*", default=list(PLAIN), help=", ".join(PLAIN))
    arguments = parser.parse_args()
    script = str(ROOT / "scripts" / "train.py")
    commands = {
        "import torch": ["-c", "import torch"],
        "--help": [script, "--help"],
        "--cfg job": [script, "--cfg", "job"],
    }
    print(f"{'':32} {'wall':>9}  {'CPU':>9}")
    for name, command in commands.items():
        seconds_of(*command)
        print(medians_of(name, [seconds_of(*command) for _ in range(arguments.repeats)]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for experiment in arguments.experiments:
            measure(experiment, arguments.repeats, Path(folder))


if __name__ == "__main__":
    main()
