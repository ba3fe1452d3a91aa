"""Style transfer and the PyTorch tutorial: seconds per evaluation, memory, and time to the tutorial's last loss.

    python benchmarks/style_transfer.py                 # seconds per evaluation at 256 and 512 pixels, peak memory
    python benchmarks/style_transfer.py --to-loss       # also: seconds to the tutorial's loss after 300 evaluations
    python benchmarks/style_transfer.py --large         # also: 2048 x 2048
    python benchmarks/style_transfer.py --precisions fp32   # for CPUs that take minutes for a product in bfloat16
    python benchmarks/style_transfer.py --device cuda   # on a GPU, where fp32 does not round to TF32

Each figure comes from a fresh process; the peers take turns. The tutorial is rewritten below as a chain of modules,
with losses as modules, clamping inside the closure, and torch's defaults. Weights are torchvision's random ones of one
seed, images the built-in ones as squares. For comparison, the machine's rates are measured with a 3 x 3 convolution of
128 channels, forward and backward, and a matrix product.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hydra
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
EVALUATIONS = 300  # of the tutorial


class Tutorial:
    """https://pytorch.org/tutorials/advanced/neural_style_tutorial.html, as a chain of modules."""

    def __init__(self, config: dict, device: torch.device):
        from torchvision.models import vgg19

        from dlcourse.engine.build import build

        torch.manual_seed(0)
        images = build(config["dataset"]).at(config["dataset"]["content_size"][0])
        content, style = images.content.to(device), images.styles[0].to(device)
        statistics_of_imagenet = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in statistics_of_imagenet)
        chain: list[nn.Module] = []
        self.losses: list[tuple[float, PeekLoss]] = []
        x, y = (content - mean) / std, (style - mean) / std
        conv = 0
        with torch.no_grad():
            for layer in vgg19(weights=None).features.eval().to(device):
                layer = nn.ReLU(inplace=False) if isinstance(layer, nn.ReLU) else layer
                chain.append(layer)
                x, y = layer(x), layer(y)
                if isinstance(layer, nn.Conv2d):
                    conv += 1
                    if conv == 4:
                        self.losses.append((1.0, PeekLoss(x, lambda f: f)))
                        chain.append(self.losses[-1][1])
                    self.losses.append((1e6, PeekLoss(tutorial_gram(y), tutorial_gram)))
                    chain.append(self.losses[-1][1])
                    if conv == 5:
                        break
        self.mean, self.std = mean, std
        self.model = nn.Sequential(*chain).requires_grad_(False)
        self.image = content.clone().requires_grad_(True)
        self.optimizer = torch.optim.LBFGS([self.image])

    def evaluate(self) -> Tensor:
        """Loss and gradient of the clamped image."""
        with torch.no_grad():
            self.image.clamp_(0, 1)
        self.optimizer.zero_grad()
        self.model((self.image - self.mean) / self.std)
        loss = torch.stack([weight * module.loss for weight, module in self.losses]).sum()
        loss.backward()
        return loss

    def run(self, note: Callable[[float], None]) -> None:

        def closure() -> Tensor:
            loss = self.evaluate()
            note(float(loss))
            return loss

        while True:
            self.optimizer.step(closure)


class PeekLoss(nn.Module):
    """Returns its input, and keeps the distance of its statistic from a target."""

    def __init__(self, target: Tensor, statistic: Callable[[Tensor], Tensor]):
        super().__init__()
        self.target, self.statistic = target.detach(), statistic
        self.loss = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.statistic(x), self.target)
        return x


def tutorial_gram(x: Tensor) -> Tensor:
    """F F^T / (N C H W) with N * C rows."""
    n, c, h, w = x.size()
    features = x.view(n * c, h * w)
    return torch.mm(features, features.t()).div(n * c * h * w)


class Ours:
    """experiment=style_transfer with overrides."""

    def __init__(self, config: dict, device: torch.device):
        from dlcourse.engine.build import build
        from dlcourse.engine.memory import return_freed_memory

        torch.manual_seed(0)
        self.task = build(config["task"], "task")
        self.bf16 = config["precision"] == "bf16"
        return_freed_memory()  # as the runner does
        self.device = device
        self.task.setup(device)

    def evaluate(self) -> None:
        """Loss and gradient of the image."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            self.task.canvas.image.grad = None
            self.task.losses()["loss"].backward()

    def run(self, note: Callable[[float], None]) -> None:
        """The runner's loop; losses of coarse scales are not comparable, and are reported as infinite."""
        while True:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                loss = float(self.task.step()["train/loss"])
            note(loss if self.task.scale == len(self.task.sizes) - 1 else float("inf"))


class Finished(Exception):  # noqa: N818  # not an error
    """The loss was reached, or there were enough evaluations."""


PEERS = {"tutorial": [], "fp32": ["precision=fp32"], "bf16": ["precision=bf16"]}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
COARSE_TO_FINE = ["task.smallest_size=64", "task.steps_per_scale=60"]


def child(arguments: argparse.Namespace) -> None:
    """One measurement in this process; prints JSON."""
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    sizes = [f"dataset.{kind}_size=[{arguments.size},{arguments.size}]" for kind in ("content", "style")]
    overrides = ["experiment=style_transfer", "model.weights=random", *sizes, *PEERS[arguments.child], *arguments.also]
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        config: dict = OmegaConf.to_container(hydra.compose("train", overrides), resolve=True)  # type: ignore[assignment]
    device = torch.device(arguments.device)
    peer = Tutorial(config, device) if arguments.child == "tutorial" else Ours(config, device)
    found: dict = {}
    if arguments.evaluations:
        with FlopCounterMode(display=False) as counter:
            peer.evaluate()
        found["gflop"] = counter.get_total_flops() / 1e9
        seconds = [timed(peer.evaluate) for _ in range(arguments.evaluations)]
        found["seconds"] = statistics.median(seconds)
    else:
        start = time.perf_counter()
        losses: list[float] = []

        def note(loss: float) -> None:
            losses.append(loss)
            is_enough = len(losses) > EVALUATIONS if arguments.until is None else loss <= arguments.until
            if is_enough or len(losses) > 3 * EVALUATIONS:
                raise Finished

        with contextlib.suppress(Finished):
            peer.run(note)
        found |= {"seconds": time.perf_counter() - start, "last": losses[-1], "evaluations": len(losses) - 1}
        found["lowest"] = min(losses)
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    if device.type == "cuda":
        found["peak"] = torch.cuda.max_memory_allocated(device) / 2**30
    print(json.dumps(found))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(peer: str, size: int, given: argparse.Namespace, *options: str) -> dict:
    """Run `child` in a fresh process."""
    of_machine = [f"--threads={given.threads}", f"--device={given.device}"]
    command = [sys.executable, __file__, f"--child={peer}", f"--size={size}", *of_machine, *options]
    environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
    if peer != "tutorial":
        environment |= {"THP_MEM_ALLOC_ENABLE": "1"}  # as the scripts do
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def machine_rates(given: argparse.Namespace) -> None:
    """Print the machine's GFLOP/s in a convolution, forward and backward, and in a matrix product."""
    torch.set_num_threads(given.threads)
    for dtype in map(PRECISIONS.get, given.precisions):
        options = {"dtype": dtype, "device": given.device}
        x = torch.randn(1, 128, 256, 256, **options).to(memory_format=torch.channels_last).requires_grad_()
        layer = nn.Conv2d(128, 128, 3, padding=1, **options).to(memory_format=torch.channels_last)
        layer.requires_grad_(False)
        ones = torch.ones_like(x)
        seconds = min(timed(lambda: torch.autograd.grad(layer(x), x, ones)) for _ in range(5))  # noqa: B023
        convolution = 2 * 2 * 9 * 128 * 128 * 256 * 256 / seconds / 1e9
        a = torch.randn(2048, 2048, **options)
        product = 2 * 2048**3 / min(timed(lambda: a @ a) for _ in range(5)) / 1e9  # noqa: B023
        print(
            f"machine, {str(dtype)[6:]:9} convolution {convolution:5.0f} GFLOP/s, matrix product {product:5.0f} GFLOP/s"
        )


def compare_evaluations(size: int, given: argparse.Namespace) -> None:
    """Print seconds per evaluation of every peer, taking turns."""
    peers = "tutorial", *given.precisions
    rounds = [{peer: measure(peer, size, given, "--evaluations=7") for peer in peers} for _ in range(given.repeats)]
    for peer in peers:
        seconds = statistics.median(found[peer]["seconds"] for found in rounds)
        ratio = statistics.median(found[peer]["seconds"] / found["tutorial"]["seconds"] for found in rounds)
        rate, peak = rounds[0][peer]["gflop"] / seconds, max(found[peer]["peak"] for found in rounds)
        print(f"{size:4} {peer:9} {seconds:6.3f} s  ratio {ratio:.2f}  {rate:4.0f} GFLOP/s  peak {peak:.2f} GiB")


def compare_to_loss(size: int, given: argparse.Namespace) -> None:
    """Print the seconds to the tutorial's last and lowest loss, which differ if clamping makes it diverge."""
    tutorial = measure("tutorial", size, given)
    losses = f"last loss {tutorial['last']:.5f}, lowest {tutorial['lowest']:.5f}"
    print(f"{size:4} tutorial {tutorial['seconds']:.1f} s for {EVALUATIONS} evaluations: {losses}")
    for until in ("last", "lowest"):
        for peer in given.precisions:
            for name, also in {"": [], ", coarse to fine": COARSE_TO_FINE}.items():
                found = measure(peer, size, given, f"--until={tutorial[until]}", "--also", *also)
                ratio = found["seconds"] / tutorial["seconds"]
                reached = f"{until} loss in {found['evaluations']} evaluations"
                print(f"{size:4} {peer + name} {found['seconds']:.1f} s, ratio {ratio:.2f}, to the {reached}")


def measure_large(given: argparse.Namespace) -> None:
    """Print seconds and memory of one evaluation of 2048 x 2048 pixels."""
    for peer in given.precisions:
        found = measure(peer, 2048, given, "--evaluations=1")
        print(f"2048 {peer:9} {found['seconds']:6.1f} s an evaluation, peak {found['peak']:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Style transfer against the PyTorch tutorial.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--to-loss", action="store_true", help="also seconds to the loss that the tutorial ends with")
    parser.add_argument("--large", action="store_true", help="also 2048 x 2048 pixels")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--evaluations", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--also", nargs="*", default=[], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    machine_rates(arguments)
    for size in arguments.sizes:
        compare_evaluations(size, arguments)
    if arguments.to_loss:
        compare_to_loss(max(arguments.sizes), arguments)
    if arguments.large:
        measure_large(arguments)


if __name__ == "__main__":
    main()
