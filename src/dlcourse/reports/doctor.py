"""Checks of this machine for torch: versions, driver, and a small computation on every device."""

import importlib.metadata
import math
import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

PACKAGES = ("torch", "torchvision", "tensorboard", "hydra-core")
PATIENCE = 30.0  # seconds that nvidia-smi may take
TOLERANCE = 1e-2  # relative error; convolutions on recent GPUs round their inputs to ten bits (TF32)


@dataclass(frozen=True)
class Driver:
    """The driver's version and the highest CUDA version it supports, or the reason why they are unknown."""

    version: str | None
    cuda: str | None
    problem: str | None


@dataclass(frozen=True)
class DeviceCheck:
    """The result of a small computation on one device."""

    device: str  # as in `device=`
    error: float | None  # |result - the CPU's in float64| / |the CPU's|, if there was a result
    milliseconds: float | None  # of the second time
    problem: str | None  # why the device cannot be used; None if it can


def examine() -> dict[str, Any]:
    """Run all checks, and return the results as plain data, ready for JSON."""
    driver = read_driver()
    return {
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "cuda_build": torch.version.cuda,
        "cudnn": cudnn_version(),
        "driver": asdict(driver),
        "diagnosis": diagnose_cuda(torch.version.cuda, driver, torch.cuda.is_available()),
        "gpus": [describe_gpu(index) for index in range(num_gpus())],
        "mps": torch.backends.mps.is_available(),
        "vgg19_weights": vgg19_weights(),
        "devices": [asdict(check_device(name)) for name in device_names()],
    }


def version_of(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cudnn_version() -> str | None:
    """Such as 9.10.2, which torch gives as 91002; before version 9, the number had one digit less."""
    try:
        number = torch.backends.cudnn.version()
    except RuntimeError as error:  # torch was built with another version of the library
        return f"unusable: {first_line(error)}"
    if number is None:
        return None
    major, rest = divmod(number, 10000 if number >= 90000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def num_gpus() -> int:
    """The number of GPUs that torch can use; device_count alone counts unusable ones too."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def describe_gpu(index: int) -> dict[str, Any]:
    """A GPU's name and memory in GiB, or why they cannot be read."""
    try:
        gpu = torch.cuda.get_device_properties(index)
    except RuntimeError as error:
        return {"name": f"does not answer: {first_line(error)}", "memory_gib": None}
    return {"name": gpu.name, "memory_gib": round(gpu.total_memory / 2**30, 1)}


def vgg19_weights() -> str | None:
    """Where torch keeps VGG19's ImageNet weights, if they were downloaded."""
    found = sorted(Path(torch.hub.get_dir(), "checkpoints").glob("vgg19-*.pth"))
    return str(found[0]) if found else None


def read_driver() -> Driver:
    """Ask nvidia-smi, which may be missing, broken, or hang."""
    try:
        done = subprocess.run(["nvidia-smi"], capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except FileNotFoundError:
        return Driver(None, None, "there is no nvidia-smi")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Driver(None, None, f"nvidia-smi cannot be run: {first_line(error)}")
    return parse_driver(done.stdout + done.stderr, done.returncode)


def parse_driver(text: str, status: int) -> Driver:
    """Read the heading of nvidia-smi: | NVIDIA-SMI 550.54  Driver Version: 550.54  CUDA Version: 12.4 |."""
    if status != 0:
        return Driver(None, None, f"nvidia-smi fails with status {status}: {first_line(text)}")
    # newer versions say "KMD Version" for the driver, and "CUDA UMD Version"
    driver = re.search(r"(?:Driver|KMD) Version\s*:\s*(\d[\d.]*)", text)
    cuda = re.search(r"CUDA (?:\w+ )?Version\s*:\s*(\d[\d.]*)", text)
    if driver is None:
        return Driver(None, None, f"nvidia-smi names no driver: {first_line(text)}")
    return Driver(driver[1], cuda[1] if cuda else None, None)


def first_line(message: object) -> str:
    """The first 160 characters of the first line that is not blank."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0][:160] if lines else "no message"


def diagnose_cuda(build: str | None, driver: Driver, is_available: bool) -> str:
    """A sentence: whether torch, built with CUDA `build`, can use an NVIDIA GPU, or else what is missing or too old."""
    if is_available:
        return "torch sees a GPU"
    if driver.version is None:
        also = "" if build else ", and torch is built without CUDA"
        return f"no CUDA: no NVIDIA driver ({driver.problem}){also}"
    supported = f"CUDA up to {driver.cuda}" if driver.cuda else "a CUDA that it does not name"
    if build is None:
        return f"no CUDA: torch is built without CUDA; the driver supports {supported}: install a build of torch for it"
    # within a major version of CUDA, builds run with older drivers
    if driver.cuda is not None and major(driver.cuda) < major(build):
        return (
            f"no CUDA: the driver is too old, it supports {supported} and torch is built for {build}: "
            f"update the driver, or install a torch built for CUDA {major(driver.cuda)}"
        )
    return f"no CUDA: driver ({supported}) and torch ({build}) fit, but torch sees no GPU; is CUDA_VISIBLE_DEVICES set?"


def major(version: str) -> int:
    return int(version.partition(".")[0])


def device_names() -> list[str]:
    gpus = [f"cuda:{index}" for index in range(num_gpus())]
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


def check_device(name: str) -> DeviceCheck:
    """Multiply, convolve and differentiate on a device, twice, and compare with the CPU in float64."""
    expected = arithmetic(draw_inputs("cpu", torch.float64))
    try:
        inputs = draw_inputs(name, torch.float32)
        arithmetic(inputs)  # warm-up: loads kernels
        start = time.perf_counter()
        results = arithmetic(inputs)
        milliseconds = (time.perf_counter() - start) * 1000
        error = largest_error(results, expected)
    except (RuntimeError, AssertionError) as failure:
        return DeviceCheck(name, None, None, first_line(failure))
    if not math.isfinite(error):
        return DeviceCheck(name, None, milliseconds, "wrong results: not finite")
    return DeviceCheck(name, error, milliseconds, None if error <= TOLERANCE else f"wrong results: error {error:.1g}")


def draw_inputs(device: str, dtype: torch.dtype) -> list[Tensor]:
    """Two matrices (256, 256), images (8, 16, 32, 32) and kernels (16, 16, 3, 3), with the same values everywhere."""
    generator = torch.Generator().manual_seed(0)
    shapes = (256, 256), (256, 256), (8, 16, 32, 32), (16, 16, 3, 3)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [tensor.to(dtype).to(device).requires_grad_() for tensor in drawn]


def arithmetic(inputs: Sequence[Tensor]) -> list[Tensor]:
    """A matrix product, a convolution, and the gradients of their mean squares, after the device has finished."""
    left, right, images, kernels = inputs
    product, features = left @ right, F.conv2d(images, kernels, padding=1)
    gradients = torch.autograd.grad(product.square().mean() + features.square().mean(), inputs)
    gradients[-1].sum().item()  # waits for the device
    return [product.detach(), features.detach(), *gradients]


def largest_error(results: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest relative error |result - expected| / |expected| of the results."""
    pairs = [(result.cpu().double(), right) for result, right in zip(results, expected, strict=True)]
    return torch.stack([(result - right).norm() / right.norm() for result, right in pairs]).max().item()


def describe_findings(findings: dict[str, Any]) -> list[str]:
    """The result of `examine` as lines of text."""
    driver = findings["driver"]
    rows = {
        "python": f"{findings['python']} on {findings['os']}",
        "CPU": f"{findings['cpus']} logical cores, torch uses {findings['threads']} threads",
        **{name: version or "not installed" for name, version in findings["packages"].items()},
        "CUDA build": findings["cuda_build"] or "none",
        "cuDNN": findings["cudnn"] or "none",
        "NVIDIA driver": driver["problem"] or f"{driver['version']}, supports CUDA up to {driver['cuda'] or '?'}",
        "GPUs": "; ".join(f"{gpu['name']}, {gpu['memory_gib']} GiB" for gpu in findings["gpus"]) or "none",
        "MPS": "available" if findings["mps"] else "not available",
        "VGG19 weights": findings["vgg19_weights"] or "not downloaded yet (experiment=style_transfer does it)",
    }
    for check in findings["devices"]:
        rows[check["device"]] = check["problem"] or (
            f"works: {check['milliseconds']:.1f} ms, relative error {check['error']:.0e}"
        )
    lines = [f"{name:<16}{value}" for name, value in rows.items()]
    return [*lines, "", findings["diagnosis"]]
