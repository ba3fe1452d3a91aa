"""A sweep's overhead: 4 optimizers x 3 seeds on the points, by scripts/train.py -m and by bare loops in one process.

    python benchmarks/sweep_overhead.py
    python benchmarks/sweep_overhead.py --jobs 2      # the sweep's runs in two processes at a time, by joblib

Both are measured as whole processes, including their start; each trains 12 times 5000 steps on one thread. The sweep
also writes scalars, images, checkpoints and TensorBoard events.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "train.py"
SWEEP = ["-m", "optimizer=sgd,momentum,rmsprop,adam", "seed=0,1,2"]
BARE = """
import torch
from torch.nn import functional as F

from dlcourse.classifier.data.points import Points
from dlcourse.classifier.data.points import ThreeColors
from dlcourse.classifier.networks import MLP

torch.set_num_threads(1)
OPTIMIZERS = (
    lambda p: torch.optim.SGD(p, lr=0.01),
    lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    lambda p: torch.optim.RMSprop(p, lr=3e-4),
    lambda p: torch.optim.Adam(p, lr=1e-3),
)
for make_optimizer in OPTIMIZERS:
    for seed in range(3):
        torch.manual_seed(seed)
        inputs, labels = Points(ThreeColors(), 400, 1000, 4000, 0.0, seed).train
        inputs = (inputs - inputs.mean(0)) / inputs.std(0)
        model = MLP((2,), 3, [10, 10], "relu", "he", 0.01, 0.0, "none")
        optimizer = make_optimizer(model.parameters())
        for _ in range({steps}):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
"""


def seconds_of(arguments: list[str]) -> float:
    """Seconds of a Python process in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True, env=environment)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="A sweep against bare loops, as whole processes.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=1, help="runs of the sweep at a time")
    repeats, steps, jobs = vars(parser.parse_args()).values()
    parallel = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}"] if jobs > 1 else []
    sweep = [str(SCRIPT), *SWEEP, f"runner.max_steps={steps}", *parallel]
    bare = ["-c", BARE.format(steps=steps)]
    pairs = [(seconds_of(sweep), seconds_of(bare)) for _ in range(repeats)]
    ratios = [sweep / bare for sweep, bare in pairs]
    print(f"sweep       {statistics.median(sweep for sweep, _ in pairs):.1f} s (median of {repeats})")
    print(f"bare loops  {statistics.median(bare for _, bare in pairs):.1f} s")
    print(f"ratio       {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
