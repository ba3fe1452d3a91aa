"""Seconds per update of an MLP by width and batch size, on the CPU and on the GPU if there is one.

    python benchmarks/devices.py

Small networks are faster on the CPU, because starting the kernels of a GPU takes longer than their whole arithmetic.
The last column is the share of the measured matmul rate of the device that the training reaches.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from dlcourse.engine.device import find_device


def synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def seconds_per_call(call: Callable[[], object], device: torch.device, least: float) -> float:
    """Mean seconds of `call` over at least `least` seconds, after a warm-up."""
    for _ in range(3):
        call()
    synchronize(device)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < least or count < 3:
        call()
        count += 1
        if count % 50 == 0:
            synchronize(device)
    synchronize(device)
    return (time.perf_counter() - start) / count


def update_of(width: int, batch: int, device: torch.device) -> Callable[[], None]:
    """One update of an MLP [width, width, width, 10] with Adam."""
    layers = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    model = nn.Sequential(*layers).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    inputs = torch.randn(batch, width, device=device)
    labels = torch.randint(0, 10, (batch,), device=device)

    def update() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    return update


def matmul_rate(device: torch.device, least: float) -> float:
    """Floating-point operations per second of a large matrix product."""
    size = 1024 if device.type == "cpu" else 8192
    a, b = torch.randn(2, size, size, device=device)
    return 2 * size**3 / seconds_per_call(lambda: a @ b, device, least)


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds per update by device, width and batch size.")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    least = parser.parse_args().seconds
    torch.set_float32_matmul_precision("high")
    devices = [torch.device("cpu")]
    devices += [device for device in [find_device("auto")] if device.type != "cpu"]
    rates = {device: matmul_rate(device, least) for device in devices}
    for device, rate in rates.items():
        print(f"{device}: {rate / 1e9:.0f} GFLOP/s in a large product, {torch.get_num_threads()} CPU threads")
    print(f"{'width':>6} {'batch':>6} " + " ".join(f"{device!s:>12} {'of rate':>8}" for device in devices))
    for width in (16, 128, 1024):
        for batch in (32, 256, 2048):
            cells = []
            for device in devices:
                seconds = seconds_per_call(update_of(width, batch, device), device, least)
                # forward, gradients of weights, gradients of inputs but the first
                operations = 6 * batch * width * (2 * width + 10) - 2 * batch * width**2
                cells.append(f"{seconds * 1e6:>9.0f} us {operations / seconds / rates[device]:>8.1%}")
            print(f"{width:>6} {batch:>6} " + " ".join(cells))


if __name__ == "__main__":
    main()
