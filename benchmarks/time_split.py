"""How the time of a training on images is spent: decoding, batches, forward, backward, update.

    python benchmarks/time_split.py FOLDER

FOLDER holds a folder of images for each class. dlcourse decodes the images once; the table shows what share of an
epoch's training time decoding would be if every epoch did it.
"""

import argparse
import time
from pathlib import Path

import hydra
import torch
from omegaconf import OmegaConf

from dlcourse.engine.build import build

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def main() -> None:
    parser = argparse.ArgumentParser(description="Shares of an epoch's time on the CPU.")
    parser.add_argument("folder")
    parser.add_argument("--model", default="deep_mlp", help="deep_mlp or cnn")
    parser.add_argument("--batch-size", type=int, default=64)
    arguments = parser.parse_args()
    overrides = ["experiment=cats", f"model={arguments.model}", f"dataset.root={arguments.folder}"]
    overrides.append(f"task.batch_size={arguments.batch_size}")
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        config: dict = OmegaConf.to_container(hydra.compose("train", overrides), resolve=True)  # type: ignore[assignment]
    clock: dict[str, float] = {}
    start = time.perf_counter()
    task = build(config["task"], "task")
    clock["decoding, once"] = time.perf_counter() - start
    task.setup(torch.device("cpu"))
    parameters = list(task.model.parameters())
    optimizer = task.descent.optimizer
    for name in ("batch", "forward", "backward", "update"):
        clock[name] = 0.0
    while task.batches.epochs_seen() < 1:
        marks = [time.perf_counter()]
        inputs, labels = next(task.batches)
        marks.append(time.perf_counter())
        loss = task.losses(inputs, labels)["loss"]
        marks.append(time.perf_counter())
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        marks.append(time.perf_counter())
        optimizer.step()
        marks.append(time.perf_counter())
        for name, first, last in zip(("batch", "forward", "backward", "update"), marks, marks[1:], strict=False):
            clock[name] += last - first
    epoch = sum(seconds for name, seconds in clock.items() if "once" not in name)
    for name, seconds in clock.items():
        print(f"{name:15} {seconds:7.3f} s  {seconds / epoch:6.2f} of an epoch's training")


if __name__ == "__main__":
    main()
