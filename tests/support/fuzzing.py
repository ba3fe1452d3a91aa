"""Damaged files before readers, in processes of bounded memory and time: a crash ends one of them, not the test."""

import json
import os
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mutations import damaged, damaged_inside
from readers import READERS

SECONDS = 3.0  # of the processor's time, for one file; half a second is the most that one takes on an idle machine
MEMORY = 2**30  # bytes of addresses, beyond what a process has at the start
PEAK = 2**28  # bytes of memory, likewise


@dataclass
class EvaluationResult:
    """What became of the files.

    Attributes:
        outcomes: name of an error, or "read" -> how often.
        failures: in words, with reader and seed.
        slowest: seconds of the processor's time, reader and seed.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


def damaged_file(name: str, seed: int) -> bytes:
    """The file of a seed."""
    random = Random(f"{name} {seed}")
    samples = READERS[name].samples()
    damage = random.choice((damaged, damaged_inside))
    return damage(random.choice(samples), random.choice(samples), random)


def fuzz(name: str, seeds: range, sandbox: Path) -> EvaluationResult:
    """Give a reader the files of these seeds."""
    findings, todo = EvaluationResult(), list(seeds)
    READERS[name].samples()  # once for all processes
    while todo:
        receiving, sending = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(receiving)
            work(name, todo, sandbox, sending)
        os.close(sending)
        with os.fdopen(receiving) as lines:
            reports = [json.loads(line) for line in lines]
        _, status = os.waitpid(process, 0)
        done = take(findings, name, reports)
        if status:
            seed, done = todo[done], done + 1
            death = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"status {status}"
            findings.failures.append(f"{name}, seed {seed}: the process ended by {death}")
        todo = todo[done:]
    return findings


def take(findings: EvaluationResult, name: str, reports: list[dict]) -> int:
    """Count the reports of one process."""
    for report in reports:
        findings.outcomes[report["outcome"]] += 1
        findings.slowest = max(findings.slowest, (report["seconds"], f"{name}, seed {report['seed']}"))
        if report["failure"]:
            findings.failures.append(f"{name}, seed {report['seed']}: {report['failure']}")
    return len(reports)


def work(name: str, seeds: list[int], sandbox: Path, sending: int) -> None:
    """Read the files one after the other and report each; never returns."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(sandbox)
    status = 1
    at_start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for seed in seeds:
            before = resource.getrusage(resource.RUSAGE_SELF)
            outcome, failure = case(name, seed, sandbox)
            signal.setitimer(signal.ITIMER_PROF, 0)
            after = resource.getrusage(resource.RUSAGE_SELF)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if after.ru_maxrss - at_start > PEAK // 1024:
                failure = failure or f"{(after.ru_maxrss - at_start) // 1024} MiB of memory"
            report = {"seed": seed, "outcome": outcome, "failure": failure, "seconds": seconds}
            os.write(sending, (json.dumps(report) + "\n").encode())
        status = 0
    finally:
        os._exit(status)


def case(name: str, seed: int, sandbox: Path) -> tuple[str, str]:
    """The outcome of one file, and what is wrong about it."""
    reader, folder = READERS[name], sandbox / "case"
    content = damaged_file(name, seed)
    folder.mkdir()
    os.chdir(folder)
    path = folder / f"file{reader.suffix}"
    path.write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    outcome, failure = "read", ""
    try:
        reader.read(path)
    except reader.errors as error:
        outcome = type(error).__name__
        if "\n" in str(error) or len(str(error)) > 2000 or not str(error):
            failure = f"no message of one line: {str(error)[:300]!r}"
    except BaseException:
        outcome, failure = "mistake", traceback.format_exc()
    if sorted(os.listdir(sandbox)) != ["case"]:
        failure = f"files appeared outside: {os.listdir(sandbox)}"
    shutil.rmtree(folder)
    return outcome, failure


if __name__ == "__main__":  # python tests/support/fuzzing.py READER SEED PATH: the file of a failure, to be looked at
    Path(sys.argv[3]).write_bytes(damaged_file(sys.argv[1], int(sys.argv[2])))
