"""Images per second of StyleGAN training, and of a bare loop over the same networks, by resolution and batch size.

    python benchmarks/stylegan_training.py                              # networks of experiment=stylegan_faces
    python benchmarks/stylegan_training.py --resolutions 64 256 --batches 8 --device cuda --precision bf16
    python benchmarks/stylegan_training.py --rosinality CLONE --resolutions 64 --batches 8   # beside a public port

`runner` is the runner's step on the task of the experiment; `bare` is a loop of thirty lines with the same arithmetic
(both losses, R1 when it is due, Adam, the averaged generator). They take turns in one process. The machine's matrix
product, also measured, is the upper limit. `port` is the training step of a clone of
rosinality/style-based-gan-pytorch with its own networks and R1 in every step; the runner then has the same widths.
"""

import argparse
import copy
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import hydra
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from dlcourse.datasets.faces.dataset import Faces
from dlcourse.engine.build import build
from dlcourse.engine.device import autocast
from dlcourse.engine.runner import Runner
from dlcourse.stylegan.task import StyleGAN

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
MOST_DRAWN = 256  # pixels of the largest drawn faces

FULL_SIZE = [
    "model.z_dim=512",
    "model.w_dim=512",
    "model.channel_base=8192",
    "model.channel_max=512",
    "loss.d_reg_interval=1",
    "task.updates.reuse_fakes=false",
]


def enlarged_faces() -> list[str]:
    """Keys of a folder of drawn faces, to be enlarged beyond the size at which they can be drawn."""
    folder = tempfile.mkdtemp()
    faces = Faces(MOST_DRAWN, num_images=8, seed=0, label="hair_style", num_classes=0, texture=1.0)
    for index, image in enumerate(faces.levels[0]):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(f"{folder}/{index}.png")
    return ["dataset=image_folder", f"dataset.root={folder}", "dataset.min_size=1", "dataset.cache=null"]


def make(resolution: int, batch_size: int, arguments: argparse.Namespace) -> tuple[Runner, StyleGAN]:
    """The runner and the task of the experiment at a fixed resolution."""
    overrides = [
        "experiment=stylegan_faces",
        *(enlarged_faces() if resolution > MOST_DRAWN else ["dataset.num_images=64"]),
        f"dataset.resolution={resolution}",
        "task.growth.initial_resolution=${dataset.resolution}",
        f"task.growth.batch_size={batch_size}",
        "task.growth.batch_sizes=null",
        f"device={arguments.device}",
        f"precision={arguments.precision}",
        f"runner.num_threads={arguments.threads}",
        *(FULL_SIZE if arguments.rosinality else []),
        *arguments.overrides,
    ]
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("train", overrides)
    config: dict = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    runner.prepare(task)
    return runner, task


def bare_loop(task: StyleGAN, runner: Runner, batch_size: int) -> Callable[[], None]:
    """A bare training step over copies of the task's networks."""
    generator, discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
    average: list[Tensor] = list(copy.deepcopy(task.generator_ema).parameters())
    g_parameters, d_parameters = list(generator.parameters()), list(discriminator.parameters())
    g_adam, d_adam = (
        torch.optim.Adam(parameters, lr=2e-3, betas=(0.0, 0.99)) for parameters in (g_parameters, d_parameters)
    )
    images = task.dataset.levels[0].to(runner.device)
    every, weight = task.loss.d_reg_interval, task.loss.r1_gamma
    steps = 0

    def descend(adam: torch.optim.Optimizer, parameters: list[nn.Parameter], loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        adam.step()

    def step() -> None:
        nonlocal steps
        with autocast(runner.device, runner.precision):
            z = torch.randn(batch_size, generator.z_dim, device=runner.device)
            fakes = generator(z, noise="random")
            chosen = torch.randint(len(images), (batch_size,), device=runner.device)
            reals = (images[chosen].float() / 127.5 - 1).requires_grad_(steps % every == 0)
            real_scores, fake_scores = discriminator(reals).float(), discriminator(fakes.detach()).float()
            loss = F.softplus(fake_scores).mean() + F.softplus(-real_scores).mean()
            if steps % every == 0:
                (gradient,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
                loss = loss + weight * every / 2 * gradient.square().sum((1, 2, 3)).mean()
            descend(d_adam, d_parameters, loss)
            with torch.no_grad():
                torch._foreach_lerp_(average, list(generator.parameters()), 0.002)
            descend(g_adam, g_parameters, F.softplus(-discriminator(fakes).float()).mean())
        steps += 1

    return step


def port_loop(clone: Path, task: StyleGAN, runner: Runner, batch_size: int) -> Callable[[], None]:
    """The port's training step: its networks, and its order of forward and backward passes."""
    sys.path.insert(0, str(clone))
    from model import Discriminator, StyledGenerator  # type: ignore[import-not-found]

    step = task.dataset.levels[0].shape[2].bit_length() - 3
    generator, average = (StyledGenerator(512).to(runner.device) for _ in range(2))
    discriminator = Discriminator(from_rgb_activate=True).to(runner.device)
    generator(torch.randn(2, 512, device=runner.device), step=step)
    g_adam, d_adam = (
        torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.99)) for network in (generator, discriminator)
    )
    images = task.dataset.levels[0].to(runner.device)

    def train() -> None:
        discriminator.zero_grad()
        generator.requires_grad_(False)
        discriminator.requires_grad_(True)
        chosen = torch.randint(len(images), (batch_size,), device=runner.device)
        reals = (images[chosen].float() / 127.5 - 1).requires_grad_(True)
        real_scores = discriminator(reals, step=step)
        F.softplus(-real_scores).mean().backward(retain_graph=True)
        (gradient,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
        (5 * gradient.view(batch_size, -1).norm(2, dim=1).square().mean()).backward()
        z = torch.randn(4, batch_size, 512, device=runner.device)
        F.softplus(discriminator(generator([z[0], z[1]], step=step), step=step)).mean().backward()
        d_adam.step()
        generator.zero_grad()
        generator.requires_grad_(True)
        discriminator.requires_grad_(False)
        F.softplus(-discriminator(generator([z[2], z[3]], step=step), step=step)).mean().backward()
        g_adam.step()
        for target, source in zip(average.parameters(), generator.parameters(), strict=True):
            target.data.mul_(0.999).add_(source.data, alpha=0.001)

    return train


def seconds_of(work: Callable[[], object], times: int, device: torch.device) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / times


def measure(resolution: int, batch_size: int, arguments: argparse.Namespace) -> str:
    runner, task = make(resolution, batch_size, arguments)
    peer = "port" if arguments.rosinality else "bare"
    if arguments.rosinality:
        other = port_loop(arguments.rosinality, task, runner, batch_size)
    else:
        other = bare_loop(task, runner, batch_size)
    position = 0

    def ours() -> None:
        nonlocal position
        runner.step(task, position)
        position += 1

    period = task.loss.d_reg_interval  # whole periods, so that both take as many penalties
    for work in (ours, other):
        seconds_of(work, period, runner.device)
    turns = [[seconds_of(work, period, runner.device) for work in (ours, other)] for _ in range(arguments.rounds)]
    rates = [batch_size / statistics.median(turn[index] for turn in turns) for index in range(2)]
    share = statistics.median(theirs / own for own, theirs in turns)
    flops = flops_per_image(task)
    busy = f"  kernels {1000 * kernel_seconds(ours, period, runner.device):.1f} ms a step" if arguments.kernels else ""
    return (
        f"{resolution:5} {batch_size:5}  runner {rates[0]:8.1f}  {peer} {rates[1]:8.1f} images/s  "
        f"ratio {share:.2f}  {flops * rates[0] / 1e9:6.0f} GFLOP/s  peak {peak_gib(runner.device):.2f} GiB{busy}"
    )


def kernel_seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds in which a GPU computes for one call of `work`; otherwise it waits for kernels to be started."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        seconds_of(work, times, device)
    return sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6 / times


def flops_per_image(task: StyleGAN) -> int:
    """FLOPs of an update without penalty: 3 times G's forward, and 8 times D's.

    G: forward and backward. D: forward on a real image and twice on a fake (3), backward to the weights for two of
    them (4) and to the image for one (1).
    """
    with torch.no_grad(), FlopCounterMode(display=False) as of_generator:
        images = task.generator(torch.randn(1, task.generator.z_dim, device=task.minibatches.device))
    with torch.no_grad(), FlopCounterMode(display=False) as of_discriminator:
        task.discriminator(images)
    return 3 * of_generator.get_total_flops() + 8 * of_discriminator.get_total_flops()


def peak_gib(device: torch.device) -> float:
    """Peak memory of torch on a GPU, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description="StyleGAN training beside a bare loop.")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="tf32")
    parser.add_argument("--kernels", action="store_true", help="also the time in which a GPU computes, without waiting")
    parser.add_argument("--rosinality", type=Path, metavar="CLONE", help="measure this port instead of the bare loop")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="of the experiment, such as model.channel_base=8192"
    )
    arguments = parser.parse_args()
    if arguments.rosinality and not (arguments.rosinality / "model.py").is_file():
        parser.error(f"--rosinality {arguments.rosinality}: no model.py in it")
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    a = torch.randn(2048, 2048, device=device)
    seconds_of(lambda: a @ a, 2, device)
    print(f"machine: matrix product {2 * 2048**3 / seconds_of(lambda: a @ a, 8, device) / 1e9:.0f} GFLOP/s in fp32")
    for resolution in arguments.resolutions:
        for batch_size in arguments.batches:
            print(measure(resolution, batch_size, arguments), flush=True)


if __name__ == "__main__":
    main()
