"""How fast each system trains beside a busy process, with and without dlcourse.engine.spin_wait.

    python benchmarks/neighbours.py
    python benchmarks/neighbours.py stylegan dataset.resolution=64      # one system, and keys of its config

Two processes train one system, on as many threads as its experiment asks for. In one, threads wait for each other as
libgomp has it, spinning; in the other, dlcourse.engine.spin_wait looks after them. They take turns, each alone and
together with a process that is always busy. Run nothing else on the machine.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
SETTINGS = {"spinning": [], "spin_wait.watch": ["--watch"]}
SYSTEMS = {
    "stylegan": ["experiment=stylegan_faces_tiny", "dataset.num_images=64"],  # 32 pixels, 16 images a step
    "style_transfer": ["experiment=style_transfer_offline", "dataset.content_size=256", "runner.max_steps=1000000"],
    "cnn": ["experiment=face_attributes", "dataset.num_images=256", "runner.num_threads=null"],
    "points": ["experiment=points", "runner.max_steps=1000000"],  # one thread
}


def train(watch: bool, overrides: list[str]) -> None:
    """For each line of stdin, the seconds to train for, print the steps per second."""
    import hydra
    import torch
    from omegaconf import OmegaConf

    from dlcourse.engine import spin_wait
    from dlcourse.engine.build import build

    if watch:
        spin_wait.watch()
    with hydra.initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = hydra.compose("train", overrides)
    config: dict = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    runner.prepare(task)
    step = 0
    for line in sys.stdin:
        start, first = time.perf_counter(), step
        while step == first or time.perf_counter() - start < float(line):
            runner.step(task, step)
            step += 1
        print((step - first) / (time.perf_counter() - start), flush=True)


def start(options: list[str], overrides: list[str]) -> subprocess.Popen[str]:
    """Start a process that trains on request."""
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, __file__, "--train", *options, *overrides]
    return subprocess.Popen(command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def rate(process: subprocess.Popen[str], seconds: float) -> float:
    """Let the process train for so many seconds; returns its steps per second."""
    assert process.stdin and process.stdout
    process.stdin.write(f"{seconds}\n")
    return float(process.stdout.readline())


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """Context in which one more process keeps a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measure(overrides: list[str], arguments: argparse.Namespace) -> None:
    """Print the steps per second of a system, alone and beside a busy process."""
    workers = {name: start(options, overrides) for name, options in SETTINGS.items()}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in workers}
    for worker in workers.values():
        rate(worker, 0)  # the first step takes longer
    for _ in range(arguments.rounds):
        for name, worker in workers.items():
            alone = rate(worker, arguments.seconds)
            with busy_process():
                beside = rate(worker, arguments.seconds)
            rates[name].append((alone, beside))
    for name, pairs in rates.items():
        alone, beside, ratio = (
            statistics.median(values)
            for values in ([a for a, _ in pairs], [b for _, b in pairs], [b / a for a, b in pairs])
        )
        print(f"  {name:<18}  {alone:7.2f}  {beside:7.2f}  {ratio:5.2f}", flush=True)
        assert workers[name].stdin
        workers[name].communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each kind")
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=f"systems ({', '.join(SYSTEMS)}; all), and key=value of their config")
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.watch, arguments.words)
        return
    overrides = [word for word in arguments.words if "=" in word]
    if unknown := set(arguments.words) - set(overrides) - SYSTEMS.keys():
        parser.error(f"no such system: {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    print(f"{'steps/s, medians':<20}  {'alone':>7}  {'beside':>7}  ratio")
    for system in [word for word in arguments.words if word in SYSTEMS] or SYSTEMS:
        print(system)
        measure([*SYSTEMS[system], *overrides], arguments)


if __name__ == "__main__":
    main()
