"""G(z) beside its floors: the bare chain of the same convolutions, and the machine's matrix product.

    python benchmarks/stylegan_sampling.py

Every measurement is a process of its own; peers take turns, and the median of several rounds counts, since the time of
a large picture depends on the process and on who else is on the machine. `chain` runs the convolutions of the synthesis
network and nothing else (no blur, noise, bias, rectifier, normalization or style), each in the fastest of its equal
forms and memory formats, found by trying, and in float32 or bfloat16; `fp32` and `bf16` are the whole generator, with
random weights of the paper's sizes. Not every CPU multiplies bfloat16 faster than float32: its own chain tells.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

PEERS = ("chain_fp32", "fp32", "chain_bf16", "bf16")
FORMATS = (torch.contiguous_format, torch.channels_last)


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """The median of several runs after a first one."""
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


Convolution = tuple[str, tuple[int, ...], tuple[int, ...]]  # kind, shape of the input, shape of the weight


def convolutions(resolution: int, batch: int) -> list[Convolution]:
    """Every convolution of the synthesis network."""
    from dlcourse.models.stylegan.layers import channels_by_stage

    channels = channels_by_stage(resolution, 8192, 512)
    found: list[Convolution] = [("conv", (batch, channels[1], 4, 4), (channels[1], channels[1], 3, 3))]
    for log2 in range(3, resolution.bit_length()):
        inputs, outputs, side = channels[log2 - 2], channels[log2 - 1], 2**log2
        found.append(("up", (batch, inputs, side // 2, side // 2), (outputs, inputs, 3, 3)))
        found.append(("conv", (batch, outputs, side, side), (outputs, outputs, 3, 3)))
    found.append(("rgb", (batch, channels[-1], resolution, resolution), (3, channels[-1], 1, 1)))
    return found


def forms(kind: str, x: Tensor, weight: Tensor) -> list[Callable[[], Tensor]]:
    """The equal forms of one convolution; up: nearest x2 and 3x3, or one transposed convolution of 4x4."""
    if kind != "up":
        return [lambda: F.conv2d(x, weight, padding="same")]
    outputs, inputs = weight.shape[:2]
    wide = torch.randn(inputs, outputs, 4, 4).to(weight.dtype)
    return [
        lambda: F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, padding=1),
        lambda: F.conv_transpose2d(x, wide, stride=2, padding=1),
    ]


def chain_seconds(resolution: int, batch: int, repeats: int, is_bf16: bool) -> float:
    """Seconds of all convolutions, each at its best."""
    total, dtype = 0.0, torch.bfloat16 if is_bf16 else torch.float32
    for kind, shape, weight_shape in convolutions(resolution, batch):
        best = float("inf")
        for memory_format in FORMATS:
            tensors = (torch.randn(size, dtype=dtype) for size in (shape, weight_shape))
            x, weight = (tensor.to(memory_format=memory_format) for tensor in tensors)
            best = min([best, *(seconds_of(form, repeats) for form in forms(kind, x, weight))])
        total += best
    return total


def generator_seconds(resolution: int, batch: int, repeats: int, is_bf16: bool) -> float:
    """Seconds of G(z), as the samplers call it."""
    from dlcourse.models.stylegan import Generator, constant_weights

    generator = Generator(resolution, 512, 512, 8192, 512, 0).eval().to(memory_format=torch.channels_last)
    z = torch.randn(batch, 512)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16), constant_weights(generator):
        return seconds_of(lambda: generator(z), repeats)


def child(arguments: argparse.Namespace) -> None:
    """One measurement in this process; prints JSON."""
    from dlcourse.allocator import keep_freed_memory

    keep_freed_memory()  # as scripts/sample.py does
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    sizes = arguments.resolution, arguments.batch, arguments.repeats
    with torch.no_grad():
        measured = chain_seconds if arguments.child.startswith("chain") else generator_seconds
        seconds = measured(*sizes, is_bf16=arguments.child.endswith("bf16"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    print(json.dumps({"seconds": seconds, "rss": peak}))


def measure(peer: str, resolution: int, batch: int, arguments: argparse.Namespace) -> dict:
    """A measurement in a fresh process, on huge pages as the scripts have them."""
    sizes = [f"--resolution={resolution}", f"--batch={batch}", f"--threads={arguments.threads}"]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "THP_MEM_ALLOC_ENABLE": "1"}
    command = [sys.executable, __file__, f"--child={peer}", *sizes, f"--repeats={arguments.repeats}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def ratio(found: list[dict], peer: str, other: str) -> float:
    """The median over rounds of seconds by seconds."""
    return statistics.median(turn[peer]["seconds"] / turn[other]["seconds"] for turn in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="G(z) beside the bare chain of its convolutions.")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=9, help="runs in a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each peer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--resolution", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    torch.set_num_threads(arguments.threads)
    rates = []
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(2048, 2048, dtype=dtype)
        rates.append(2 * 2048**3 / seconds_of(partial(torch.matmul, a, a), 5) / 1e9)
    print("machine: matrix product {:.0f} GFLOP/s in fp32, {:.0f} in bf16".format(*rates))
    for resolution in arguments.resolutions:
        for batch in arguments.batches:
            rounds = range(arguments.rounds)
            found = [{peer: measure(peer, resolution, batch, arguments) for peer in PEERS} for _ in rounds]
            for peer in PEERS:
                seconds, peak = (statistics.median(turn[peer][key] for turn in found) for key in ("seconds", "rss"))
                line = f"{resolution:4} x{batch} {peer:10} {seconds:7.3f} s  peak {peak:.2f} GiB"
                if not peer.startswith("chain"):
                    line += f"  {ratio(found, peer, f'chain_{peer}'):.2f} times its chain"
                if peer == "bf16":
                    line += f"  {ratio(found, 'fp32', peer):.2f} times as fast as fp32"
                print(line, flush=True)


if __name__ == "__main__":
    main()
