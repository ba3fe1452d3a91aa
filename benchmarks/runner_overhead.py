"""The runner's overhead: training on the points in the runner, with logging, and in a bare loop.

    python benchmarks/runner_overhead.py

Both train the default experiment (5000 full-batch steps) in this process, in turn, `--repeats` times; ratios are taken
for each pair. The runner's time includes everything that a run does after its imports: scalars, evaluations, decision
maps, checkpoints, closing TensorBoard. The table also has the time of the arithmetic alone: the forward and backward
matrix products of the steps, on preallocated tensors.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import hydra
import torch
from omegaconf import OmegaConf
from torch.nn import functional as F

from dlcourse.engine.build import build

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def bare_loop(config: dict) -> float:
    """Seconds of the training as a tutorial would write it, with torch's default kernels in the optimizer."""
    torch.manual_seed(0)
    inputs, labels = build(config["dataset"]).train
    model = build(config["model"])((2,), 3)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    start = time.perf_counter()
    optimizer = build(config["optimizer"] | {"fused": None})(model.parameters())
    for _ in range(config["runner"]["max_steps"]):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return time.perf_counter() - start


def in_the_runner(config: dict) -> float:
    """Seconds of the same training as scripts/train.py does it."""
    torch.manual_seed(0)
    runner, task = build(config["runner"]), build(config["task"])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        runner.prepare(task)
        step = runner.restore(task, Path(folder), config)
        runner.train(task, Path(folder), config, step)
        return time.perf_counter() - start


def products_alone(config: dict) -> float:
    """Seconds of the training's matrix products alone."""
    widths, batch = [2, *config["model"]["hidden"], 3], config["dataset"]["num_train"]
    layers = [
        (torch.randn(batch, fan_in), torch.randn(fan_in, fan_out), torch.randn(batch, fan_out))
        for fan_in, fan_out in zip(widths, widths[1:], strict=False)
    ]
    start = time.perf_counter()
    for _ in range(config["runner"]["max_steps"]):
        for inputs, weight, gradient in layers:
            torch.mm(inputs, weight)
            torch.mm(inputs.T, gradient)
            torch.mm(gradient, weight.T)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5000)
    repeats, steps = vars(parser.parse_args()).values()
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("train", ["device=cpu", f"runner.max_steps={steps}"])
    config: dict = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    torch.set_num_threads(config["runner"]["num_threads"])
    in_the_runner(config), bare_loop(config)  # warm-up
    pairs = [(in_the_runner(config), bare_loop(config)) for _ in range(repeats)]
    ratios = [inside / bare for inside, bare in pairs]
    print(f"runner     {statistics.median(inside for inside, _ in pairs):.2f} s (median of {repeats})")
    print(f"bare loop  {statistics.median(bare for _, bare in pairs):.2f} s")
    print(f"ratio      {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"products   {products_alone(config):.2f} s: the matrix products alone")


if __name__ == "__main__":
    main()
