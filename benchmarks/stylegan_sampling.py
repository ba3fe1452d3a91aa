"""G(z) and its lower limits: the same convolutions alone, and the machine's matrix product.

    python benchmarks/stylegan_sampling.py
    python benchmarks/stylegan_sampling.py --precisions fp32   # for CPUs that take minutes for a product in bfloat16
    python benchmarks/stylegan_sampling.py --device cuda
    python benchmarks/stylegan_sampling.py --rosinality CLONE  # beside a public port

`chain` runs only the convolutions of the synthesis network (no blur, noise, bias, activation, normalization or style),
each in the fastest of its equivalent forms and memory formats, in float32 or bfloat16; `fp32` and `bf16` are the whole
generator, with random weights of the paper's sizes. Compare bf16 with its own chain, because not every CPU multiplies
bfloat16 faster than float32. On a GPU, `compiled` is bf16 with torch.compile and CUDA graphs, `tf32` is fp32 with
convolutions that round to ten bits, and the chain is replayed from a CUDA graph, without the time to start kernels.
`port` is the generator of a clone of rosinality/style-based-gan-pytorch, in float32.

Within a process the peers run in turn, and ratios are medians over the turns, because other work on the machine slows
all of them. Several processes are started, because the time of a large image also depends on the process. Peak memory
is that of a process that only draws.
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
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

PEERS = {
    "cpu": ("chain_fp32", "fp32", "chain_bf16", "bf16"),
    "cuda": ("chain_fp32", "fp32", "chain_tf32", "tf32", "chain_bf16", "bf16", "compiled"),
}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}  # tf32 comes with fp32
CHAINS = {"compiled": "bf16", "port": "fp32"}  # whose chain stands beside
FORMATS = (torch.contiguous_format, torch.channels_last)
Work = Callable[[], object]
Turns = list[dict[str, float]]  # seconds of each peer, turn after turn


def timed(work: Work) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def seconds_of(work: Work, repeats: int) -> float:
    """The median of `repeats` runs after two warm-up runs."""
    return statistics.median([timed(work) for _ in range(2 + repeats)][2:])


Convolution = tuple[str, tuple[int, ...], tuple[int, ...]]  # kind, shape of the input, shape of the weight


def convolutions(resolution: int, batch: int) -> list[Convolution]:
    """Every convolution of the synthesis network."""
    from dlcourse.stylegan.networks.layers import channels_by_stage

    channels = channels_by_stage(resolution, 8192, 512)
    found: list[Convolution] = [("conv", (batch, channels[1], 4, 4), (channels[1], channels[1], 3, 3))]
    for log2 in range(3, resolution.bit_length()):
        inputs, outputs, side = channels[log2 - 2], channels[log2 - 1], 2**log2
        found.append(("up", (batch, inputs, side // 2, side // 2), (outputs, inputs, 3, 3)))
        found.append(("conv", (batch, outputs, side, side), (outputs, outputs, 3, 3)))
    found.append(("rgb", (batch, channels[-1], resolution, resolution), (3, channels[-1], 1, 1)))
    return found


def forms(kind: str, x: Tensor, weight: Tensor, memory_format: torch.memory_format) -> list[Work]:
    """The equivalent forms of a convolution; of "up": nearest x2 and 3x3, or one transposed convolution of 4x4."""
    x, weight = x.to(memory_format=memory_format), weight.to(memory_format=memory_format)
    if kind != "up":
        return [lambda: F.conv2d(x, weight, padding="same")]
    outputs, inputs = weight.shape[:2]
    wide = weight.new_empty(inputs, outputs, 4, 4).normal_().to(memory_format=memory_format)
    return [
        lambda: F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, padding=1),
        lambda: F.conv_transpose2d(x, wide, stride=2, padding=1),
    ]


def chain_of(resolution: int, batch: int, dtype: torch.dtype, device: str) -> Work:
    """All convolutions, each in its fastest form."""
    chosen = []
    for kind, *shapes in convolutions(resolution, batch):
        x, weight = (torch.randn(shape, dtype=dtype, device=device) for shape in shapes)
        candidates = [form for memory_format in FORMATS for form in forms(kind, x, weight, memory_format)]
        chosen.append(min(candidates, key=partial(seconds_of, repeats=5)))

    def chain() -> None:
        for convolution in chosen:
            convolution()

    return chain


def captured(work: Work) -> Work:
    """The replay of a CUDA graph of `work`, which must have run before."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def generator_of(peer: str, arguments: argparse.Namespace, stack: ExitStack) -> Callable[[Tensor], Tensor]:
    """This project's generator, or the port's; contexts that it enters end with `stack`."""
    from dlcourse.stylegan.networks.generator import Generator
    from dlcourse.stylegan.networks.synthesis import constant_weights

    resolution, device = arguments.resolution, arguments.device
    if peer == "port":
        sys.path.insert(0, arguments.rosinality)
        from model import StyledGenerator  # type: ignore[import-not-found]

        port = StyledGenerator(512).eval().requires_grad_(False).to(device)
        return partial(port, step=resolution.bit_length() - 3)
    generator = Generator(resolution, 512, 512, 8192, 512, 0).eval().requires_grad_(False)
    generator = generator.to(device).to(memory_format=torch.channels_last)
    if peer == "compiled":
        generator.compile(mode="reduce-overhead")
    stack.enter_context(constant_weights(generator))
    return generator


def work_of(peer: str, arguments: argparse.Namespace, stack: ExitStack) -> Work:
    """One run of `peer`; contexts that it enters end with `stack`."""
    resolution, batch, device = arguments.resolution, arguments.batch, arguments.device
    is_half, is_rounded = "bf16" in peer or peer == "compiled", "tf32" in peer
    torch.backends.cudnn.allow_tf32 = is_rounded
    if peer.startswith("chain"):
        chain = chain_of(resolution, batch, torch.bfloat16 if is_half else torch.float32, device)
        return captured(chain) if device == "cuda" else chain
    generator, z = generator_of(peer, arguments, stack), torch.randn(batch, 512, device=device)

    def draw() -> None:
        torch.backends.cudnn.allow_tf32 = is_rounded
        with torch.autocast(device, torch.bfloat16, enabled=is_half):
            generator(z)

    return draw


def child(arguments: argparse.Namespace) -> None:
    """Measure the peers in this process, and its peak memory in GiB (on a GPU torch's); prints a line of JSON."""
    from dlcourse.engine.memory import keep_freed_memory

    keep_freed_memory()  # as scripts/sample.py does
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    with torch.no_grad(), ExitStack() as stack:
        works = {peer: work_of(peer, arguments, stack) for peer in arguments.child}
        for work in works.values():
            seconds_of(work, 1)
        turns = [{peer: timed(work) for peer, work in works.items()} for _ in range(arguments.repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if arguments.device == "cuda":
        peak = torch.cuda.max_memory_allocated()
    print(json.dumps({"turns": turns, "peak": peak / 2**30}))


def measure(arguments: argparse.Namespace, resolution: int, batch: int, *peers: str, repeats: int) -> dict:
    """Run `child` in a fresh process, with huge pages as in the scripts."""
    options: dict[str, object] = {"resolution": resolution, "batch": batch, "repeats": repeats}
    options |= {"device": arguments.device, "threads": arguments.threads, "rosinality": arguments.rosinality or ""}
    command = [sys.executable, __file__, *(f"--{key}={value}" for key, value in options.items()), "--child", *peers]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "THP_MEM_ALLOC_ENABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def compare(arguments: argparse.Namespace, resolution: int, batch: int) -> None:
    """Print a row for each peer."""
    precision_of = lambda peer: "bf16" if "bf16" in peer or CHAINS.get(peer) == "bf16" else "fp32"
    peers = [peer for peer in PEERS[arguments.device] if precision_of(peer) in arguments.precisions]
    peers += ["port"] if arguments.rosinality else []
    turns: Turns = []
    for _ in range(arguments.rounds):
        turns += measure(arguments, resolution, batch, *peers, repeats=arguments.repeats)["turns"]
    for peer in peers:
        seconds = statistics.median(turn[peer] for turn in turns)
        line = f"{resolution:4} x{batch} {peer:10} {seconds * 1e3:8.2f} ms"
        if not peer.startswith("chain"):
            peak = measure(arguments, resolution, batch, peer, repeats=1)["peak"]
            line += f"  peak {peak:.2f} GiB  {ratio(turns, peer, f'chain_{CHAINS.get(peer, peer)}')} times its chain"
            if peer != "fp32":
                line += f"  {ratio(turns, 'fp32', peer)} times as fast as fp32"
        print(line, flush=True)


def ratio(turns: Turns, peer: str, other: str) -> str:
    """The median over the turns of the ratio of seconds, and its quartiles."""
    low, middle, high = statistics.quantiles([turn[peer] / turn[other] for turn in turns], n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="G(z) beside the bare chain of its convolutions.")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=9, help="turns in a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=PEERS, default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument(
        "--product", type=int, help="side of the machine's matrix product (default: 2048, or 8192 on a GPU)"
    )
    parser.add_argument("--rosinality", metavar="CLONE", help="measure this port, too")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--resolution", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    torch.set_num_threads(arguments.threads)
    size, rates = arguments.product or (2048 if arguments.device == "cpu" else 8192), []
    for precision in arguments.precisions:
        a = torch.randn(size, size, dtype=PRECISIONS[precision], device=arguments.device)
        seconds = seconds_of(partial(torch.matmul, a, a), 5)
        rates.append(f"{2 * size**3 / seconds / 1e9:.0f} GFLOP/s in {precision}")
    print("machine: matrix product", ", ".join(rates), flush=True)
    for resolution in arguments.resolutions:
        for batch in arguments.batches:
            compare(arguments, resolution, batch)


if __name__ == "__main__":
    main()
